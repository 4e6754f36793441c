#include "bench/paper/metered_engine.hpp"

#include <thread>
#include <utility>

#include "bench/paper/layer_flops.hpp"

namespace cecollm::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// How far each stage of each session of a batch has come: [session][stage].
using LayersDone = std::vector<std::vector<std::int64_t>>;

class MeteredEngine final : public model::Engine {
 public:
  MeteredEngine(std::shared_ptr<model::Engine> engine, std::shared_ptr<ComputeMeter> meter,
                Pace pace)
      : engine_(std::move(engine)), meter_(std::move(meter)), pace_(pace) {}

  const model::ModelConfig& config() const override { return engine_->config(); }
  const std::vector<model::Stage>& stages() const override { return engine_->stages(); }
  const model::RowCodec& row_codec() const override { return engine_->row_codec(); }
  model::Result<std::unique_ptr<model::Session>> open(
      const model::SamplingParams& sampling) override {
    return engine_->open(sampling);
  }
  std::int64_t kv_bytes_at(std::int64_t positions) const override {
    return engine_->kv_bytes_at(positions);
  }
  model::Result<std::vector<std::vector<model::HeadScore>>> score(
      std::span<const model::TokenId> ids, std::span<const model::TokenId> targets) override {
    return engine_->score(ids, targets);
  }

  std::vector<model::Result<model::StepResult>> run(std::span<const model::Step> batch) override {
    const auto before = progress_of(batch);
    const auto begun = Clock::now();
    meter_->begin_pass();
    auto results = engine_->run(batch);
    ComputeTotals pass;
    pass.passes = 1;
    const auto layers = count_layers(before, progress_of(batch), pass);
    for (const auto& result : results) {
      if (!result) continue;
      pass.head_flops += std::ssize(result->readings) * head_flops(config());
    }
    std::this_thread::sleep_until(begun + layers * pace_.per_layer);
    pass.busy = Clock::now() - begun;
    meter_->end_pass(pass);
    return results;
  }

 private:
  LayersDone progress_of(std::span<const model::Step> batch) const {
    LayersDone progress;
    for (const auto& step : batch) {
      auto& stages_done = progress.emplace_back();
      for (std::size_t stage = 0; stage < stages().size(); ++stage) {
        stages_done.push_back(step.session->stage_length(stage));
      }
    }
    return progress;
  }

  /// Adds what was computed between two states, gives the number of layers that ran.
  int count_layers(const LayersDone& before, const LayersDone& after, ComputeTotals& pass) const {
    int layers_run = 0;
    for (std::size_t stage = 0; stage < stages().size(); ++stage) {
      const auto& range = stages()[stage].layers;
      const int layers = range.end - range.begin;
      bool ran = false;
      for (std::size_t i = 0; i < before.size(); ++i) {
        const auto begin = before[i][stage];
        const auto end = after[i][stage];
        ran = ran || end > begin;
        pass.layer_rows += layers * (end - begin);
        pass.layer_flops += layers * layer_flops(config(), begin, end);
      }
      if (ran) layers_run += layers;
    }
    return layers_run;
  }

  std::shared_ptr<model::Engine> engine_;
  std::shared_ptr<ComputeMeter> meter_;
  Pace pace_;
};

}  // namespace

Pace pace_of(double step_ms, const model::ModelConfig& config) {
  const std::chrono::duration<double, std::milli> layer(step_ms / config.num_layers);
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(layer)};
}

std::shared_ptr<model::Engine> metered(std::shared_ptr<model::Engine> engine,
                                       std::shared_ptr<ComputeMeter> meter, Pace pace) {
  return std::make_shared<MeteredEngine>(std::move(engine), std::move(meter), pace);
}

}  // namespace cecollm::bench
