#include "policy/batch_plan.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace cecollm::policy {
namespace {

struct Turn {
  std::size_t rank = 0;  // how many of the same client come before
  TimePoint arrived{};
  std::size_t candidate = 0;
};

/// `members` in the order in which they are served.
std::vector<std::size_t> in_fair_order(std::span<const BatchCandidate> candidates,
                                       std::vector<std::size_t> members) {
  const auto arrival = [&](std::size_t i) {
    return std::tuple(candidates[i].arrived, i);
  };
  std::ranges::sort(members, {}, arrival);
  std::map<std::uint64_t, std::size_t> seen;
  std::vector<Turn> turns;
  turns.reserve(members.size());
  for (const auto i : members) {
    turns.push_back({seen[candidates[i].client]++, candidates[i].arrived, i});
  }
  std::ranges::sort(turns, {}, [](const Turn& turn) {
    return std::tuple(turn.rank, turn.arrived, turn.candidate);
  });
  for (std::size_t i = 0; i < turns.size(); ++i) members[i] = turns[i].candidate;
  return members;
}

/// An ask whose rows have all run costs the step the reading of its head, as a row does.
std::int64_t cost_in_rows(std::int64_t rows) {
  return std::max<std::int64_t>(rows, 1);
}

}  // namespace

std::vector<BatchShare> plan_batch(std::span<const BatchCandidate> candidates,
                                   const BatchLimits& limits) {
  const std::int64_t few = std::max<std::int64_t>(1, limits.rows / 8);
  std::vector<std::size_t> near;
  std::vector<std::size_t> far;
  std::vector<std::size_t> ahead;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto& candidate = candidates[i];
    if (!candidate.asked) {
      if (candidate.rows > 0) ahead.push_back(i);
    } else {
      (candidate.rows <= few ? near : far).push_back(i);
    }
  }
  std::vector<BatchShare> shares;
  if (near.empty() && far.empty()) {
    std::int64_t room = std::max<std::int64_t>(1, limits.rows / 4);
    for (const auto i : in_fair_order(candidates, std::move(ahead))) {
      if (room == 0) break;
      const auto rows = std::min(candidates[i].rows, room);
      shares.push_back({i, rows, false});
      room -= rows;
    }
    return shares;
  }
  std::int64_t room = limits.rows;
  const std::int64_t reserved = far.empty() ? 0 : limits.rows / 4;
  for (const auto i : in_fair_order(candidates, std::move(near))) {
    const auto rows = candidates[i].rows;
    const bool first = shares.empty();
    if (shares.size() == limits.tokens || (!first && cost_in_rows(rows) > room - reserved)) break;
    shares.push_back({i, rows, true});
    room = std::max<std::int64_t>(0, room - cost_in_rows(rows));
  }
  for (const auto i : in_fair_order(candidates, std::move(far))) {
    if (room == 0) break;
    const auto rows = std::min(candidates[i].rows, room);
    const bool answers = rows == candidates[i].rows && shares.size() < limits.tokens;
    shares.push_back({i, rows, answers});
    room -= rows;
  }
  return shares;
}

std::vector<std::size_t> find_late(TimePoint now, std::span<const BatchCandidate> candidates,
                                   const BatchLimits& limits, const StepCost& cost) {
  std::vector<std::size_t> late;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto& candidate = candidates[i];
    if (!candidate.asked || !candidate.deadline) continue;
    const auto whole_steps = candidate.rows / limits.rows;
    const auto rest = candidate.rows % limits.rows;
    auto needed = whole_steps * cost.expected(limits.rows);
    if (rest > 0 || whole_steps == 0) needed += cost.expected(cost_in_rows(rest));
    if (now + needed > *candidate.deadline) late.push_back(i);
  }
  return late;
}

Duration retry_after(std::size_t waiting, const BatchLimits& limits, const StepCost& cost) {
  const auto tokens = std::min<std::size_t>(limits.tokens, static_cast<std::size_t>(limits.rows));
  const auto steps = (waiting + tokens - 1) / tokens;
  return static_cast<std::int64_t>(steps) * cost.expected(static_cast<std::int64_t>(tokens));
}

}  // namespace cecollm::policy
