#include "api/token_requests.hpp"

#include "api/json_fields.hpp"
#include "api/response_writing.hpp"

namespace cecollm::api {

Result<TokenizeRequest> parse_tokenize_request(std::string_view body) {
  const auto json = parse_object(body);
  if (!json) return tl::unexpected(json.error());
  JsonFields fields(*json);
  TokenizeRequest request;
  if (auto prompt = fields.text("prompt")) {
    request.prompt = std::move(*prompt);
  } else {
    fields.refuse("prompt", "is missing");
  }
  request.add_special_tokens = fields.boolean("add_special_tokens").value_or(true);
  if (fields.problem()) return tl::unexpected(*fields.problem());
  return request;
}

std::string tokenize_json(const std::vector<model::TokenId>& ids, const ServedModel& model) {
  return text_of({{"tokens", ids}, {"count", ids.size()}, {"max_model_len", model.max_positions}});
}

Result<std::vector<model::TokenId>> parse_detokenize_request(std::string_view body,
                                                             const ServedModel& model) {
  const auto json = parse_object(body);
  if (!json) return tl::unexpected(json.error());
  JsonFields fields(*json);
  auto ids = fields.token_ids("tokens", model.vocabulary);
  if (!ids) fields.refuse("tokens", "is missing");
  if (fields.problem()) return tl::unexpected(*fields.problem());
  return *std::move(ids);
}

std::string detokenize_json(const std::string& text) {
  return text_of({{"prompt", text}});
}

}  // namespace cecollm::api
