#include "bench/paper/replayed_exits.hpp"

#include <unordered_map>
#include <utility>

namespace cecollm::bench {
namespace {

/// FNV-1a over the ids' values.
std::uint64_t hash_of(const std::vector<model::TokenId>& ids) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const auto id : ids) {
    hash = (hash ^ static_cast<std::uint64_t>(id)) * 0x100000001B3U;
  }
  return hash;
}

class ReplayedExits final : public model::Engine {
 public:
  ReplayedExits(std::shared_ptr<model::Engine> engine, const ExitReplay& replay)
      : engine_(std::move(engine)), replay_(replay) {}

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
    for (const auto& step : batch) {
      const auto* ids = std::get_if<std::vector<model::TokenId>>(&step.input);
      if (ids != nullptr && step.session->length() == 0) prompts_[step.session] = hash_of(*ids);
    }
    auto results = engine_->run(batch);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (results[i]) replay(batch[i], *results[i]);
    }
    return results;
  }

 private:
  void replay(const model::Step& step, model::StepResult& result) {
    const auto prompt = prompts_[step.session];
    const auto position = static_cast<std::uint64_t>(step.session->length());
    const auto last = config().exits ? config().exits->layers.size() - 1 : 0;
    for (std::size_t i = 0; i < step.read.size(); ++i) {
      const auto& head = stages()[step.read[i]].head;
      if (head.kind != model::StageHead::Kind::exit) continue;
      result.readings[i].confidence =
          is_sure(static_cast<std::size_t>(head.exit), last, prompt, position) ? 1.0F : 0.0F;
    }
  }

  /// One uniform number decides: the first exit, then the last one, then nobody.
  bool is_sure(std::size_t exit, std::size_t last, std::uint64_t prompt,
               std::uint64_t position) const {
    const double at = model::counter_uniform(replay_.seed ^ prompt, position);
    const double sure = 1 - replay_.request_rate;
    if (exit == 0 && last > 0) return at < sure * replay_.first_exit;
    return exit == last && at < sure;
  }

  std::shared_ptr<model::Engine> engine_;
  ExitReplay replay_;
  // By address: a new session at an old one's address begins with a text of its own.
  std::unordered_map<const model::Session*, std::uint64_t> prompts_;
};

}  // namespace

std::shared_ptr<model::Engine> with_replayed_exits(std::shared_ptr<model::Engine> engine,
                                                   const ExitReplay& replay) {
  return std::make_shared<ReplayedExits>(std::move(engine), replay);
}

}  // namespace cecollm::bench
