#pragma once
// Engines that compute all that another one does, but say or take something else: for measurements
// of speed with weights that mean nothing.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "model/engine.hpp"

namespace cecollm::bench {

/// Forwards everything; sessions are the inner engine's.
class DecoratedEngine : public model::Engine {
 public:
  explicit DecoratedEngine(std::shared_ptr<model::Engine> inner) : inner_(std::move(inner)) {}
  const model::ModelConfig& config() const override { return inner_->config(); }
  const std::vector<model::Stage>& stages() const override { return inner_->stages(); }
  const model::RowCodec& row_codec() const override { return inner_->row_codec(); }
  model::Result<std::unique_ptr<model::Session>> open(const model::SamplingParams& s) override {
    return inner_->open(s);
  }
  std::int64_t kv_bytes_at(std::int64_t positions) const override {
    return inner_->kv_bytes_at(positions);
  }
  std::vector<model::Result<model::StepResult>> run(std::span<const model::Step> batch) override {
    return inner_->run(batch);
  }
  model::Result<std::vector<std::vector<model::HeadScore>>> score(
      std::span<const model::TokenId> ids, std::span<const model::TokenId> targets) override {
    return inner_->score(ids, targets);
  }

 private:
  std::shared_ptr<model::Engine> inner_;
};

/// Which head gives each token of a run: the tokens of one response after the other.
struct ExitShares {
  double cloud = 0.0;       // of all tokens
  double first_exit = 0.0;  // of all tokens; the others leave at the second exit
};

/// `tokens` decisions with exactly these shares (rounded), shuffled: 0 and 1 are exits, 2 the
/// cloud.
std::vector<int> shuffled_decisions(const ExitShares& shares, std::size_t tokens,
                                    std::uint64_t seed);

/// An edge whose exits are as sure as `decisions` say: confidence 1 from the exit that gives the
/// token on, 0 before. Responses take turns in the list, `response_tokens` each.
class ReplayedExits final : public DecoratedEngine {
 public:
  ReplayedExits(std::shared_ptr<model::Engine> inner, std::vector<int> decisions,
                std::size_t response_tokens);
  model::Result<std::unique_ptr<model::Session>> open(const model::SamplingParams& s) override;
  std::vector<model::Result<model::StepResult>> run(std::span<const model::Step> batch) override;

 private:
  struct Response {
    std::size_t first_decision = 0;
    std::int64_t prompt = 0;  // positions
  };
  std::vector<int> decisions_;
  std::size_t response_tokens_;
  std::size_t next_ = 0;
  std::map<const model::Session*, Response> responses_;
};

/// An engine whose layers take as long as a slower machine's: a pass is held back until each layer
/// that ran has had `per_layer`, however many rows it ran over (decoding is bound by reading
/// weights).
class SlowedEngine final : public DecoratedEngine {
 public:
  SlowedEngine(std::shared_ptr<model::Engine> inner, std::chrono::nanoseconds per_layer)
      : DecoratedEngine(std::move(inner)), per_layer_(per_layer) {}
  std::vector<model::Result<model::StepResult>> run(std::span<const model::Step> batch) override;

 private:
  std::chrono::nanoseconds per_layer_;
};

}  // namespace cecollm::bench
