#include "api/chat_response.hpp"

#include <string>
#include <utility>

#include "model/unicode.hpp"

namespace cecollm::api {
namespace {

Json json_of_token(const std::string& text, float logprob) {
  Json json{{"token", text}, {"logprob", logprob}, {"bytes", nullptr}};
  // A part of a character has no text of its own, so its bytes are not known here.
  if (text.find(model::replacement_character) == std::string::npos) {
    auto bytes = Json::array();
    for (const char byte : text) bytes.push_back(static_cast<unsigned char>(byte));
    json["bytes"] = std::move(bytes);
  }
  return json;
}

}  // namespace

ResponseWriter::Words ChatWriter::words_of_whole(const ChoicePart& part) const {
  return {"message", {{"role", "assistant"}, {"content", part.text}, {"refusal", nullptr}}};
}

ResponseWriter::Words ChatWriter::words_of_piece(const ChoicePart& part, bool first) const {
  Json delta = Json::object();
  if (first) delta["role"] = "assistant";
  // The last piece mostly has no text.
  if (part.end == nullptr || !part.text.empty()) delta["content"] = part.text;
  return {"delta", std::move(delta)};
}

Json ChatWriter::logprobs_of(const ChoicePart& part) const {
  auto tokens = Json::array();
  for (const auto& token : part.tokens) {
    auto json = json_of_token(token_text(detail(), token.token), token.logprob);
    auto alternatives = Json::array();
    for (const auto& [id, logprob] : token.top) {
      alternatives.push_back(json_of_token(token_text(detail(), id), logprob));
    }
    json["top_logprobs"] = std::move(alternatives);
    tokens.push_back(std::move(json));
  }
  return {{"content", std::move(tokens)}, {"refusal", nullptr}};
}

}  // namespace cecollm::api
