#include "model/tokenizer_vocabulary.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "model/quoting.hpp"

namespace cecollm::model {

Vocabulary Vocabulary::parse(const JsonView& vocab) {
  Vocabulary vocabulary;
  if (!vocab.value().is_object() || vocab.value().empty()) {
    vocab.malformed(vocab.is_null() ? "is missing" : "should be an object with at least one token");
    return vocabulary;
  }
  const nlohmann::json& pieces = vocab.value();
  vocabulary.ids_.reserve(pieces.size());
  for (const auto& [piece, value] : pieces.items()) {
    const bool in_range = value.is_number_unsigned() &&
                          value.get<std::uint64_t>() <= static_cast<std::uint64_t>(max_id);
    if (!in_range) {
      const std::string given = value.is_number() ? value.dump() : value.type_name();
      vocab.malformed("gives " + in_quotes(piece) + " the id " + given +
                      ", not an integer from 0 to " + std::to_string(max_id));
      return vocabulary;
    }
    const auto id = value.get<TokenId>();
    const auto [stored, inserted] = vocabulary.ids_.emplace(piece, id);
    if (!vocabulary.place(id, &stored->first)) {
      vocab.malformed("gives the id " + std::to_string(id) + " to both " +
                      in_quotes(vocabulary.piece(id)) + " and " + in_quotes(piece));
      return vocabulary;
    }
  }
  return vocabulary;
}

bool Vocabulary::add(TokenId id, const std::string& piece, bool special, std::string decoded) {
  if (const auto known = find(piece)) {
    if (*known != id) return false;
  } else {
    if (contains(id)) return false;
    const auto [stored, inserted] = added_ids_.emplace(piece, id);
    if (!inserted) return false;
    place(id, &stored->first);
  }
  Entry& entry = entries_[static_cast<std::size_t>(id)];
  entry.special = special;
  if (decoded != piece) entry.decoded = &(decoded_[id] = std::move(decoded));
  return true;
}

bool Vocabulary::place(TokenId id, const std::string* piece) {
  const auto index = static_cast<std::size_t>(id);
  if (index >= entries_.size()) entries_.resize(index + 1);
  if (entries_[index].piece != nullptr) return false;
  entries_[index] = Entry{piece, piece, false};
  ++size_;
  return true;
}

std::optional<TokenId> Vocabulary::find(std::string_view piece) const {
  const auto found = ids_.find(piece);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

const Vocabulary::Entry* Vocabulary::entry(TokenId id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= entries_.size()) return nullptr;
  const Entry& entry = entries_[static_cast<std::size_t>(id)];
  return entry.piece == nullptr ? nullptr : &entry;
}

bool Vocabulary::contains(TokenId id) const {
  return entry(id) != nullptr;
}

std::string_view Vocabulary::piece(TokenId id) const {
  const Entry* found = entry(id);
  return found == nullptr ? std::string_view() : std::string_view(*found->piece);
}

std::string_view Vocabulary::decoded(TokenId id) const {
  const Entry* found = entry(id);
  return found == nullptr ? std::string_view() : std::string_view(*found->decoded);
}

bool Vocabulary::is_special(TokenId id) const {
  const Entry* found = entry(id);
  return found != nullptr && found->special;
}

}  // namespace cecollm::model
