#include "model/torch_score.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>

#include <ATen/ATen.h>

#include "model/torch_tensor.hpp"

namespace cecollm::model {
namespace {

// Positions at a time; the logits of all of them are held at once.
constexpr std::int64_t max_positions_at_once = 256;
constexpr std::int64_t max_logits = std::int64_t{16} << 20;

Result<void> check(const ModelConfig& config, std::span<const TokenId> ids,
                   std::span<const TokenId> targets) {
  if (ids.size() != targets.size()) {
    return fail(ErrorCode::mismatch, std::to_string(ids.size()) + " ids with " +
                                         std::to_string(targets.size()) + " targets");
  }
  if (std::cmp_greater(ids.size(), config.max_positions)) {
    return fail(ErrorCode::out_of_range, std::to_string(ids.size()) +
                                             " positions are beyond the model's " +
                                             std::to_string(config.max_positions));
  }
  for (const auto list : {ids, targets}) {
    for (const TokenId id : list) {
      if (id < 0 || id >= config.vocab_size) {
        return fail(ErrorCode::out_of_range, "token id " + std::to_string(id) +
                                                 " is outside the vocabulary of " +
                                                 std::to_string(config.vocab_size));
      }
    }
  }
  return {};
}

/// Scores logits [n, vocab] against n targets; false if a value is not finite.
bool score_logits(const at::Tensor& logits, std::span<const TokenId> targets,
                  std::span<HeadScore*> scores) {
  const auto largest = logits.max(1);
  const auto argmax = std::get<1>(largest).to(at::kCPU);
  const auto columns = tensor_of_ids(targets, logits.options()).unsqueeze(1);
  const auto maxima = to_host_floats(std::get<0>(largest));
  const auto log_sums = to_host_floats(at::logsumexp(logits, 1));
  const auto target_logits = to_host_floats(logits.gather(1, columns));
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const float log_sum = host_values(log_sums)[i];
    auto& score = *scores[i];
    score.argmax = static_cast<TokenId>(argmax.data_ptr<std::int64_t>()[i]);
    score.max_logit = host_values(maxima)[i];
    score.target_logit = host_values(target_logits)[i];
    score.confidence = std::exp(score.max_logit - log_sum);
    score.target_logprob = score.target_logit - log_sum;
    if (!std::isfinite(log_sum) || !std::isfinite(score.target_logit)) return false;
  }
  return true;
}

}  // namespace

Result<std::vector<std::vector<HeadScore>>> score_text(TorchModel& model, TorchSession& session,
                                                       std::span<const TokenId> ids,
                                                       std::span<const TokenId> targets) {
  if (!model.begins_with_ids()) {
    return fail(ErrorCode::mismatch, "a part that begins with rows cannot score a text");
  }
  if (const auto checked = check(model.config(), ids, targets); !checked) {
    return tl::unexpected(checked.error());
  }
  const auto& stages = model.stages();
  const auto total = static_cast<std::int64_t>(ids.size());
  const std::int64_t step =
      std::clamp<std::int64_t>(max_logits / model.config().vocab_size, 1, max_positions_at_once);
  std::vector<std::vector<HeadScore>> result(ids.size(), std::vector<HeadScore>(stages.size()));
  for (std::int64_t begin = 0; begin < total; begin += step) {
    const auto first = static_cast<std::size_t>(begin);
    const auto count = static_cast<std::size_t>(std::min(step, total - begin));
    at::Tensor rows = model.embed(ids.subspan(first, count));
    for (std::size_t s = 0; s < stages.size(); ++s) {
      const StageInput input{&session.stage(s).cache, begin, {rows}};
      rows = model.run_stage(s, {&input, 1}, OutputRows::all);
      if (stages[s].head.kind != StageHead::Kind::none) {
        std::vector<HeadScore*> scores;
        for (std::size_t i = 0; i < count; ++i) scores.push_back(&result[first + i][s]);
        if (!score_logits(model.logits(s, rows), targets.subspan(first, count), scores)) {
          return fail(ErrorCode::non_finite,
                      "the logits of stage " + std::to_string(s) + " are not all finite");
        }
      }
      if (model.ends_at_first_exit(s)) {
        auto coded = model.code(rows);
        if (!coded) return tl::unexpected(coded.error());
        rows = coded->decoded;
      }
    }
  }
  return result;
}

}  // namespace cecollm::model
