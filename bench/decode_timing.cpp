#include "bench/decode_timing.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "bench/default_model.hpp"

namespace cecollm::bench {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

std::unique_ptr<model::Engine> load_variant(const DecodePlan& plan, const DecodeVariant& variant) {
  model::EngineOptions options;
  options.dtype = variant.dtype;
  options.kernels = variant.kernels;
  options.weights = variant.weights;
  const auto checkpoint = need(model::Checkpoint::open(plan.checkpoint));
  return need(model::load_engine(checkpoint, model::Part::cloud_only, options));
}

/// Contexts of one engine that take a step together; after it they stand where they stood.
class Contexts {
 public:
  Contexts(model::Engine& engine, std::int64_t batch, std::int64_t positions)
      : engine_(engine), positions_(positions) {
    const auto head = engine.stages().size() - 1;
    for (std::int64_t i = 0; i < batch; ++i) {
      sessions_.push_back(need(engine.open({})));
      run(engine, step_of(*sessions_.back(), prompt(positions), {head}));
      steps_.push_back(step_of(*sessions_.back(), prompt(1), {head}));
    }
  }
  double step_ms() {
    const auto begin = Clock::now();
    const auto results = engine_.run(steps_);
    const double time = milliseconds_since(begin);
    for (const auto& result : results) need(result);
    for (const auto& session : sessions_) session->truncate(positions_);
    return time;
  }

 private:
  model::Engine& engine_;
  std::int64_t positions_;
  std::vector<std::unique_ptr<model::Session>> sessions_;
  std::vector<model::Step> steps_;
};

}  // namespace

std::vector<DecodeCell> time_decode(const DecodePlan& plan) {
  model::set_compute_threads(plan.threads);
  std::vector<std::unique_ptr<model::Engine>> engines;
  for (const auto& variant : plan.variants) engines.push_back(load_variant(plan, variant));
  std::vector<DecodeCell> cells;
  for (const auto batch : plan.batches) {
    std::vector<Contexts> contexts;
    contexts.reserve(engines.size());
    for (const auto& engine : engines) contexts.emplace_back(*engine, batch, plan.positions);
    std::vector<std::vector<double>> times(engines.size());
    const auto rounds =
        std::max<std::int64_t>(5, plan.rounds * 8 / std::max<std::int64_t>(8, batch));
    for (std::int64_t round = -1; round < rounds; ++round) {
      for (std::size_t i = 0; i < engines.size(); ++i) {
        // Two steps a turn: the first one brings the weights back into the caches.
        contexts[i].step_ms();
        const double time = contexts[i].step_ms();
        if (round >= 0) times[i].push_back(time);
      }
    }
    for (std::size_t i = 0; i < engines.size(); ++i) {
      std::ranges::sort(times[i]);
      cells.push_back(
          {plan.variants[i].name, batch, times[i].front(), times[i][times[i].size() / 2]});
    }
  }
  return cells;
}

std::vector<PrefillCell> time_prefill(const DecodePlan& plan, std::int64_t length) {
  model::set_compute_threads(plan.threads);
  std::vector<PrefillCell> cells;
  std::vector<std::unique_ptr<model::Engine>> engines;
  for (const auto& variant : plan.variants) {
    engines.push_back(load_variant(plan, variant));
    cells.push_back({variant.name, length, 0});
  }
  for (int round = -1; round < plan.rounds; ++round) {
    for (std::size_t i = 0; i < engines.size(); ++i) {
      const auto session = need(engines[i]->open({}));
      const auto step = step_of(*session, prompt(length), {engines[i]->stages().size() - 1});
      const auto begin = Clock::now();
      run(*engines[i], step);
      const double rate = static_cast<double>(length) / milliseconds_since(begin) * 1e3;
      if (round >= 0) cells[i].tokens_per_second = std::max(cells[i].tokens_per_second, rate);
    }
  }
  return cells;
}

std::int64_t weight_bytes(const std::filesystem::path& directory) {
  const auto checkpoint = need(model::Checkpoint::open(directory));
  std::int64_t bytes = 0;
  for (const auto& spec : model::tensors_of(checkpoint.config(), model::Part::cloud_only)) {
    const bool only_looked_up =
        spec.name == "model.embed_tokens.weight" && !checkpoint.config().tied_embeddings;
    if (only_looked_up) continue;
    bytes +=
        static_cast<std::int64_t>(need(checkpoint.require(spec.name, spec.shape)).bytes.size());
  }
  return bytes;
}

}  // namespace cecollm::bench
