#include "model/torch_session.hpp"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

namespace cecollm::model {
namespace {

constexpr std::int64_t smallest_capacity = 16;

}  // namespace

std::int64_t PendingRows::bytes() const {
  if (!storage_.defined()) return 0;
  return storage_.numel() * static_cast<std::int64_t>(storage_.element_size());
}

void PendingRows::reserve_for(const at::Tensor& rows) {
  const std::int64_t needed = count_ + rows.size(0);
  const std::int64_t capacity = storage_.defined() ? storage_.size(0) : 0;
  if (begin_ + needed <= capacity) return;
  const auto grown = at::empty({std::max({needed, smallest_capacity, 2 * capacity}), rows.size(1)},
                               rows.options());
  if (count_ > 0) grown.narrow(0, 0, count_).copy_(first(count_));
  storage_ = grown;
  begin_ = 0;
}

void PendingRows::append(const at::Tensor& rows) {
  reserve_for(rows);
  storage_.narrow(0, begin_ + count_, rows.size(0)).copy_(rows);
  count_ += rows.size(0);
}

void PendingRows::truncate(std::int64_t count) {
  count_ = count;
  if (count > 0) return;
  storage_ = at::Tensor();
  begin_ = 0;
}

void PendingRows::drop(std::int64_t count) {
  begin_ += count;
  truncate(count_ - count);
}

KvShape kv_shape(const ModelConfig& config, const Stage& stage) {
  return {stage.layers.end - stage.layers.begin, config.num_kv_heads, config.head_dim,
          config.max_positions};
}

Result<std::unique_ptr<TorchSession>> TorchSession::open(const void* owner,
                                                         const ModelConfig& config,
                                                         const std::vector<Stage>& stages,
                                                         const at::TensorOptions& options,
                                                         const SamplingParams& sampling) {
  std::unique_ptr<TorchSession> session(new TorchSession(owner, sampling));
  for (const auto& stage : stages) {
    auto cache = KvCache::reserve(kv_shape(config, stage), options);
    if (!cache) return tl::unexpected(std::move(cache.error()));
    session->stages_.push_back({*std::move(cache), 0, {}, {}});
  }
  return session;
}

void TorchSession::truncate(std::int64_t length) {
  for (auto& stage : stages_) {
    if (length < stage.length) {
      stage.length = length;
      stage.last_output = at::Tensor();
    }
    // A stage's pending rows begin at its own length, so never more than these remain.
    stage.pending.truncate(std::min(stage.pending.count(), length - stage.length));
  }
  length_ = length;
}

Result<void> TorchSession::restart(const SamplingParams& sampling) {
  if (auto valid = validate(sampling); !valid) return tl::unexpected(std::move(valid.error()));
  sampling_ = sampling;
  history_ = {};
  return {};
}

std::int64_t TorchSession::kv_bytes() const {
  std::int64_t total = 0;
  for (const auto& stage : stages_) total += stage.cache.bytes();
  return total;
}

std::int64_t TorchSession::pending_bytes() const {
  std::int64_t total = 0;
  for (const auto& stage : stages_) total += stage.pending.bytes();
  return total;
}

void TorchSession::commit(std::int64_t length, const std::vector<StageChange>& changes,
                          std::optional<TokenHistory> history) {
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    const bool waits = changes[s].added.defined() && !changes[s].last_output.defined();
    if (waits) stages_[s].pending.reserve_for(changes[s].added);
  }
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    auto& stage = stages_[s];
    const auto& change = changes[s];
    if (change.last_output.defined()) {
      stage.pending.drop(std::min(stage.pending.count(), change.length - stage.length));
      stage.last_output = change.last_output;
      stage.length = change.length;
    } else if (change.added.defined()) {
      stage.pending.append(change.added);
    }
  }
  if (history) history_ = *std::move(history);
  length_ = length;
}

}  // namespace cecollm::model
