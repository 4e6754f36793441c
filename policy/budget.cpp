#include "policy/budget.hpp"

#include <limits>

namespace cecollm::policy {
namespace {

bool fits(std::uint64_t spent, std::uint64_t bytes, const std::optional<std::uint64_t>& limit) {
  const std::uint64_t most = limit.value_or(std::numeric_limits<std::uint64_t>::max());
  return spent <= most && bytes <= most - spent;
}

}  // namespace

bool DayBudget::is_another(Day day) const {
  return day > day_ || day_ - day > set_back;
}

DayBudget::DayBudget(std::optional<std::uint64_t> limit, Day day, std::uint64_t spent)
    : limit_(limit), day_(day), spent_(spent) {}

bool DayBudget::spend(Day day, std::uint64_t bytes) {
  if (is_another(day)) {
    day_ = day;
    spent_ = 0;
    refused_ = false;
  }
  if (refused_ || !fits(spent_, bytes, limit_)) {
    refused_ = true;
    return false;
  }
  spent_ += bytes;
  return true;
}

bool DayBudget::exhausted(Day day) const {
  if (is_another(day)) return limit_ == 0U;
  return refused_ || (limit_ && spent_ >= *limit_);
}

std::uint64_t DayBudget::spent(Day day) const {
  return is_another(day) ? 0 : spent_;
}

bool RequestBudget::spend(std::uint64_t bytes) {
  if (refused_ || !fits(spent_, bytes, limit_)) {
    refused_ = true;
    return false;
  }
  spent_ += bytes;
  return true;
}

bool RequestBudget::exhausted() const {
  return refused_ || (limit_ && spent_ >= *limit_);
}

}  // namespace cecollm::policy
