#pragma once
// What responses of all kinds are made of.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "actors/generation_types.hpp"
#include "api/served_model.hpp"
#include "model/tokenizer.hpp"

namespace cecollm::api {

/// The same in every part of one response.
struct ResponseHead {
  std::string id;
  std::int64_t created = 0;  // seconds since 1970
  std::string model;
};

struct Usage {
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  std::int64_t cached_tokens = 0;  // of the prompts: kept from an earlier request
};

/// What each choice shows of its tokens beside their text.
struct TokenDetail {
  bool logprobs = false;
  bool extended = false;
  const ServedModel* model = nullptr;           // not null where extended
  const model::Tokenizer* tokenizer = nullptr;  // null: tokens have no text
};

/// The part of one choice that one JSON object shows: all of it, or a piece of a stream.
struct ChoicePart {
  std::size_t index = 0;
  std::string text;
  std::span<const actors::TokenEvent> tokens;
  std::int64_t text_offset = 0;                     // characters before this part
  const actors::GenerationFinished* end = nullptr;  // where this is the last part
};

using Json = nlohmann::ordered_json;

/// On one line; what is no UTF-8 becomes U+FFFD.
std::string text_of(const Json& json);
Json json_of(const Usage& usage);
/// "stop", "length", or null where the choice goes on.
Json finish_reason_of(const ChoicePart& part);
/// Characters, not bytes, of UTF-8: clients index strings of theirs with it.
std::int64_t count_characters(std::string_view text);
/// The text of one token by itself.
std::string token_text(const TokenDetail& detail, model::TokenId id);
/// The choice's own `cecollm` object.
Json extension_of(const ChoicePart& part, const TokenDetail& detail);

/// The JSON of one kind of response. Immutable.
class ResponseWriter {
 public:
  /// Where `usage_follows`, pieces say "usage": null until that of the usage.
  ResponseWriter(ResponseHead head, TokenDetail detail, bool usage_follows)
      : head_(std::move(head)), detail_(detail), usage_follows_(usage_follows) {}
  virtual ~ResponseWriter() = default;

  /// The response in one object.
  std::string whole(std::span<const ChoicePart> choices, const Usage& usage) const;
  /// A piece of a stream; `first` of its choice.
  std::string piece(const ChoicePart& part, bool first) const;
  /// The piece that ends a stream whose usage was asked for.
  std::string usage_piece(const Usage& usage) const;

 protected:
  /// What a choice says, and under which name.
  struct Words {
    const char* name;
    Json value;
  };
  const TokenDetail& detail() const { return detail_; }

 private:
  /// The `object` of a whole response and of a piece.
  virtual const char* kind_of_whole() const = 0;
  virtual const char* kind_of_piece() const = 0;
  virtual Words words_of_whole(const ChoicePart& part) const = 0;
  virtual Words words_of_piece(const ChoicePart& part, bool first) const = 0;
  /// Only where they are asked for.
  virtual Json logprobs_of(const ChoicePart& part) const = 0;

  Json response(const char* kind) const;
  Json choice(const ChoicePart& part, Words words) const;

  ResponseHead head_;
  TokenDetail detail_;
  bool usage_follows_;
};

/// One event of a stream, and the one that ends it.
std::string stream_event(std::string_view json);
inline constexpr std::string_view stream_end = "data: [DONE]\n\n";

}  // namespace cecollm::api
