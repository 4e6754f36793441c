#include "transport/inbound_window.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace cecollm::transport {
namespace {

TEST(InboundWindow, ClosesAboveItsLimitAndReopensBelowHalf) {
  int reopened = 0;
  const auto window = std::make_shared<InboundWindow>(100, [&] { ++reopened; });
  auto first = window->take(60);
  EXPECT_FALSE(window->close_if_full());
  auto second = window->take(40);
  EXPECT_FALSE(window->close_if_full());
  auto third = window->take(1);
  EXPECT_TRUE(window->close_if_full());
  third.reset();
  second.reset();
  EXPECT_EQ(reopened, 0);  // 60 are held
  first.reset();
  EXPECT_EQ(reopened, 1);
  window->take(70).reset();
  EXPECT_EQ(reopened, 1);  // it was not closed again
}

TEST(InboundWindow, CountsCopiesOfACreditOnce) {
  int reopened = 0;
  const auto window = std::make_shared<InboundWindow>(100, [&] { ++reopened; });
  auto credit = window->take(101);
  auto copy = credit;
  EXPECT_TRUE(window->close_if_full());
  credit.reset();
  EXPECT_EQ(reopened, 0);
  copy.reset();
  EXPECT_EQ(reopened, 1);
}

TEST(InboundWindow, StaysQuietOnceDisarmed) {
  int reopened = 0;
  auto window = std::make_shared<InboundWindow>(100, [&] { ++reopened; });
  auto credit = window->take(101);
  EXPECT_TRUE(window->close_if_full());
  window->disarm();
  window.reset();
  credit.reset();
  EXPECT_EQ(reopened, 0);
}

TEST(InboundWindow, NeverStaysClosedWithNothingHeld) {
  // Credits are dropped on another thread while the window closes.
  for (int round = 0; round < 2000; ++round) {
    std::atomic<int> reopened = 0;
    const auto window = std::make_shared<InboundWindow>(100, [&] { ++reopened; });
    std::vector<std::shared_ptr<const void>> credits;
    for (int i = 0; i < 4; ++i) {
      credits.push_back(window->take(30));
    }
    std::thread other([&] { credits.clear(); });
    const bool closed = window->close_if_full();
    other.join();
    EXPECT_EQ(reopened, closed ? 1 : 0);
  }
}

}  // namespace
}  // namespace cecollm::transport
