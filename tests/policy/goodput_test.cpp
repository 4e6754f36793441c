#include "policy/goodput.hpp"

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/policy/test_time.hpp"

namespace cecollm::policy {
namespace {

/// A first-in-first-out pipe whose receiver acknowledges every `ack_every`-th send at once.
class Pipe {
 public:
  Pipe(double bytes_per_second, double round_trip_ms, int ack_every = 1)
      : rate_(bytes_per_second / 1000.0), round_trip_(round_trip_ms), ack_every_(ack_every) {}

  void set_rate(double bytes_per_second) { rate_ = bytes_per_second / 1000.0; }
  double round_trip() const { return round_trip_; }

  void send(GoodputEstimate& estimate, double now, std::uint64_t bytes) {
    deliver(estimate, now);
    estimate.on_sent(at(now), bytes);
    free_at_ = std::max(free_at_, now) + static_cast<double>(bytes) / rate_;
    held_ += bytes;
    if (++sends_ % ack_every_ == 0) {
      acknowledgements_.emplace_back(free_at_ + round_trip_, held_);
      held_ = 0;
    }
  }

  /// Hands over the acknowledgements that are due; returns how many.
  int deliver(GoodputEstimate& estimate, double now) {
    int count = 0;
    for (; next_ < acknowledgements_.size() && acknowledgements_[next_].first <= now; ++next_) {
      estimate.on_acknowledged(at(acknowledgements_[next_].first), acknowledgements_[next_].second,
                               ms(round_trip_));
      ++count;
    }
    return count;
  }

  double queue_ms(double now) const { return std::max(0.0, free_at_ - now); }

 private:
  double rate_;
  double round_trip_;
  int ack_every_;
  int sends_ = 0;
  double free_at_ = 0.0;
  std::uint64_t held_ = 0;
  std::vector<std::pair<double, std::uint64_t>> acknowledgements_;
  std::size_t next_ = 0;
};

TEST(Goodput, KnowsNothingBeforeAnAcknowledgement) {
  GoodputEstimate estimate;
  EXPECT_FALSE(estimate.bytes_per_second());
  estimate.on_sent(at(0), 5000);
  EXPECT_FALSE(estimate.bytes_per_second());
  EXPECT_EQ(estimate.unacknowledged(), 5000U);
  EXPECT_EQ(estimate.backlog(at(100)), 5000.0);
  EXPECT_EQ(estimate.delay(at(100)), Duration::zero());
}

TEST(Goodput, IsBytesOverTransmissionTime) {
  GoodputEstimate estimate;
  estimate.on_sent(at(0), 10000);
  estimate.on_acknowledged(at(150), 10000, ms(50));
  EXPECT_NEAR(*estimate.bytes_per_second(), 100000.0, 1.0);
  EXPECT_EQ(estimate.unacknowledged(), 0U);
}

TEST(Goodput, MeasuresABurstThatIsAcknowledgedPieceByPiece) {
  GoodputEstimate estimate;
  Pipe pipe(100000.0, 40.0);
  for (int i = 0; i < 20; ++i) pipe.send(estimate, 0.0, 2000);
  pipe.deliver(estimate, 10000.0);
  EXPECT_NEAR(*estimate.bytes_per_second(), 100000.0, 1000.0);
}

TEST(Goodput, MeasuresSendsThatAreAcknowledgedTogether) {
  GoodputEstimate estimate;
  Pipe pipe(100000.0, 40.0, 16);
  // 2000 bytes every 15 ms are more than the pipe takes.
  for (int i = 0; i < 160; ++i) pipe.send(estimate, i * 15.0, 2000);
  pipe.deliver(estimate, 100000.0);
  EXPECT_NEAR(*estimate.bytes_per_second(), 100000.0, 10000.0);
}

TEST(Goodput, DoesNotTakeAnIdleSenderForASlowLink) {
  GoodputEstimate estimate;
  Pipe pipe(1e6, 50.0, 8);
  // One row of 2000 bytes each 20 ms is a tenth of the rate.
  for (int i = 0; i < 80; ++i) pipe.send(estimate, i * 20.0, 2000);
  pipe.deliver(estimate, 100000.0);
  EXPECT_GE(*estimate.bytes_per_second(), 0.9e6);
}

TEST(Goodput, IsWithinTenPercentFiveAcknowledgementsAfterAStep) {
  for (const double before : {20e3, 100e3, 600e3}) {
    for (const double after : {20e3, 50e3, 250e3, 600e3}) {
      for (const double round_trip : {1.0, 50.0, 300.0}) {
        GoodputEstimate estimate;
        Pipe pipe(before, round_trip);
        double now = 0.0;
        const std::uint64_t row = 4096;
        for (int i = 0; i < 20; ++i) pipe.send(estimate, now += 30.0, row);
        now += pipe.queue_ms(now) + round_trip;
        pipe.deliver(estimate, now);
        pipe.set_rate(after);
        const std::uint64_t samples = estimate.samples();
        while (estimate.samples() < samples + 5) pipe.send(estimate, now += 10.0, row);
        ASSERT_NEAR(*estimate.bytes_per_second(), after, 0.1 * after)
            << before << " to " << after << " at " << round_trip << " ms";
      }
    }
  }
}

TEST(Goodput, PredictsTheQueueOfABusyUplink) {
  GoodputEstimate estimate;
  Pipe pipe(50000.0, 80.0);
  std::mt19937 generator(5);
  std::uniform_real_distribution<double> gap(10.0, 60.0);
  double now = 0.0;
  for (int i = 0; i < 10; ++i) pipe.send(estimate, now += 60.0, 2048);
  int compared = 0;
  for (int i = 0; i < 400; ++i) {
    pipe.send(estimate, now += gap(generator), 2048);
    const double expected = pipe.queue_ms(now);
    ASSERT_NEAR(to_ms(estimate.delay(at(now))), expected, 45.0 + 0.1 * expected) << i;
    compared += expected > 200.0 ? 1 : 0;
  }
  EXPECT_GT(compared, 50);
}

TEST(Goodput, DrainsTheBacklogWithTime) {
  GoodputEstimate estimate;
  estimate.on_sent(at(0), 10000);
  estimate.on_acknowledged(at(100), 10000, ms(0));
  estimate.on_sent(at(200), 50000);
  EXPECT_NEAR(to_ms(estimate.delay(at(200))), 500.0, 0.1);
  EXPECT_NEAR(to_ms(estimate.delay(at(450))), 250.0, 0.1);
  EXPECT_EQ(estimate.delay(at(800)), Duration::zero());
  EXPECT_EQ(estimate.unacknowledged(), 50000U);
}

TEST(Goodput, NeverCountsAcknowledgedBytesAsBacklog) {
  GoodputEstimate estimate;
  estimate.on_sent(at(0), 1000);
  estimate.on_acknowledged(at(1000), 1000, ms(0));  // 1000 bytes a second
  estimate.on_sent(at(1000), 5000);
  estimate.on_acknowledged(at(1100), 4000, ms(0));
  EXPECT_LE(estimate.backlog(at(1100)), 1000.0);
}

TEST(Goodput, IgnoresAcknowledgementsOfWhatWasNeverSent) {
  GoodputEstimate estimate;
  estimate.on_acknowledged(at(0), 1000, ms(0));
  EXPECT_FALSE(estimate.bytes_per_second());
  estimate.on_sent(at(0), 100);
  estimate.on_acknowledged(at(100), 1000000, ms(0));
  EXPECT_NEAR(*estimate.bytes_per_second(), 1000.0, 1.0);
  EXPECT_EQ(estimate.unacknowledged(), 0U);
  estimate.on_acknowledged(at(200), 1, ms(0));
  EXPECT_EQ(estimate.samples(), 1U);
}

TEST(Goodput, IsNotFooledByAStreamThatIsNotAcknowledged) {
  GoodputEstimate estimate;
  estimate.on_sent(at(0), 1000, 1);
  estimate.on_sent(at(60'000), 10000, 2);
  estimate.on_acknowledged(at(60'100), 10000, ms(0), 2);
  EXPECT_NEAR(*estimate.bytes_per_second(), 100000.0, 1.0);
  EXPECT_EQ(estimate.unacknowledged(), 1000U);
}

TEST(Goodput, ForgetsAStreamThatEndedButNotItsBytesOnTheirWay) {
  GoodputEstimate estimate;
  estimate.on_sent(at(0), 10000, 1);
  estimate.on_acknowledged(at(100), 10000, ms(0), 1);
  estimate.on_sent(at(200), 5000, 1);
  estimate.on_sent(at(201), 700, 2);
  estimate.on_ended(at(201), 1);
  EXPECT_EQ(estimate.unacknowledged(), 700U);
  EXPECT_NEAR(to_ms(estimate.delay(at(201))), 56.0, 0.1);
  EXPECT_NEAR(to_ms(estimate.delay(at(251))), 6.0, 0.1);
  estimate.on_acknowledged(at(300), 5000, ms(0), 1);
  EXPECT_EQ(estimate.unacknowledged(), 700U);
  EXPECT_EQ(estimate.samples(), 1U);
}

TEST(Goodput, HasNothingOnItsWayBehindWhatCameThrough) {
  GoodputEstimate estimate;
  estimate.on_sent(at(0), 1000, 1);
  estimate.on_acknowledged(at(100), 1000, ms(0), 1);  // 10 kB/s
  estimate.on_sent(at(200), 5000, 1);
  estimate.on_ended(at(200), 1);
  estimate.on_sent(at(210), 4000, 2);
  estimate.on_sent(at(230), 300, 3);
  EXPECT_NEAR(to_ms(estimate.delay(at(230))), 900.0, 0.1);
  estimate.on_passed(at(240), at(220));  // a ping, say
  EXPECT_EQ(estimate.backlog(at(240)), 300.0);
  EXPECT_EQ(estimate.unacknowledged(), 4300U) << "no acknowledgement";
  estimate.on_acknowledged(at(260), 300, ms(0), 3);
  EXPECT_EQ(estimate.delay(at(260)), Duration::zero());
}

TEST(Goodput, IsAtLeastWhatCameThrough) {
  GoodputEstimate estimate;
  for (int i = 0; i < 5; ++i) {
    estimate.on_sent(at(1000 * i), 5000);
    estimate.on_acknowledged(at(1000 * i + 500), 5000, ms(0));  // 10 kB/s
  }
  // Streams that end before anything of them is acknowledged, at 100 kB/s.
  for (int i = 0; i < 200; ++i) {
    estimate.on_sent(at(5000 + 10 * i), 1000, 1);
    if (i % 20 == 19) estimate.on_ended(at(5000 + 10 * i), 1);
  }
  EXPECT_NEAR(*estimate.bytes_per_second(), 10e3, 1.0);
  estimate.on_passed(at(7010), at(7000));  // a ping, say
  EXPECT_NEAR(*estimate.bytes_per_second(), 100e3, 1e3);
  EXPECT_EQ(estimate.delay(at(7010)), Duration::zero());
}

TEST(Goodput, IsNotMadeOfTheLittleThatAnIdleSenderGives) {
  GoodputEstimate estimate;
  estimate.on_sent(at(0), 300, 1);
  estimate.on_passed(at(1000), at(500));
  EXPECT_FALSE(estimate.bytes_per_second());
}

TEST(Goodput, StaysBoundedWhereStreamsEndUnacknowledged) {
  GoodputEstimate estimate;
  for (int i = 0; i < 100000; ++i) {
    estimate.on_sent(at(i), 10);
    estimate.on_ended(at(i), 0);
  }
  EXPECT_EQ(estimate.backlog(at(100000)), 1000000.0);
  estimate.on_passed(at(100001), at(100001));
  EXPECT_EQ(estimate.backlog(at(100001)), 0.0);
}

TEST(Goodput, TakesNoSmallRowForASlowLink) {
  GoodputEstimate estimate;
  estimate.on_sent(at(0), 10000);
  estimate.on_acknowledged(at(10), 10000, ms(0));  // 1 MB/s
  for (int i = 1; i < 10; ++i) {
    estimate.on_sent(at(100 * i), 64);
    estimate.on_acknowledged(at(100 * i + 3), 64, ms(0));
  }
  EXPECT_NEAR(*estimate.bytes_per_second(), 1e6, 1.0);
}

TEST(Goodput, StaysFiniteWhereAnAcknowledgementTakesNoTime) {
  GoodputEstimate estimate;
  estimate.on_sent(at(10), 1000);
  estimate.on_acknowledged(at(10), 1000, ms(50));
  EXPECT_NEAR(*estimate.bytes_per_second(), 1e6, 1.0);
}

TEST(Goodput, StaysBoundedWithoutAcknowledgements) {
  GoodputEstimate estimate;
  for (int i = 0; i < 100000; ++i) estimate.on_sent(at(i), 10);
  EXPECT_EQ(estimate.unacknowledged(), 1000000U);
  estimate.on_acknowledged(at(100000), 1000000, ms(0));
  EXPECT_EQ(estimate.unacknowledged(), 0U);
  EXPECT_GT(*estimate.bytes_per_second(), 0.0);
}

}  // namespace
}  // namespace cecollm::policy
