#pragma once
// POST /v1/chat/completions: the request as a value.

#include <cstdint>
#include <string_view>

#include "api/generation_options.hpp"
#include "model/chat_template.hpp"

namespace cecollm::api {

struct ChatRequest {
  model::ChatInput chat;  // at least one message; `format_now` is left open
  GenerationOptions options;
  /// The tokenizer's own special tokens (a beginning-of-text token, say) go around what the
  /// template writes.
  bool add_special_tokens = false;
};

/// Fails with what is wrong with it. Reads no more than `body`.
Result<ChatRequest> parse_chat_request(std::string_view body,
                                       const actors::GenerationRequest& defaults,
                                       const ServedModel& model, std::uint64_t fresh_seed);

}  // namespace cecollm::api
