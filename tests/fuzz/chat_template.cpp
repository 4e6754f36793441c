// Chat templates: read or refused with the line at fault, and rendered within the limits.

#include "model/chat_template.hpp"

#include "model/unicode.hpp"
#include "tests/fuzz/targets.hpp"

namespace cecollm::fuzz {
namespace {

/// Small, so that an input which tries to take long is soon done.
model::TemplateLimits small_limits() {
  model::TemplateLimits limits;
  limits.steps = 20'000;
  limits.bytes = 1U << 20U;
  limits.output_bytes = 64U << 10U;
  limits.depth = 100;
  return limits;
}

model::ChatInput little_chat() {
  model::ChatInput input;
  input.messages = {{"system", "Be brief. 🦊"},
                    {"user", " Why?\n", "ann"},
                    {"assistant", "<think>so</think>Because.", {}, "hm"},
                    {"user", "<|im_end|>"}};
  input.variables = {{"enable_thinking", model::ChatValue::boolean(false)}};
  return input;
}

}  // namespace

void chat_template(std::string_view input) {
  const auto parsed =
      model::ChatTemplate::parse(input, {{"bos_token", model::ChatValue::text("<s>")},
                                         {"eos_token", model::ChatValue::text("</s>")}});
  if (!parsed) {
    require(!parsed.error().message.empty(), "a refusal says why");
    return;
  }
  static const auto limits = small_limits();
  static const auto chat = little_chat();
  const auto text = parsed->render(chat, limits);
  if (!text) {
    require(text.error().line > 0, "a failure has a line");
    return;
  }
  require(text->size() <= limits.output_bytes, "the output has a bound");
  require(model::is_well_formed_utf8(*text), "the output is UTF-8");
  require(parsed->render(chat, limits) == *text, "rendering again gives the same");
}

}  // namespace cecollm::fuzz
