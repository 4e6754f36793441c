#pragma once
// Upload budgets for metered links: bytes per request and per day (UTC). At the limit the edge goes
// on standalone. Counted are frames with their prefix, resent ones too: what the link carries.

#include <chrono>
#include <cstdint>
#include <optional>

namespace cecollm::policy {

struct UploadBudgetSettings {
  std::optional<std::uint64_t> per_request;  // bytes; empty: no limit
  std::optional<std::uint64_t> per_day;
};

using Day = std::chrono::sys_days;

/// The day's budget of one edge.
class DayBudget {
 public:
  /// `spent` on `day`: what a restarted edge remembers, else zero.
  explicit DayBudget(std::optional<std::uint64_t> limit, Day day = {}, std::uint64_t spent = 0);

  /// Books `bytes` if they fit into what is left of the day, else books nothing and is false. Once
  /// something did not fit, the day is exhausted: smaller uploads do not slip through after it.
  bool spend(Day day, std::uint64_t bytes);
  bool exhausted(Day day) const;
  std::uint64_t spent(Day day) const;

 private:
  /// A clock set back a little must not open a spent day again. One that is further back was wrong
  /// before: its day would otherwise last until then.
  static constexpr std::chrono::days set_back{1};
  bool is_another(Day day) const;

  std::optional<std::uint64_t> limit_;
  Day day_;
  std::uint64_t spent_;
  bool refused_ = false;  // on day_
};

/// One request's budget.
class RequestBudget {
 public:
  explicit RequestBudget(std::optional<std::uint64_t> limit) : limit_(limit) {}
  /// As DayBudget::spend.
  bool spend(std::uint64_t bytes);
  bool exhausted() const;
  std::uint64_t spent() const { return spent_; }

 private:
  std::optional<std::uint64_t> limit_;
  std::uint64_t spent_ = 0;
  bool refused_ = false;
};

}  // namespace cecollm::policy
