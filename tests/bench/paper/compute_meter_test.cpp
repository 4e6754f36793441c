#include "bench/paper/compute_meter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_directory.hpp"

namespace cecollm::bench {
namespace {

using std::chrono::nanoseconds;
using testing::HasSubstr;

TEST(ComputeMeter, AddsPassesUp) {
  const auto meter = *ComputeMeter::make();
  meter->begin_pass();
  EXPECT_TRUE(meter->busy());
  meter->end_pass({nanoseconds(5), 1, 2, 3, 4});
  EXPECT_FALSE(meter->busy());
  const auto before = meter->totals();
  meter->begin_pass();
  meter->end_pass({nanoseconds(10), 1, 20, 30, 40});
  EXPECT_EQ(meter->totals(), (ComputeTotals{nanoseconds(15), 2, 22, 33, 44}));
  EXPECT_EQ(meter->totals() - before, (ComputeTotals{nanoseconds(10), 1, 20, 30, 40}));
}

TEST(ComputeMeter, IsOneForAllWhoOpenItsFile) {
  const tests::TemporaryDirectory directory;
  const auto mine = *ComputeMeter::in_file(directory.path() / "meter");
  mine->begin_pass();
  mine->end_pass({nanoseconds(1), 1, 1, 1, 1});
  const auto theirs = *ComputeMeter::in_file(directory.path() / "meter");
  EXPECT_EQ(theirs->totals().passes, 1);
  theirs->begin_pass();
  EXPECT_TRUE(mine->busy());
  theirs->end_pass({nanoseconds(1), 1, 1, 1, 1});
  EXPECT_EQ(mine->totals().passes, 2);
}

TEST(ComputeMeter, NamesTheFileThatCannotBeMade) {
  const tests::TemporaryDirectory directory;
  const auto meter = ComputeMeter::in_file(directory.path() / "missing" / "meter");
  ASSERT_FALSE(meter);
  EXPECT_THAT(meter.error().message, HasSubstr("missing/meter: no meter can be kept here"));
}

}  // namespace
}  // namespace cecollm::bench
