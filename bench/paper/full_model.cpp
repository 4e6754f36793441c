#include "bench/paper/full_model.hpp"

#include <utility>

#include "bench/agreement.hpp"
#include "model/checkpoint.hpp"
#include "model/reference.hpp"
#include "model/torch_engine.hpp"

namespace cecollm::bench {

apps::Outcome<FullModel> FullModel::load(const apps::ModelSettings& settings) {
  const auto checkpoint = model::Checkpoint::open(settings.directory, settings.exit_layers);
  if (!checkpoint) return tl::unexpected(apps::to_failure(checkpoint.error()));
  // No row codec: the model as it would run on one machine.
  auto engine = model::load_engine(*checkpoint, model::Part::whole,
                                   {.dtype = settings.dtype, .device = settings.device});
  if (!engine) return tl::unexpected(apps::to_failure(engine.error()));
  return FullModel(*std::move(engine));
}

apps::Outcome<std::vector<model::TokenId>> FullModel::write(
    const std::vector<model::TokenId>& prompt, const ResponseLimits& limits) {
  model::ReferenceRequest request;
  request.prompt = prompt;
  request.max_tokens = static_cast<int>(limits.max_tokens);
  request.ignore_eos = limits.ignore_eos;
  const auto tokens = model::run_reference(*engine_, request);
  if (!tokens) return tl::unexpected(apps::to_failure(tokens.error()));
  std::vector<model::TokenId> ids;
  for (const auto& token : *tokens) ids.push_back(token.id);
  return ids;
}

apps::Outcome<std::int64_t> FullModel::agreeing(const std::vector<model::TokenId>& prompt,
                                                const std::vector<model::TokenId>& emitted) {
  const auto count = agreeing_tokens(*engine_, prompt, emitted);
  if (!count) return tl::unexpected(apps::to_failure(count.error()));
  return *count;
}

}  // namespace cecollm::bench
