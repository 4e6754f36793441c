#include "api/completion_response.hpp"

#include <utility>

namespace cecollm::api {

Json CompletionWriter::logprobs_of(const ChoicePart& part) const {
  auto tokens = Json::array();
  auto logprobs = Json::array();
  auto alternatives = Json::array();
  auto offsets = Json::array();
  auto offset = part.text_offset;
  for (const auto& token : part.tokens) {
    tokens.push_back(token_text(detail(), token.token));
    logprobs.push_back(token.logprob);
    Json top = Json::object();
    for (const auto& [id, logprob] : token.top) {
      // Different ids may have the same text; the most likely comes first and counts.
      const auto text = token_text(detail(), id);
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

}  // namespace cecollm::api
