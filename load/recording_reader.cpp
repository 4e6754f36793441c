#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "load/recording_file.hpp"
#include <nlohmann/json.hpp>

#include "model/json_file.hpp"
#include "model/mapped_file.hpp"

namespace cecollm::load {
namespace {

using model::ErrorCode;
using nlohmann::json;

constexpr std::string_view magic = "CECOLREC";
constexpr std::size_t most_header_bytes = 1U << 20U;
constexpr int most_exits = 256;  // as on the wire
constexpr std::size_t most_digest = 128;
constexpr std::size_t most_ends = 1024;  // end-of-text ids
constexpr std::size_t generation_bytes = 8;
constexpr std::size_t token_bytes = 8;
constexpr std::size_t reading_bytes = 12;

/// Takes numbers from the front; what is not there any more sets `ended` and reads as 0.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : rest_(bytes) {}

  template <class Number>
  Number take() {
    std::make_unsigned_t<Number> bits = 0;
    const auto bytes = take_bytes(sizeof(Number));
    for (std::size_t i = bytes.size(); i-- > 0;) {
      if constexpr (sizeof(Number) > 1) bits = static_cast<decltype(bits)>(bits << 8U);
      bits = static_cast<decltype(bits)>(bits | std::to_integer<unsigned>(bytes[i]));
    }
    return static_cast<Number>(bits);
  }
  float take_float() { return std::bit_cast<float>(take<std::uint32_t>()); }
  /// Empty where there are not so many.
  std::span<const std::byte> take_bytes(std::uint64_t count) {
    if (count > rest_.size()) {
      ended_ = true;
      rest_ = {};
      return {};
    }
    const auto taken = rest_.first(static_cast<std::size_t>(count));
    rest_ = rest_.subspan(static_cast<std::size_t>(count));
    return taken;
  }
  /// So many ids of 4 bytes; the file's size bounds what is allocated.
  std::vector<model::TokenId> take_ids(std::uint64_t count) {
    std::vector<model::TokenId> ids;
    if (!holds(count, sizeof(model::TokenId))) return ids;
    ids.reserve(static_cast<std::size_t>(count));
    for (std::uint64_t i = 0; i < count; ++i) ids.push_back(take<model::TokenId>());
    return ids;
  }
  /// There are `count` things of at least `each` bytes; else it has ended.
  bool holds(std::uint64_t count, std::size_t each) {
    if (count > rest_.size() / each) ended_ = true;
    return !ended_;
  }
  bool ended() const { return ended_; }
  std::size_t left() const { return rest_.size(); }

 private:
  std::span<const std::byte> rest_;
  bool ended_ = false;
};

std::optional<std::vector<int>> whole_numbers(const json* value, int lowest, int highest,
                                              std::size_t most) {
  if (value == nullptr || !value->is_array() || value->size() > most) return std::nullopt;
  std::vector<int> numbers;
  for (const auto& number : *value) {
    if (!number.is_number_integer() || number < lowest || number > highest) return std::nullopt;
    numbers.push_back(number.get<int>());
  }
  return numbers;
}

std::optional<std::vector<float>> fractions(const json* value, std::size_t count) {
  if (value == nullptr || !value->is_array() || value->size() != count) return std::nullopt;
  std::vector<float> numbers;
  for (const auto& number : *value) {
    if (!number.is_number()) return std::nullopt;
    numbers.push_back(number.get<float>());
  }
  return numbers;
}

std::string digest(model::FieldReader& fields, std::string_view key) {
  auto text = fields.text(key);
  if (!text || text->size() > most_digest) {
    fields.fail(ErrorCode::malformed, key, "is no digest");
    return {};
  }
  return *std::move(text);
}

model::Result<RecordedModel> header_in(std::span<const std::byte> bytes, const std::string& name) {
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  const auto header = json::parse(text, text + bytes.size(), nullptr, false);
  if (!header.is_object()) {
    return model::fail(ErrorCode::malformed, name + ": the header is no JSON object");
  }
  constexpr int most = 100'000'000;
  model::FieldReader fields(header, name);
  RecordedModel model;
  model.identity.config_digest = digest(fields, "config_digest");
  model.identity.shared_digest = digest(fields, "shared_digest");
  model.identity.whole_digest = digest(fields, "whole_digest");
  model.hidden_size = fields.required_int("hidden_size", 1, 1 << 20);
  model.num_layers = fields.required_int("num_layers", 1, 1 << 20);
  model.vocab_size = fields.required_int("vocab_size", 1, most);
  model.max_positions = fields.required_int("max_positions", 1, most);
  auto layers = whole_numbers(fields.find("exit_layers"), 1, model.num_layers, most_exits);
  if (!layers || layers->empty() || !std::ranges::is_sorted(*layers)) {
    fields.fail(ErrorCode::malformed, "exit_layers", "are no rising layers of the model");
    layers.emplace();
  }
  auto ends = whole_numbers(fields.find("eos"), 0, model.vocab_size, most_ends);
  if (!ends) fields.fail(ErrorCode::malformed, "eos", "are no token ids");
  auto thresholds = fractions(fields.find("thresholds"), layers->size());
  if (!thresholds) fields.fail(ErrorCode::malformed, "thresholds", "are not one number an exit");
  model.codec = model::find_row_codec(fields.text("row_dtype").value_or(""));
  if (model.codec == nullptr) {
    fields.fail(ErrorCode::malformed, "row_dtype",
                "is none of " + std::string(model::row_codec_names()));
  }
  if (fields.error()) return tl::unexpected(*fields.error());
  model.identity.exit_layers = *std::move(layers);
  model.eos = *std::move(ends);
  model.thresholds = *std::move(thresholds);
  return model;
}

RecordedToken token_in(Cursor& cursor) {
  RecordedToken token;
  token.id = cursor.take<model::TokenId>();
  token.head = cursor.take<std::int16_t>();
  const auto exits = cursor.take<std::uint8_t>();
  const auto close = cursor.take<std::uint8_t>();
  if (!cursor.holds(exits, reading_bytes)) return token;
  for (int i = 0; i < exits; ++i) {
    RecordedReading reading;
    reading.token = cursor.take<model::TokenId>();
    reading.confidence = cursor.take_float();
    reading.time = std::chrono::microseconds(cursor.take<std::uint32_t>());
    token.exits.push_back(reading);
  }
  token.close_ids = cursor.take_ids(close);
  return token;
}

RecordedGeneration generation_in(Cursor& cursor, std::uint32_t prompt, const RecordedModel& model) {
  RecordedGeneration generation;
  const auto tokens = cursor.take<std::uint32_t>();
  generation.prompt = cursor.take_ids(prompt);
  if (!cursor.holds(tokens, token_bytes)) return generation;
  generation.tokens.reserve(tokens);
  for (std::uint32_t i = 0; i < tokens && !cursor.ended(); ++i) {
    generation.tokens.push_back(token_in(cursor));
  }
  const auto positions = std::uint64_t{prompt} + tokens - (tokens > 0 ? 1 : 0);
  generation.rows = cursor.take_bytes(positions * model.codec->row_bytes(model.hidden_size));
  return generation;
}

}  // namespace

model::Result<Recording> parse_recording(std::span<const std::byte> bytes, const std::string& name,
                                         std::shared_ptr<const void> owner) {
  Cursor cursor(bytes);
  const auto malformed = [&](const std::string& why) {
    return model::fail(ErrorCode::malformed, name + ": " + why);
  };
  const auto begin = cursor.take_bytes(magic.size());
  if (!std::ranges::equal(begin, magic, {}, [](std::byte b) { return static_cast<char>(b); })) {
    return malformed("no recording of cecollm record");
  }
  if (const auto version = cursor.take<std::uint32_t>(); version != recording_version) {
    return malformed("a recording of version " + std::to_string(version) +
                     ", this program reads version " + std::to_string(recording_version) +
                     ": record it again");
  }
  const auto header_bytes = cursor.take<std::uint32_t>();
  if (header_bytes > most_header_bytes) return malformed("its header is too long");
  auto model = header_in(cursor.take_bytes(header_bytes), name);
  if (!model) return tl::unexpected(model.error());

  std::vector<RecordedGeneration> generations;
  while (!cursor.ended()) {
    const auto prompt = cursor.take<std::uint32_t>();
    if (prompt == 0) break;
    if (!cursor.holds(prompt, sizeof(model::TokenId)) || cursor.left() < generation_bytes) break;
    generations.push_back(generation_in(cursor, prompt, *model));
  }
  const auto count = cursor.take<std::uint32_t>();
  if (cursor.ended()) return malformed("the recording ends early: record it again");
  if (count != generations.size() || cursor.left() > 0) {
    return malformed("the recording does not end where it should: record it again");
  }
  auto recording = Recording::of(*std::move(model), std::move(generations), std::move(owner));
  if (!recording) return malformed(recording.error().message);
  return recording;
}

model::Result<Recording> open_recording(const std::filesystem::path& file) {
  auto mapped = model::MappedFile::open(file);
  if (!mapped) return tl::unexpected(mapped.error());
  const auto bytes = (*mapped)->bytes();
  return parse_recording(bytes, file.string(), *std::move(mapped));
}

}  // namespace cecollm::load
