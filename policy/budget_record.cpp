#include "policy/budget_record.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>

namespace cecollm::policy {
namespace {

/// The number at the front of `text`, of exactly `digits` digits where that is not 0; removed from
/// it. Empty: there is none.
template <class Number>
std::optional<Number> take_number(std::string_view& text, std::size_t digits) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  Number number{};
  const auto* end = text.data() + (digits == 0 ? text.size() : std::min(digits, text.size()));
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  const auto length = static_cast<std::size_t>(stopped - text.data());
  if (error != std::errc{} || (digits != 0 && length != digits)) return std::nullopt;
  text.remove_prefix(length);
  return number;
}

bool take_character(std::string_view& text, char wanted) {
  if (!text.starts_with(wanted)) return false;
  text.remove_prefix(1);
  return true;
}

std::string padded(unsigned number, std::size_t digits) {
  auto text = std::to_string(number);
  return std::string(digits - std::min(digits, text.size()), '0') + text;
}

}  // namespace

std::string to_text(const SpentBudget& spent) {
  const std::chrono::year_month_day date(spent.day);
  return padded(static_cast<unsigned>(static_cast<int>(date.year())), 4) + "-" +
         padded(static_cast<unsigned>(date.month()), 2) + "-" +
         padded(static_cast<unsigned>(date.day()), 2) + " " + std::to_string(spent.bytes) + "\n";
}

std::optional<SpentBudget> parse_spent_budget(std::string_view text) {
  const auto year = take_number<int>(text, 4);
  if (!year || !take_character(text, '-')) return std::nullopt;
  const auto month = take_number<unsigned>(text, 2);
  if (!month || !take_character(text, '-')) return std::nullopt;
  const auto day = take_number<unsigned>(text, 2);
  if (!day || !take_character(text, ' ')) return std::nullopt;
  const auto bytes = take_number<std::uint64_t>(text, 0);
  if (!bytes || (!text.empty() && text != "\n")) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month),
                                         std::chrono::day(*day)};
  if (!date.ok()) return std::nullopt;
  return SpentBudget{std::chrono::sys_days(date), *bytes};
}

std::optional<SpentBudget> BudgetRecord::on_spent(const SpentBudget& spent) {
  const auto most = std::numeric_limits<std::uint64_t>::max();
  const auto ahead = [&](std::uint64_t by) {
    return spent.bytes > most - by ? most : spent.bytes + by;
  };
  if (spent.day == recorded_.day && ahead(step_ / 2) <= recorded_.bytes) return std::nullopt;
  recorded_ = {spent.day, ahead(step_)};
  return recorded_;
}

std::uint64_t record_step(std::uint64_t per_day) {
  return std::clamp<std::uint64_t>(per_day / 100, 4U << 10U, 1U << 20U);
}

}  // namespace cecollm::policy
