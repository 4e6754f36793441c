#pragma once
// One Engine::run: many sessions' steps as one packed pass. Internal to model/torch_*.

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "model/engine.hpp"
#include "model/torch_model.hpp"
#include "model/torch_session.hpp"

namespace cecollm::model {

/// Computes everything first and commits to the sessions last, so that a step that fails leaves its
/// session as it was. Used once.
class TorchPass {
 public:
  /// `owner` is what the engine's sessions belong to.
  TorchPass(TorchModel& model, const void* owner, std::span<const Step> batch);

  /// What libtorch throws passes through; every session is intact then, except those whose results
  /// take_results gives as values.
  void run();
  /// One a step; `unfinished` for those that neither failed nor were committed.
  std::vector<Result<StepResult>> take_results(const Error& unfinished);

 private:
  struct Work {
    const Step* step = nullptr;
    TorchSession* session = nullptr;
    std::int64_t length = 0;  // after the pass
    std::vector<StageChange> changes;
    std::optional<TokenHistory> history;
    StepResult result;
    std::optional<Error> error;
    bool committed = false;
    bool alive() const { return !error.has_value(); }
  };

  Result<void> start(Work& work, const Step& step);
  Result<void> start_input(Work& work);
  void embed_ids();
  bool must_run(const Work& work, std::size_t stage) const;
  void run_stage(std::size_t stage);
  /// What becomes of a stage's outputs; those of the group's i-th end before row ends[i].
  void keep_last_outputs(std::span<Work* const> group, std::size_t stage, const at::Tensor& outputs,
                         std::span<const std::int64_t> ends);
  void keep_coded(std::span<Work* const> group, std::size_t stage, const at::Tensor& outputs,
                  std::span<const std::int64_t> ends);
  void read_heads(std::size_t stage);
  /// [1, d], undefined where a truncation forgot it.
  const at::Tensor& row_to_read(const Work& work, std::size_t stage) const;
  at::Tensor rows_to_read(std::span<Work* const> group, std::size_t stage) const;
  /// False where the device cannot.
  bool read_on_device(std::size_t stage, std::span<Work* const> group);
  void read_on_host(std::size_t stage, std::span<Work* const> group);

  TorchModel& model_;
  const void* owner_;
  std::vector<Work> works_;  // one a step
};

}  // namespace cecollm::model
