#pragma once
// POST /v1/completions: the request as a value.

#include <cstdint>
#include <string_view>
#include <vector>

#include "api/generation_options.hpp"

namespace cecollm::api {

using Prompt = std::variant<std::string, std::vector<model::TokenId>>;

struct CompletionRequest {
  std::vector<Prompt> prompts;  // at least one; each gives options.n choices
  GenerationOptions options;
  bool echo = false;  // the prompt's text goes before each choice
};

/// Fails with what is wrong with it. Reads no more than `body`; knows the bounds of `model`, but
/// not yet how many tokens a text has.
Result<CompletionRequest> parse_completion_request(std::string_view body,
                                                   const actors::GenerationRequest& defaults,
                                                   const ServedModel& model,
                                                   std::uint64_t fresh_seed);

}  // namespace cecollm::api
