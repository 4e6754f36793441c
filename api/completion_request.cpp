#include "api/completion_request.hpp"

#include <utility>

namespace cecollm::api {
namespace {

constexpr std::size_t max_prompts = 128;

void add_prompt(JsonFields& fields, const nlohmann::json& value, const ServedModel& model,
                std::vector<Prompt>& prompts) {
  if (value.is_string()) {
    if (!model.has_tokenizer) {
      fields.refuse("prompt", "is to be token ids: the model has no tokenizer.json");
    }
    prompts.emplace_back(value.get<std::string>());
    return;
  }
  auto ids = token_ids_of(value, model.vocabulary);
  if (ids) {
    prompts.emplace_back(std::move(*ids));
  } else {
    fields.refuse("prompt", "is to be a string, a list of strings, token ids below " +
                                std::to_string(model.vocabulary) + ", or a list of these");
  }
}

/// A string, ids, or a list of either.
void read_prompts(JsonFields& fields, const ServedModel& model, std::vector<Prompt>& prompts) {
  const auto* value = fields.find("prompt");
  if (value == nullptr) {
    fields.refuse("prompt", "is missing");
    return;
  }
  if (!value->is_array() || (!value->empty() && value->front().is_number())) {
    add_prompt(fields, *value, model, prompts);
    return;
  }
  if (value->empty() || value->size() > max_prompts) {
    fields.refuse("prompt", "is to hold from 1 to " + std::to_string(max_prompts) + " prompts");
    return;
  }
  for (const auto& element : *value) add_prompt(fields, element, model, prompts);
}

/// Fields of OpenAI's that would change the answer and that we do not have.
void refuse_unsupported(JsonFields& fields, std::size_t n) {
  if (const auto suffix = fields.text("suffix"); suffix && !suffix->empty()) {
    fields.refuse("suffix", "is not supported");
  }
  if (const auto best_of = fields.integer("best_of");
      best_of && *best_of != static_cast<std::int64_t>(n)) {
    fields.refuse("best_of", "is supported only where it equals n");
  }
}

}  // namespace

Result<CompletionRequest> parse_completion_request(std::string_view body,
                                                   const actors::GenerationRequest& defaults,
                                                   const ServedModel& model,
                                                   std::uint64_t fresh_seed) {
  const auto json = parse_object(body);
  if (!json) return tl::unexpected(json.error());
  JsonFields fields(*json);
  CompletionRequest request;
  auto options = read_generation_options(fields, defaults, model, fresh_seed);
  if (!options) return tl::unexpected(options.error());
  request.options = std::move(*options);
  auto& generation = request.options.generation;
  generation.max_tokens = fields.integer("max_tokens", 0, std::numeric_limits<std::int32_t>::max())
                              .value_or(generation.max_tokens);
  // In this API `logprobs` is a number; a response without it has none.
  generation.sampling.top_logprobs =
      static_cast<int>(fields.integer("logprobs", 0, model::max_top_logprobs).value_or(0));
  request.options.logprobs = fields.find("logprobs") != nullptr;
  request.echo = fields.boolean("echo").value_or(false);
  if (request.echo && request.options.logprobs) {
    fields.refuse("echo", "excludes logprobs: those of the prompt are not known");
  }
  refuse_unsupported(fields, request.options.n);
  read_prompts(fields, model, request.prompts);
  if (fields.problem()) return tl::unexpected(*fields.problem());
  return request;
}

}  // namespace cecollm::api
