#include "apps/budget_file.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_directory.hpp"

namespace cecollm::apps {
namespace {

using ::testing::HasSubstr;

class BudgetFiles : public ::testing::Test {
 protected:
  std::string refusal_of(std::string_view content) {
    directory_.write("budget", content);
    const auto loaded = load_spent_budget(file_, today_);
    return loaded ? "loaded" : loaded.error().message;
  }

  tests::TemporaryDirectory directory_;
  std::filesystem::path file_ = directory_.path() / "budget";
  policy::Day today_{std::chrono::days(20000)};  // 2024-10-04
};

TEST_F(BudgetFiles, BeginWithNothingSpent) {
  const auto loaded = load_spent_budget(file_, today_);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->bytes, 0U);
  EXPECT_TRUE(std::filesystem::exists(file_)) << "it was not seen to be writable";
}

TEST_F(BudgetFiles, SayWhatWasSpent) {
  directory_.write("budget", "2024-10-04 1048576\n");
  const auto loaded = load_spent_budget(file_, today_);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(*loaded, (policy::SpentBudget{today_, 1048576}));
}

TEST_F(BudgetFiles, AreRefusedWithFileLineAndCureWhereTheySayAnythingElse) {
  const auto message = refusal_of("2024-10-04 many\n");
  EXPECT_EQ(message, "link.upload_budget_file (--upload-budget-file): " + file_.string() +
                         ":1 is no line of day (UTC) and bytes as '2026-11-28 1048576'; correct "
                         "it, or remove the file to begin the day anew");
  EXPECT_EQ(refusal_of(""), message);
  EXPECT_EQ(refusal_of("2024-10-04 1" + std::string(1000, '0')), message);
  std::ifstream in(file_);
  EXPECT_EQ(in.peek(), '2') << "it was overwritten";
}

TEST_F(BudgetFiles, AreRefusedWhereTheirDayIsYetToCome) {
  EXPECT_THAT(refusal_of("2024-10-05 12\n"), HasSubstr("names a day that is yet to come"));
}

TEST_F(BudgetFiles, AreRefusedWhereTheyCannotBeWritten) {
  const auto file = directory_.path() / "missing" / "budget";
  const auto loaded = load_spent_budget(file, today_);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ExitCode::misused);
  EXPECT_EQ(loaded.error().message,
            "link.upload_budget_file (--upload-budget-file): " + file.string() +
                " cannot be written: No such file or directory");
}

}  // namespace
}  // namespace cecollm::apps
