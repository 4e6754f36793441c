#include "model/reference.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace cecollm::model {
namespace {

bool is_exit(const Stage& stage) {
  return stage.head.kind == StageHead::Kind::exit;
}

/// The stages whose heads a request looks at: every exit where there are thresholds, and the final
/// head unless only exits may speak.
Result<std::vector<std::size_t>> stages_to_read(const Engine& engine,
                                                const ReferenceRequest& request) {
  const auto& stages = engine.stages();
  const auto exits = static_cast<std::size_t>(std::ranges::count_if(stages, is_exit));
  if (!request.thresholds.empty() && request.thresholds.size() != exits) {
    return fail(ErrorCode::mismatch, std::to_string(request.thresholds.size()) +
                                         " thresholds for " + std::to_string(exits) + " exits");
  }
  if (request.standalone && request.thresholds.empty()) {
    return fail(ErrorCode::mismatch, "standalone needs early exits and their thresholds");
  }
  std::vector<std::size_t> read;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const bool wanted = is_exit(stages[s])
                            ? !request.thresholds.empty()
                            : stages[s].head.kind == StageHead::Kind::final && !request.standalone;
    if (wanted) read.push_back(s);
  }
  return read;
}

/// The algorithm's rule: the first exit that is sure enough, else the last head that was read.
ReferenceToken decide(std::vector<Reading> readings, const ReferenceRequest& request) {
  std::size_t chosen = 0;
  while (chosen + 1 < readings.size() && readings[chosen].confidence < request.thresholds[chosen]) {
    ++chosen;
  }
  const bool from_exit = chosen < request.thresholds.size();
  auto& reading = readings[chosen];
  return {reading.token, from_exit ? static_cast<int>(chosen) : final_head, reading.confidence,
          reading.logprob, std::move(reading.top)};
}

}  // namespace

Result<std::vector<ReferenceToken>> run_reference(Engine& whole, const ReferenceRequest& request) {
  const auto read = stages_to_read(whole, request);
  if (!read) return tl::unexpected(read.error());
  if (request.prompt.empty()) return fail(ErrorCode::out_of_range, "the prompt has no tokens");
  auto session = whole.open(request.sampling);
  if (!session) return tl::unexpected(session.error());

  std::vector<ReferenceToken> tokens;
  Step step;
  step.session = session->get();
  step.input = request.prompt;
  step.prompt_history = request.prompt;
  step.read = *read;
  while (std::cmp_less(tokens.size(), request.max_tokens)) {
    auto result = std::move(whole.run({&step, 1}).front());
    if (!result) return tl::unexpected(result.error());
    tokens.push_back(decide(std::move(result->readings), request));
    const TokenId id = tokens.back().id;
    if (request.on_token && !request.on_token(tokens.back())) break;
    if (!request.ignore_eos && is_end_of_text(whole.config().eos, id)) break;
    if ((*session)->length() >= whole.config().max_positions) break;
    step.input = std::vector<TokenId>{id};
    step.prompt_history.clear();
    step.output_history = {id};
  }
  return tokens;
}

}  // namespace cecollm::model
