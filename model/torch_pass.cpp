#include "model/torch_pass.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_set>
#include <utility>

#include <ATen/ATen.h>

#include "model/torch_tensor.hpp"

namespace cecollm::model {
namespace {

Result<void> check_ids(std::span<const TokenId> ids, const ModelConfig& config) {
  for (const TokenId id : ids) {
    if (id < 0 || id >= config.vocab_size) {
      return fail(ErrorCode::out_of_range, "token id " + std::to_string(id) +
                                               " is outside the vocabulary of " +
                                               std::to_string(config.vocab_size));
    }
  }
  return {};
}

Result<void> check_piece(const Step& step, const TorchSession& session, std::size_t stages) {
  if (!step.piece) return {};
  const auto& [stage, rows] = *step.piece;
  const bool alone = std::holds_alternative<std::monostate>(step.input) && step.read.empty();
  if (!alone || stage >= stages || rows < 1 || rows > session.stage(stage).pending.count()) {
    return fail(ErrorCode::out_of_range,
                "a piece must come alone and be of rows that wait for its stage");
  }
  return {};
}

Result<void> check_read(const std::vector<std::size_t>& read, const std::vector<Stage>& stages) {
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (read[i] >= stages.size() || stages[read[i]].head.kind == StageHead::Kind::none) {
      return fail(ErrorCode::out_of_range,
                  "stage " + std::to_string(read[i]) + " of this part has no head to read");
    }
    if (i > 0 && read[i] <= read[i - 1]) {
      return fail(ErrorCode::out_of_range, "the stages to read must ascend");
    }
  }
  return {};
}

/// The rows of the i-th of those whose rows end at `ends`.
at::Tensor rows_of(const at::Tensor& rows, std::span<const std::int64_t> ends, std::size_t i) {
  const std::int64_t begin = i == 0 ? 0 : ends[i - 1];
  return rows.narrow(0, begin, ends[i] - begin);
}

/// Rows begin .. end - 1, none of which was clamped.
Rows part_of(const Rows& all, std::int64_t begin, std::int64_t end) {
  const auto row_bytes = std::ssize(*all.bytes) / all.count;
  const auto first = all.bytes->begin() + begin * row_bytes;
  Rows part;
  part.count = end - begin;
  part.codec = all.codec;
  part.bytes =
      std::make_shared<const std::vector<std::byte>>(first, first + part.count * row_bytes);
  return part;
}

/// Whether a reading is the likeliest token and its probability, and nothing else.
bool is_plain(const SamplingParams& sampling) {
  return sampling.temperature == 0.0F && !sampling.has_penalties() && sampling.top_logprobs == 0 &&
         sampling.logit_bias.empty();
}

Error non_finite_logits(std::size_t stage, std::int64_t length) {
  return {ErrorCode::non_finite, "the logits of stage " + std::to_string(stage) + " at position " +
                                     std::to_string(length - 1) + " are not all finite"};
}

}  // namespace

TorchPass::TorchPass(TorchModel& model, const void* owner, std::span<const Step> batch)
    : model_(model), owner_(owner), works_(batch.size()) {
  for (std::size_t i = 0; i < batch.size(); ++i) works_[i].step = &batch[i];
}

void TorchPass::run() {
  std::unordered_set<const Session*> seen;
  for (auto& work : works_) {
    auto started = start(work, *work.step);
    if (started && !seen.insert(work.session).second) {
      started = fail(ErrorCode::mismatch, "two steps of one batch name the same session");
    }
    if (!started) work.error = started.error();
  }
  if (model_.begins_with_ids()) embed_ids();
  for (std::size_t stage = 0; stage < model_.stages().size(); ++stage) {
    run_stage(stage);
    read_heads(stage);
  }
  for (auto& work : works_) {
    if (!work.alive()) continue;
    work.session->commit(work.length, work.changes, std::move(work.history));
    work.committed = true;
  }
}

std::vector<Result<StepResult>> TorchPass::take_results(const Error& unfinished) {
  std::vector<Result<StepResult>> results;
  results.reserve(works_.size());
  for (auto& work : works_) {
    if (work.committed) {
      results.emplace_back(std::move(work.result));
    } else {
      results.emplace_back(tl::unexpected(work.error.value_or(unfinished)));
    }
  }
  return results;
}

Result<void> TorchPass::start(Work& work, const Step& step) {
  work.session = dynamic_cast<TorchSession*>(step.session);
  if (work.session == nullptr || !work.session->belongs_to(owner_)) {
    return fail(ErrorCode::mismatch, "the step's session is not one of this engine");
  }
  work.length = work.session->length();
  work.changes.resize(model_.stages().size());
  if (auto checked = check_read(step.read, model_.stages()); !checked) return checked;
  if (auto checked = check_piece(step, *work.session, model_.stages().size()); !checked) {
    return checked;
  }
  for (const auto* ids : {&step.prompt_history, &step.output_history}) {
    if (auto checked = check_ids(*ids, model_.config()); !checked) return checked;
  }
  if (auto started = start_input(work); !started) return started;
  if (work.length == 0 && !step.read.empty()) {
    return fail(ErrorCode::out_of_range, "a head is to be read before the first position");
  }
  const bool adds_history = !step.prompt_history.empty() || !step.output_history.empty();
  if (adds_history && work.session->sampling().has_penalties()) {
    work.history = work.session->history();
    work.history->add_prompt(step.prompt_history);
    work.history->add_output(step.output_history);
  }
  return {};
}

Result<void> TorchPass::start_input(Work& work) {
  std::int64_t added = 0;
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&work.step->input)) {
    if (!model_.begins_with_ids()) {
      return fail(ErrorCode::mismatch, "token ids given to a part that begins with rows");
    }
    if (auto checked = check_ids(*ids, model_.config()); !checked) return checked;
    added = static_cast<std::int64_t>(ids->size());
  } else if (const auto* rows = std::get_if<Rows>(&work.step->input)) {
    if (model_.begins_with_ids()) {
      return fail(ErrorCode::mismatch, "rows given to a part that begins with token ids");
    }
    auto decoded = model_.decode(*rows);
    if (!decoded) return tl::unexpected(decoded.error());
    added = rows->count;
    if (added > 0) work.changes.front().added = *std::move(decoded);
  }
  const std::int64_t limit = model_.config().max_positions;
  if (added > limit - work.length) {
    return fail(ErrorCode::out_of_range,
                std::to_string(work.length) + " positions and " + std::to_string(added) +
                    " more are beyond the model's " + std::to_string(limit));
  }
  work.length += added;
  return {};
}

void TorchPass::embed_ids() {
  std::vector<TokenId> packed;
  for (const auto& work : works_) {
    const auto* ids = std::get_if<std::vector<TokenId>>(&work.step->input);
    if (work.alive() && ids != nullptr) packed.insert(packed.end(), ids->begin(), ids->end());
  }
  if (packed.empty()) return;
  const auto rows = model_.embed(packed);
  std::int64_t begin = 0;
  for (auto& work : works_) {
    const auto* ids = std::get_if<std::vector<TokenId>>(&work.step->input);
    if (!work.alive() || ids == nullptr || ids->empty()) continue;
    const auto count = static_cast<std::int64_t>(ids->size());
    work.changes.front().added = rows.narrow(0, begin, count);
    begin += count;
  }
}

bool TorchPass::must_run(const Work& work, std::size_t stage) const {
  if (!work.alive()) return false;
  if (!work.changes[stage].added.defined() && work.session->stage(stage).pending.count() == 0) {
    return false;
  }
  if (work.step->piece) return stage == work.step->piece->stage;
  const bool runs_at_once = stage == 0 && model_.begins_with_ids();
  return runs_at_once || work.step->catch_up ||
         (!work.step->read.empty() && stage <= work.step->read.back());
}

void TorchPass::run_stage(std::size_t stage) {
  std::vector<Work*> group;
  std::vector<StageInput> inputs;
  for (auto& work : works_) {
    if (!must_run(work, stage)) continue;
    auto& state = work.session->stage(stage);
    StageInput input{&state.cache, state.length, {}};
    if (const auto waiting = state.pending.count(); waiting > 0) {
      const auto& piece = work.step->piece;
      input.pieces.push_back(state.pending.first(piece ? piece->rows : waiting));
    }
    if (work.changes[stage].added.defined()) input.pieces.push_back(work.changes[stage].added);
    work.changes[stage].length = state.length + input.rows();
    inputs.push_back(std::move(input));
    group.push_back(&work);
  }
  if (group.empty()) return;
  const auto needed = model_.outputs_of(stage);
  const auto outputs = model_.run_stage(stage, inputs, needed);
  std::vector<std::int64_t> ends;
  for (const auto& input : inputs) {
    ends.push_back((ends.empty() ? 0 : ends.back()) +
                   (needed == OutputRows::all ? input.rows() : 1));
  }
  keep_last_outputs(group, stage, outputs, ends);
  if (model_.ends_at_first_exit(stage)) {
    keep_coded(group, stage, outputs, ends);
  } else if (stage + 1 < model_.stages().size()) {
    for (std::size_t i = 0; i < group.size(); ++i) {
      group[i]->changes[stage + 1].added = rows_of(outputs, ends, i);
    }
  }
}

void TorchPass::keep_last_outputs(std::span<Work* const> group, std::size_t stage,
                                  const at::Tensor& outputs, std::span<const std::int64_t> ends) {
  // Copies: views would keep the whole batch's rows alive.
  if (group.size() == 1) {
    group.front()->changes[stage].last_output = outputs.narrow(0, ends.front() - 1, 1).clone();
    return;
  }
  std::vector<std::int64_t> last;
  for (const auto end : ends) last.push_back(end - 1);
  const auto rows = outputs.index_select(0, tensor_of_indices(last, outputs.options()));
  for (std::size_t i = 0; i < group.size(); ++i) {
    group[i]->changes[stage].last_output = rows.narrow(0, static_cast<std::int64_t>(i), 1);
  }
}

void TorchPass::keep_coded(std::span<Work* const> group, std::size_t stage,
                           const at::Tensor& outputs, std::span<const std::int64_t> ends) {
  const auto keep = [&](Work& work, Rows encoded, at::Tensor decoded) {
    work.result.rows = std::move(encoded);
    if (stage + 1 < model_.stages().size()) {
      work.changes[stage + 1].added = std::move(decoded);
    }
  };
  // All at once, which saves a device's round trips, unless somebody's rows need a word of their
  // own.
  if (group.size() > 1) {
    const auto all = model_.code(outputs);
    if (all && all->encoded.clamped == 0) {
      for (std::size_t i = 0; i < group.size(); ++i) {
        keep(*group[i], part_of(all->encoded, i == 0 ? 0 : ends[i - 1], ends[i]),
             rows_of(all->decoded, ends, i));
      }
      return;
    }
  }
  for (std::size_t i = 0; i < group.size(); ++i) {
    auto coded = model_.code(rows_of(outputs, ends, i));
    if (!coded) {
      group[i]->error = coded.error();
    } else {
      keep(*group[i], std::move(coded->encoded), std::move(coded->decoded));
    }
  }
}

void TorchPass::read_heads(std::size_t stage) {
  std::vector<Work*> greedy;
  std::vector<Work*> sampled;
  for (auto& work : works_) {
    if (!work.alive() || std::ranges::count(work.step->read, stage) == 0) continue;
    if (!row_to_read(work, stage).defined()) {
      work.error = Error{ErrorCode::out_of_range,
                         "position " + std::to_string(work.length - 1) +
                             " was computed before a truncation; append it again to read it"};
      continue;
    }
    (is_plain(work.session->sampling()) ? greedy : sampled).push_back(&work);
  }
  if (!greedy.empty() && !read_on_device(stage, greedy)) {
    sampled.insert(sampled.end(), greedy.begin(), greedy.end());
  }
  if (!sampled.empty()) read_on_host(stage, sampled);
}

const at::Tensor& TorchPass::row_to_read(const Work& work, std::size_t stage) const {
  const auto& computed = work.changes[stage].last_output;
  return computed.defined() ? computed : work.session->stage(stage).last_output;
}

at::Tensor TorchPass::rows_to_read(std::span<Work* const> group, std::size_t stage) const {
  std::vector<at::Tensor> rows;
  for (const auto* work : group) rows.push_back(row_to_read(*work, stage));
  return rows.size() == 1 ? rows.front() : at::cat(rows);
}

bool TorchPass::read_on_device(std::size_t stage, std::span<Work* const> group) {
  const auto tokens = model_.read_greedy(stage, rows_to_read(group, stage));
  if (!tokens) return false;
  for (std::size_t i = 0; i < group.size(); ++i) {
    const auto& token = (*tokens)[i];
    if (!token.finite) {
      group[i]->error = non_finite_logits(stage, group[i]->length);
      continue;
    }
    group[i]->result.readings.push_back({token.token,
                                         static_cast<float>(1.0 / token.sum),
                                         static_cast<float>(-std::log(token.sum)),
                                         {}});
  }
  return true;
}

void TorchPass::read_on_host(std::size_t stage, std::span<Work* const> group) {
  const auto logits = to_host_floats(model_.logits(stage, rows_to_read(group, stage)));
  const auto values = host_values(logits);
  const auto vocab = static_cast<std::size_t>(model_.config().vocab_size);
  for (std::size_t i = 0; i < group.size(); ++i) {
    auto& work = *group[i];
    const auto own = values.subspan(i * vocab, vocab);
    if (!std::ranges::all_of(own, [](float value) { return std::isfinite(value); })) {
      work.error = non_finite_logits(stage, work.length);
      continue;
    }
    const auto& history = work.history ? *work.history : work.session->history();
    work.result.readings.push_back(
        read_logits(own, work.session->sampling(), history, work.length));
  }
}

}  // namespace cecollm::model
