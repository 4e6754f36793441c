#pragma once
// POST /tokenize and /detokenize: text to ids and back.

#include <string>
#include <string_view>
#include <vector>

#include "api/error.hpp"
#include "api/served_model.hpp"
#include "model/config.hpp"

namespace cecollm::api {

struct TokenizeRequest {
  std::string prompt;
  bool add_special_tokens = true;  // the beginning-of-text token, say
};

Result<TokenizeRequest> parse_tokenize_request(std::string_view body);
/// {"tokens","count","max_model_len"}.
std::string tokenize_json(const std::vector<model::TokenId>& ids, const ServedModel& model);

Result<std::vector<model::TokenId>> parse_detokenize_request(std::string_view body,
                                                             const ServedModel& model);
/// {"prompt"}.
std::string detokenize_json(const std::string& text);

}  // namespace cecollm::api
