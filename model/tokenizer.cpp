#include "model/tokenizer.hpp"

#include <deque>
#include <system_error>
#include <utility>

#include "model/guarded_text.hpp"
#include "model/tokenizer_decoder.hpp"
#include "model/tokenizer_spec.hpp"
#include "model/unicode.hpp"

namespace cecollm::model {

namespace {

/// The way of one text through the stages of the tokenizer.
class Encoding {
 public:
  /// `guards`: AddedTokens::guard marks what is no special token, and is no text itself.
  Encoding(const TokenizerSpec& spec, bool guards) : spec_(spec), guards_(guards) {}

  std::vector<TokenId> run(std::string_view text) {
    for (const auto& segment : spec_.added_tokens.split(text, AddedTokens::Matching::raw_text)) {
      if (segment.id) {
        ids_.push_back(*segment.id);
      } else {
        encode_raw(text.substr(segment.begin, segment.end - segment.begin), segment.begin == 0);
      }
    }
    return std::move(ids_);
  }

 private:
  void encode_raw(std::string_view text, bool at_start) {
    std::string normalized;
    if (!spec_.normalizer.is_identity()) {
      normalized = spec_.normalizer.apply(text);
      text = normalized;
    }
    for (const auto& segment :
         spec_.added_tokens.split(text, AddedTokens::Matching::normalized_text)) {
      if (segment.id) {
        ids_.push_back(*segment.id);
      } else {
        encode_normalized(text.substr(segment.begin, segment.end - segment.begin),
                          at_start && segment.begin == 0);
      }
    }
  }

  void encode_normalized(std::string_view text, bool at_start) {
    std::string plain;
    if (guards_ && text.find(AddedTokens::guard) != std::string_view::npos) {
      plain = without_guards(text);
      text = plain;
    }
    std::deque<std::string> storage;
    words_.clear();
    spec_.pre_tokenizer.apply(text, at_start, storage, words_);
    for (const std::string_view word : words_) {
      spec_.bpe.encode(word, spec_.vocabulary, scratch_, ids_);
    }
  }

  static std::string without_guards(std::string_view text) {
    std::string plain;
    for (std::size_t end = 0; end != std::string_view::npos;) {
      end = text.find(AddedTokens::guard);
      plain += text.substr(0, end);
      if (end != std::string_view::npos) text.remove_prefix(end + AddedTokens::guard.size());
    }
    return plain;
  }

  const TokenizerSpec& spec_;
  bool guards_;
  std::vector<TokenId> ids_;
  std::vector<std::string_view> words_;
  BpeScratch scratch_;
};

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<TokenizerSpec> spec) : spec_(std::move(spec)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& path) {
  std::error_code ignored;  // what is no directory is read as a file, which reports the error
  const bool is_directory = std::filesystem::is_directory(path, ignored);
  auto spec = read_tokenizer_spec(is_directory ? path / "tokenizer.json" : path);
  if (!spec) return tl::unexpected(std::move(spec.error()));
  return Tokenizer(std::move(*spec));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, bool add_special) const {
  return spec_->post_processor.apply(is_well_formed_utf8(text)
                                         ? Encoding(*spec_, false).run(text)
                                         : Encoding(*spec_, false).run(to_well_formed_utf8(text)),
                                     add_special);
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  DecoderStream stream(spec_->decoder);
  std::string text;
  for (const TokenId id : ids) {
    if (!spec_->vocabulary.contains(id) || (skip_special && is_special(id))) continue;
    stream.push(spec_->vocabulary.decoded(id), text);
  }
  stream.finish(text);
  return text;
}

std::size_t Tokenizer::vocab_size() const {
  return spec_->vocabulary.size();
}
bool Tokenizer::is_special(TokenId id) const {
  return spec_->vocabulary.is_special(id);
}
std::string_view Tokenizer::piece(TokenId id) const {
  return spec_->vocabulary.piece(id);
}

StreamingDetokenizer::StreamingDetokenizer(const Tokenizer& tokenizer, bool skip_special)
    : tokenizer_(&tokenizer),
      skip_special_(skip_special),
      stream_(std::make_unique<DecoderStream>(tokenizer.spec().decoder)) {}

StreamingDetokenizer::StreamingDetokenizer(StreamingDetokenizer&&) noexcept = default;
StreamingDetokenizer& StreamingDetokenizer::operator=(StreamingDetokenizer&&) noexcept = default;
StreamingDetokenizer::~StreamingDetokenizer() = default;

std::string StreamingDetokenizer::push(TokenId id) {
  const Vocabulary& vocabulary = tokenizer_->spec().vocabulary;
  std::string text;
  if (!vocabulary.contains(id) || (skip_special_ && vocabulary.is_special(id))) return text;
  stream_->push(vocabulary.decoded(id), text);
  return text;
}

std::string StreamingDetokenizer::flush() {
  std::string text;
  stream_->finish(text);
  return text;
}

std::string guarded(const Tokenizer& tokenizer, std::string_view text) {
  const auto& tokens = tokenizer.spec().added_tokens;
  return is_well_formed_utf8(text) ? tokens.guarded(text)
                                   : tokens.guarded(to_well_formed_utf8(text));
}

std::vector<TokenId> encode_guarded(const Tokenizer& tokenizer, std::string_view text,
                                    bool add_special) {
  const auto& spec = tokenizer.spec();
  return spec.post_processor.apply(is_well_formed_utf8(text)
                                       ? Encoding(spec, true).run(text)
                                       : Encoding(spec, true).run(to_well_formed_utf8(text)),
                                   add_special);
}

}  // namespace cecollm::model
