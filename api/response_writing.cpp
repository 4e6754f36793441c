#include "api/response_writing.hpp"

#include <algorithm>
#include <array>

namespace cecollm::api {
namespace {

Json exit_layer_of(const policy::Source& source, const ServedModel& model) {
  const bool by_exit =
      source.kind == policy::Source::Kind::exit || source.kind == policy::Source::Kind::fallback;
  if (!by_exit || source.exit >= model.exit_layers.size()) return nullptr;
  return model.exit_layers[source.exit];
}

}  // namespace

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json json_of(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}}};
}

Json finish_reason_of(const ChoicePart& part) {
  if (part.end == nullptr) return nullptr;
  return part.end->reason == actors::FinishReason::length ? "length" : "stop";
}

std::int64_t count_characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
  });
}

std::string token_text(const TokenDetail& detail, model::TokenId id) {
  if (detail.tokenizer == nullptr) return std::to_string(id);
  return detail.tokenizer->decode(std::array{id}, false);
}

Json extension_of(const ChoicePart& part, const TokenDetail& detail) {
  auto tokens = Json::array();
  for (const auto& token : part.tokens) {
    tokens.push_back({{"id", token.token},
                      {"text", token.text},
                      {"source", policy::name_of(token.source)},
                      {"exit_layer", exit_layer_of(token.source, *detail.model)},
                      {"confidence", token.confidence}});
  }
  Json json{{"tokens", std::move(tokens)}};
  if (part.end == nullptr) return json;
  auto changes = Json::array();
  for (const auto& change : part.end->mode_switches) {
    changes.push_back({{"token", change.index},
                       {"mode", policy::name_of(change.mode)},
                       {"reason", policy::name_of(change.reason)}});
  }
  json["mode"] = policy::name_of(part.end->mode);
  json["mode_changes"] = std::move(changes);
  json["bytes_up"] = part.end->upload.bytes_up;
  json["rows_up"] = part.end->upload.rows_up;
  if (!part.end->warning.empty()) json["warning"] = part.end->warning;
  return json;
}

std::string ResponseWriter::whole(std::span<const ChoicePart> choices, const Usage& usage) const {
  auto json = response(kind_of_whole());
  auto list = Json::array();
  for (const auto& part : choices) list.push_back(choice(part, words_of_whole(part)));
  json["choices"] = std::move(list);
  json["usage"] = json_of(usage);
  return text_of(json);
}

std::string ResponseWriter::piece(const ChoicePart& part, bool first) const {
  auto json = response(kind_of_piece());
  json["choices"] = Json::array({choice(part, words_of_piece(part, first))});
  if (usage_follows_) json["usage"] = nullptr;
  return text_of(json);
}

std::string ResponseWriter::usage_piece(const Usage& usage) const {
  auto json = response(kind_of_piece());
  json["choices"] = Json::array();
  json["usage"] = json_of(usage);
  return text_of(json);
}

Json ResponseWriter::response(const char* kind) const {
  return {{"id", head_.id}, {"object", kind}, {"created", head_.created}, {"model", head_.model}};
}

Json ResponseWriter::choice(const ChoicePart& part, Words words) const {
  Json json{{"index", part.index},
            {words.name, std::move(words.value)},
            {"logprobs", detail_.logprobs ? logprobs_of(part) : Json()},
            {"finish_reason", finish_reason_of(part)}};
  if (detail_.extended) json["cecollm"] = extension_of(part, detail_);
  return json;
}

std::string stream_event(std::string_view json) {
  std::string event = "data: ";
  event.append(json).append("\n\n");
  return event;
}

}  // namespace cecollm::api
