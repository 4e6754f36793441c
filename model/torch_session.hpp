#pragma once
// One generation's state on libtorch. Internal to model/torch_*.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/engine.hpp"
#include "model/torch_kv_cache.hpp"

namespace cecollm::model {

/// Rows [n, d] that wait for a stage. Grows by doubling, gives its memory back when emptied.
class PendingRows {
 public:
  std::int64_t count() const { return count_; }
  /// The oldest `count` of them.
  at::Tensor first(std::int64_t count) const { return storage_.narrow(0, begin_, count); }
  std::int64_t bytes() const;
  /// Makes room for `rows`, so that the append that follows cannot fail.
  void reserve_for(const at::Tensor& rows);
  void append(const at::Tensor& rows);
  void truncate(std::int64_t count);
  /// Removes the oldest `count`.
  void drop(std::int64_t count);

 private:
  at::Tensor storage_;      // [capacity, d], undefined while empty
  std::int64_t begin_ = 0;  // of the oldest one in it
  std::int64_t count_ = 0;
};

/// Of the caches of `stage`.
KvShape kv_shape(const ModelConfig& config, const Stage& stage);

/// What a pass adds to one stage of a session; takes effect only at TorchSession::commit.
struct StageChange {
  at::Tensor added;         // [n, d] rows that now wait for the stage, undefined if none
  std::int64_t length = 0;  // positions computed after the pass, where the stage ran
  at::Tensor last_output;   // [1, d], undefined where the stage did not run
};

class TorchSession final : public Session {
 public:
  struct StageState {
    KvCache cache;
    std::int64_t length = 0;  // positions computed
    PendingRows pending;      // inputs of positions from `length` on
    at::Tensor last_output;   // [1, d] at position length - 1; undefined if forgotten
  };

  /// `owner` tells sessions of different engines apart. `exhausted` where there is no room.
  static Result<std::unique_ptr<TorchSession>> open(const void* owner, const ModelConfig& config,
                                                    const std::vector<Stage>& stages,
                                                    const at::TensorOptions& options,
                                                    const SamplingParams& sampling);

  std::int64_t length() const override { return length_; }
  std::int64_t stage_length(std::size_t stage) const override { return stages_[stage].length; }
  void truncate(std::int64_t length) override;
  Result<void> restart(const SamplingParams& sampling) override;
  std::int64_t kv_bytes() const override;
  std::int64_t pending_bytes() const override;

  bool belongs_to(const void* owner) const { return owner_ == owner; }
  const SamplingParams& sampling() const { return sampling_; }
  const TokenHistory& history() const { return history_; }
  StageState& stage(std::size_t index) { return stages_[index]; }
  const StageState& stage(std::size_t index) const { return stages_[index]; }

  /// Makes a pass's changes, one a stage, this session's state; `history` only where it changed.
  /// Changes nothing if it throws.
  void commit(std::int64_t length, const std::vector<StageChange>& changes,
              std::optional<TokenHistory> history);

 private:
  TorchSession(const void* owner, const SamplingParams& sampling)
      : owner_(owner), sampling_(sampling) {}

  const void* owner_;
  SamplingParams sampling_;
  TokenHistory history_;
  std::vector<StageState> stages_;
  std::int64_t length_ = 0;
};

}  // namespace cecollm::model
