#include "bench/decorated_engine.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>
#include <utility>

namespace cecollm::bench {

using model::Result;
using model::Session;
using model::Step;
using model::StepResult;

std::vector<int> shuffled_decisions(const ExitShares& shares, std::size_t tokens,
                                    std::uint64_t seed) {
  const auto share = [&](double part) {
    return static_cast<std::size_t>(std::lround(part * static_cast<double>(tokens)));
  };
  std::vector<int> decisions(tokens, 1);
  const auto asks = share(shares.cloud);
  std::fill_n(decisions.begin(), asks, 2);
  std::fill_n(decisions.begin() + static_cast<std::ptrdiff_t>(asks),
              std::min(share(shares.first_exit), tokens - asks), 0);
  // Fisher and Yates; std::shuffle gives other orders with other libraries.
  std::mt19937_64 random(seed);
  for (std::size_t i = tokens; i > 1; --i) std::swap(decisions[i - 1], decisions[random() % i]);
  return decisions;
}

ReplayedExits::ReplayedExits(std::shared_ptr<model::Engine> inner, std::vector<int> decisions,
                             std::size_t response_tokens)
    : DecoratedEngine(std::move(inner)),
      decisions_(std::move(decisions)),
      response_tokens_(response_tokens) {}

Result<std::unique_ptr<Session>> ReplayedExits::open(const model::SamplingParams& s) {
  auto session = DecoratedEngine::open(s);
  if (session) responses_[session->get()] = {};
  return session;
}

std::vector<Result<StepResult>> ReplayedExits::run(std::span<const Step> batch) {
  auto results = DecoratedEngine::run(batch);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!results[i]) continue;
    auto& response = responses_.at(batch[i].session);
    // A response's first reading comes with the last piece of its prompt.
    if (response.prompt == 0 && !batch[i].read.empty()) {
      response = {next_, batch[i].session->length()};
      next_ = (next_ + response_tokens_) % decisions_.size();
    }
    for (std::size_t r = 0; r < batch[i].read.size(); ++r) {
      const auto token = static_cast<std::size_t>(batch[i].session->length() - response.prompt);
      const int decided = decisions_[(response.first_decision + token) % decisions_.size()];
      results[i]->readings[r].confidence =
          std::cmp_greater_equal(batch[i].read[r], decided) ? 1.0F : 0.0F;
    }
  }
  return results;
}

std::vector<Result<StepResult>> SlowedEngine::run(std::span<const Step> batch) {
  std::vector<std::vector<std::int64_t>> before;
  for (const auto& step : batch) {
    auto& lengths = before.emplace_back();
    for (std::size_t s = 0; s < stages().size(); ++s) {
      lengths.push_back(step.session->stage_length(s));
    }
  }
  const auto begin = std::chrono::steady_clock::now();
  auto results = DecoratedEngine::run(batch);
  int layers = 0;
  for (std::size_t s = 0; s < stages().size(); ++s) {
    const auto ran = [&](std::size_t i) {
      return batch[i].session->stage_length(s) > before[i][s];
    };
    bool any = false;
    for (std::size_t i = 0; i < batch.size(); ++i) any = any || ran(i);
    if (any) layers += stages()[s].layers.end - stages()[s].layers.begin;
  }
  std::this_thread::sleep_until(begin + layers * per_layer_);
  return results;
}

}  // namespace cecollm::bench
