#include "api/completion_response.hpp"

#include <utility>

namespace cecollm::api {
namespace {

Json object_of(const ResponseHead& head) {
  return {{"id", head.id},
          {"object", "text_completion"},
          {"created", head.created},
          {"model", head.model}};
}

Json logprobs_of(const ChoicePart& part, const TokenDetail& detail) {
  auto tokens = Json::array();
  auto logprobs = Json::array();
  auto alternatives = Json::array();
  auto offsets = Json::array();
  auto offset = part.text_offset;
  for (const auto& token : part.tokens) {
    tokens.push_back(token_text(detail, token.token));
    logprobs.push_back(token.logprob);
    Json top = Json::object();
    for (const auto& [id, logprob] : token.top) {
      // Different ids may have the same text; the most likely comes first and counts.
      const auto text = token_text(detail, id);
      if (!top.contains(text)) top[text] = logprob;
    }
    alternatives.push_back(std::move(top));
    offsets.push_back(offset);
    offset += count_characters(token.text);
  }
  return {{"tokens", std::move(tokens)},
          {"token_logprobs", std::move(logprobs)},
          {"top_logprobs", std::move(alternatives)},
          {"text_offset", std::move(offsets)}};
}

Json json_of_choice(const ChoicePart& part, const TokenDetail& detail) {
  Json json{{"index", part.index},
            {"text", part.text},
            {"logprobs", detail.logprobs ? logprobs_of(part, detail) : Json()},
            {"finish_reason", finish_reason_of(part)}};
  if (detail.extended) json["cecollm"] = extension_of(part, detail);
  return json;
}

}  // namespace

CompletionWriter::CompletionWriter(ResponseHead head, TokenDetail detail, bool usage_follows)
    : head_(std::move(head)), detail_(detail), usage_follows_(usage_follows) {}

std::string CompletionWriter::whole(std::span<const ChoicePart> choices, const Usage& usage) const {
  auto json = object_of(head_);
  auto list = Json::array();
  for (const auto& choice : choices) list.push_back(json_of_choice(choice, detail_));
  json["choices"] = std::move(list);
  json["usage"] = json_of(usage);
  return text_of(json);
}

std::string CompletionWriter::piece(const ChoicePart& part, bool /*first*/) const {
  auto json = object_of(head_);
  json["choices"] = Json::array({json_of_choice(part, detail_)});
  if (usage_follows_) json["usage"] = nullptr;
  return text_of(json);
}

std::string CompletionWriter::usage_piece(const Usage& usage) const {
  auto json = object_of(head_);
  json["choices"] = Json::array();
  json["usage"] = json_of(usage);
  return text_of(json);
}

}  // namespace cecollm::api
