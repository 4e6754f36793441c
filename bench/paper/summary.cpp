#include "bench/paper/summary.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>

#include "apps/generation_report.hpp"

namespace cecollm::bench {
namespace {

using apps::in_milliseconds;

template <class Integer>
double real(Integer value) {
  return static_cast<double>(value);
}

using Trials = std::vector<const Trial*>;
using Answers = std::vector<const AnsweredQuestion*>;
template <class Item>
using PartOf = std::function<RatioPart(const Item&)>;

/// Sums by unit (prompt or question), and their ratio with its interval.
template <class Item>
Estimate estimate(const std::vector<const Item*>& items, std::size_t Item::*unit,
                  const PartOf<Item>& part_of, std::uint64_t seed) {
  std::map<std::size_t, RatioPart> units;
  for (const auto* item : items) {
    const auto part = part_of(*item);
    auto& sums = units[item->*unit];
    sums.numerator += part.numerator;
    sums.denominator += part.denominator;
  }
  std::vector<RatioPart> parts;
  parts.reserve(units.size());
  for (const auto& [number, sums] : units) parts.push_back(sums);
  return bootstrap_ratio(parts, {.seed = seed});
}

Estimate mean(const Trials& trials, const std::function<double(const Response&)>& value,
              std::uint64_t seed) {
  return estimate<Trial>(
      trials, &Trial::prompt,
      [&](const Trial& trial) {
        return RatioPart{value(trial.response), 1};
      },
      seed);
}

/// 1 − (what these trials took) / (what the baseline took), prompt by prompt.
std::optional<Estimate> saved(const Trials& trials, const Trials& baseline,
                              const std::function<double(const Response&)>& value,
                              std::uint64_t seed) {
  if (baseline.empty()) return std::nullopt;
  std::map<std::size_t, RatioPart> units;
  for (const auto* trial : trials) units[trial->prompt].numerator += value(trial->response);
  for (const auto* trial : baseline) units[trial->prompt].denominator += value(trial->response);
  std::vector<RatioPart> parts;
  parts.reserve(units.size());
  for (const auto& [prompt, sums] : units) parts.push_back(sums);
  const auto spent = bootstrap_ratio(parts, {.seed = seed});
  return Estimate{1 - spent.value, 1 - spent.high, 1 - spent.low};
}

SideWork work_of(const Trials& trials, ComputeTotals Response::*side) {
  SideWork work;
  const auto count = real(trials.size());
  for (const auto* trial : trials) {
    const auto& totals = trial->response.*side;
    work.layer_gflop += real(totals.layer_flops) / 1e9 / count;
    work.head_gflop += real(totals.head_flops) / 1e9 / count;
    work.layer_rows += real(totals.layer_rows) / count;
  }
  return work;
}

void add_times(ModeSummary& summary, const Trials& trials, std::uint64_t seed) {
  summary.total = mean(
      trials, [](const auto& r) { return in_milliseconds(r.total); }, seed);
  summary.edge = mean(
      trials, [](const auto& r) { return in_milliseconds(r.edge.busy); }, seed);
  summary.cloud = mean(
      trials, [](const auto& r) { return in_milliseconds(r.cloud.busy); }, seed);
  summary.communication = mean(
      trials, [](const auto& r) { return in_milliseconds(r.communication); }, seed);
  if (const auto strategy = summary.mode.strategy;
      strategy != Strategy::cloud_only && strategy != Strategy::standalone) {
    summary.request_communication = estimate<Trial>(
        trials, &Trial::prompt,
        [](const Trial& trial) {
          const auto& response = trial.response;
          return RatioPart{in_milliseconds(response.communication), real(response.from_cloud)};
        },
        seed);
  }
  std::vector<double> first;
  std::vector<double> gaps;
  for (const auto* trial : trials) {
    first.push_back(in_milliseconds(trial->response.first_token));
    for (const auto gap : trial->response.gaps) gaps.push_back(in_milliseconds(gap));
  }
  summary.first_token_p50 = quantile(first, 0.5);
  summary.token_p50 = quantile(gaps, 0.5);
  summary.token_p99 = quantile(gaps, 0.99);
}

void add_shares(ModeSummary& summary, const Trials& trials, std::uint64_t seed) {
  const auto of_tokens = [&](std::int64_t Response::*count) {
    return estimate<Trial>(
        trials, &Trial::prompt,
        [=](const Trial& trial) {
          const auto& response = trial.response;
          return RatioPart{real(response.*count), real(response.tokens.size())};
        },
        seed);
  };
  summary.request_rate = of_tokens(&Response::from_cloud);
  summary.fallback_rate = of_tokens(&Response::fallback);
  summary.vain_rate = of_tokens(&Response::asks_in_vain);
  summary.edge_share = estimate<Trial>(
      trials, &Trial::prompt,
      [](const Trial& trial) {
        const auto edge = real(trial.response.edge.layer_rows);
        return RatioPart{edge, edge + real(trial.response.cloud.layer_rows)};
      },
      seed);
}

void add_sizes(ModeSummary& summary, const Trials& trials) {
  const auto count = real(trials.size());
  for (const auto* trial : trials) {
    summary.up += real(trial->response.bytes_up) / 1024 / count;
    summary.down += real(trial->response.bytes_down) / 1024 / count;
    summary.rows += real(trial->response.row_bytes) / 1024 / count;
  }
}

void add_judgement(ModeSummary& summary, const Trials& trials, std::uint64_t seed) {
  Trials judged;
  Trials compared;
  for (const auto* trial : trials) {
    if (trial->agreed) judged.push_back(trial);
    if (trial->rouge) compared.push_back(trial);
  }
  if (!judged.empty()) {
    summary.agreement = estimate<Trial>(
        judged, &Trial::prompt,
        [](const Trial& trial) {
          return RatioPart{real(*trial.agreed), real(trial.response.tokens.size())};
        },
        seed);
  }
  if (!compared.empty()) {
    summary.rouge = estimate<Trial>(
        compared, &Trial::prompt,
        [](const Trial& trial) {
          return RatioPart{*trial.rouge, 1};
        },
        seed);
  }
}

void add_answers(ModeSummary& summary, const Answers& answers, std::uint64_t seed) {
  if (answers.empty()) return;
  const auto estimate_of = [&](const PartOf<AnsweredQuestion>& part_of) {
    return estimate<AnsweredQuestion>(answers, &AnsweredQuestion::question, part_of, seed);
  };
  summary.right_answers = estimate_of([](const auto& answer) {
    return RatioPart{answer.right ? 1.0 : 0.0, 1};
  });
  summary.same_answers = estimate_of([](const auto& answer) {
    return RatioPart{answer.same_as_full ? 1.0 : 0.0, 1};
  });
  summary.question_agreement = estimate_of([](const auto& answer) {
    return RatioPart{real(answer.agreed), real(answer.tokens)};
  });
}

}  // namespace

std::vector<ModeSummary> summarise(const std::vector<Mode>& modes, const Measurement& measured,
                                   std::uint64_t seed) {
  std::vector<Trials> trials(modes.size());
  std::vector<Answers> answers(modes.size());
  for (const auto& trial : measured.trials) trials[trial.mode].push_back(&trial);
  for (const auto& answer : measured.answers) answers[answer.mode].push_back(&answer);
  const auto cloud_only = std::ranges::find(modes, Strategy::cloud_only, &Mode::strategy);
  const auto baseline = cloud_only == modes.end()
                            ? Trials{}
                            : trials[static_cast<std::size_t>(cloud_only - modes.begin())];
  std::vector<ModeSummary> summaries;
  for (std::size_t i = 0; i < modes.size(); ++i) {
    auto& summary = summaries.emplace_back();
    summary.mode = modes[i];
    add_times(summary, trials[i], seed);
    add_shares(summary, trials[i], seed);
    summary.saved_time = saved(
        trials[i], baseline, [](const auto& r) { return in_milliseconds(r.total); }, seed);
    summary.offloaded = saved(
        trials[i], baseline, [](const auto& r) { return in_milliseconds(r.cloud.busy); }, seed);
    add_sizes(summary, trials[i]);
    summary.edge_work = work_of(trials[i], &Response::edge);
    summary.cloud_work = work_of(trials[i], &Response::cloud);
    add_judgement(summary, trials[i], seed);
    add_answers(summary, answers[i], seed);
  }
  return summaries;
}

}  // namespace cecollm::bench
