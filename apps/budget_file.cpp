#include "apps/budget_file.hpp"

#include <fstream>
#include <string>

#include "actors/budget_keeper.hpp"

namespace cecollm::apps {
namespace {

/// Longer than any line of ours.
constexpr std::size_t most_bytes = 128;

tl::unexpected<Failure> refused(const std::string& why) {
  return misused("link.upload_budget_file (--upload-budget-file): " + why);
}

}  // namespace

Outcome<policy::SpentBudget> load_spent_budget(const std::filesystem::path& file,
                                               policy::Day today) {
  policy::SpentBudget spent;
  std::error_code error;
  if (std::filesystem::exists(file, error)) {
    std::string text(most_bytes, '\0');
    std::ifstream in(file, std::ios::binary);
    in.read(text.data(), most_bytes);
    if (in.bad() || (in.fail() && !in.eof())) return refused(file.string() + " cannot be read");
    text.resize(static_cast<std::size_t>(in.gcount()));
    const auto parsed = policy::parse_spent_budget(text);
    if (!parsed) {
      return refused(file.string() +
                     ":1 is no line of day (UTC) and bytes as '2026-11-28 1048576'; correct it, or "
                     "remove the file to begin the day anew");
    }
    if (parsed->day > today) {
      return refused(file.string() + ":1 names a day that is yet to come: set this machine's " +
                     "clock, or remove the file to begin the day anew");
    }
    spent = *parsed;
  }
  if (const auto written = actors::write_spent_budget(file, spent); !written) {
    return refused(written.error());
  }
  return spent;
}

}  // namespace cecollm::apps
