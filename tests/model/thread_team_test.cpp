#include "model/thread_team.hpp"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace cecollm::model {
namespace {

TEST(ThreadTeam, SharesWorkWithoutGapsOrOverlap) {
  for (const int count : {1, 2, 3, 7}) {
    for (const std::int64_t total : {0, 1, 6, 7, 100}) {
      std::int64_t next = 0;
      for (int i = 0; i < count; ++i) {
        ThreadTeam::Member member;
        member.index = i;
        member.count = count;
        const auto share = member.share_of(total);
        EXPECT_EQ(share.begin, next);
        EXPECT_GE(share.end, share.begin);
        next = share.end;
      }
      EXPECT_EQ(next, total);
    }
  }
}

TEST(ThreadTeam, RunsAsManyMembersAsAskedForButNoMoreThanItHas) {
  ThreadTeam team(3);
  for (const int asked : {2, 1, 3, 8, 2}) {
    std::atomic<int> seen{0};
    std::atomic<int> count{0};
    team.run(asked, [&](const ThreadTeam::Member& member) {
      seen += 1 << member.index;
      count = member.count;
    });
    const int members = std::min(asked, 3);
    EXPECT_EQ(count, members);
    EXPECT_EQ(seen, (1 << members) - 1);
  }
}

TEST(ThreadTeam, OfOneRunsOnTheCaller) {
  ThreadTeam team(0);
  const auto self = std::this_thread::get_id();
  std::thread::id runner;
  team.run(4, [&](const ThreadTeam::Member& member) {
    member.wait_for_all();
    runner = std::this_thread::get_id();
  });
  EXPECT_EQ(runner, self);
}

TEST(ThreadTeam, SeesWhatOthersWroteBeforeTheWait) {
  constexpr int members = 4;
  constexpr int rounds = 2000;
  ThreadTeam team(members);
  std::vector<int> cells(members, 0);
  std::atomic<int> wrong{0};
  for (int run = 0; run < 3; ++run) {
    team.run(members, [&](const ThreadTeam::Member& member) {
      for (int round = 0; round < rounds; ++round) {
        cells[static_cast<std::size_t>(member.index)] = round;
        member.wait_for_all();
        if (std::accumulate(cells.begin(), cells.end(), 0) != members * round) ++wrong;
        member.wait_for_all();
      }
    });
  }
  EXPECT_EQ(wrong, 0);
}

TEST(ThreadTeam, EndsWhileItsThreadsWait) {
  for (int i = 0; i < 50; ++i) {
    ThreadTeam team(3);
    std::atomic<int> ran{0};
    team.run(3, [&](const ThreadTeam::Member& /*member*/) { ++ran; });
    EXPECT_EQ(ran, 3);
  }
}

}  // namespace
}  // namespace cecollm::model
