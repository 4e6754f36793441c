#pragma once
// The full model as the judge of what the modes wrote. It computes in this process, after the
// response that it judges has ended.

#include <memory>
#include <vector>

#include "apps/failure.hpp"
#include "apps/settings.hpp"
#include "bench/paper/response.hpp"
#include "model/engine.hpp"

namespace cecollm::bench {

class FullModel {
 public:
  static apps::Outcome<FullModel> load(const apps::ModelSettings& settings);

  /// What it writes after `prompt`, greedily.
  apps::Outcome<std::vector<model::TokenId>> write(const std::vector<model::TokenId>& prompt,
                                                   const ResponseLimits& limits);
  /// How many of `emitted` it would have chosen after the same text.
  apps::Outcome<std::int64_t> agreeing(const std::vector<model::TokenId>& prompt,
                                       const std::vector<model::TokenId>& emitted);

 private:
  explicit FullModel(std::unique_ptr<model::Engine> engine) : engine_(std::move(engine)) {}
  std::unique_ptr<model::Engine> engine_;
};

}  // namespace cecollm::bench
