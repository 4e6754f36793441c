// More of what fault_schedule_test.cpp does.

#include "tests/support/fault_run.hpp"

namespace cecollm::actors {
namespace {

TEST(FaultSchedules, LoseNothingInThousandsOfThem) {
  tests::run_fault_schedules(1'000'000, 5000);
}

}  // namespace
}  // namespace cecollm::actors
