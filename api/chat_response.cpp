#include "api/chat_response.hpp"

#include <utility>

#include "model/unicode.hpp"

namespace cecollm::api {
namespace {

Json chat_object(const ResponseHead& head, const char* kind) {
  return {{"id", head.id}, {"object", kind}, {"created", head.created}, {"model", head.model}};
}

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

Json chat_logprobs(const ChoicePart& part, const TokenDetail& detail) {
  if (!detail.logprobs) return nullptr;
  auto tokens = Json::array();
  for (const auto& token : part.tokens) {
    auto json = json_of_token(token_text(detail, token.token), token.logprob);
    auto alternatives = Json::array();
    for (const auto& [id, logprob] : token.top) {
      alternatives.push_back(json_of_token(token_text(detail, id), logprob));
    }
    json["top_logprobs"] = std::move(alternatives);
    tokens.push_back(std::move(json));
  }
  return {{"content", std::move(tokens)}, {"refusal", nullptr}};
}

/// The choice, whose `message` or `delta` is `words`.
Json chat_choice(const ChoicePart& part, const TokenDetail& detail, const char* name, Json words) {
  Json json{{"index", part.index},
            {name, std::move(words)},
            {"logprobs", chat_logprobs(part, detail)},
            {"finish_reason", finish_reason_of(part)}};
  if (detail.extended) json["cecollm"] = extension_of(part, detail);
  return json;
}

}  // namespace

ChatWriter::ChatWriter(ResponseHead head, TokenDetail detail, bool usage_follows)
    : head_(std::move(head)), detail_(detail), usage_follows_(usage_follows) {}

std::string ChatWriter::whole(std::span<const ChoicePart> choices, const Usage& usage) const {
  auto json = chat_object(head_, "chat.completion");
  auto list = Json::array();
  for (const auto& choice : choices) {
    list.push_back(
        chat_choice(choice, detail_, "message",
                    {{"role", "assistant"}, {"content", choice.text}, {"refusal", nullptr}}));
  }
  json["choices"] = std::move(list);
  json["usage"] = json_of(usage);
  return text_of(json);
}

std::string ChatWriter::piece(const ChoicePart& part, bool first) const {
  auto json = chat_object(head_, "chat.completion.chunk");
  Json delta = Json::object();
  if (first) delta["role"] = "assistant";
  // The last piece mostly has no text.
  if (part.end == nullptr || !part.text.empty()) delta["content"] = part.text;
  json["choices"] = Json::array({chat_choice(part, detail_, "delta", std::move(delta))});
  if (usage_follows_) json["usage"] = nullptr;
  return text_of(json);
}

std::string ChatWriter::usage_piece(const Usage& usage) const {
  auto json = chat_object(head_, "chat.completion.chunk");
  json["choices"] = Json::array();
  json["usage"] = json_of(usage);
  return text_of(json);
}

}  // namespace cecollm::api
