#include "actors/light_scheduler.hpp"

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include <caf/io/middleman.hpp>
#include <gtest/gtest.h>

#include "actors/system_config.hpp"

namespace cecollm::actors {
namespace {

// The functions of actors have an argument each: without, CAF's spawn binds a reference to nothing.

using namespace std::chrono_literals;

constexpr auto patience = 60s;

class LightActors : public ::testing::Test {
 protected:
  caf::io::network::multiplexer& io() { return system_.middleman().backend(); }

  SystemConfig config_;
  caf::actor_system system_{config_};
};

TEST_F(LightActors, RunOnTheIoThread) {
  std::promise<std::thread::id> first;
  std::promise<std::thread::id> second;
  const auto actor = system_.spawn(
      [](caf::event_based_actor* self, std::promise<std::thread::id>* at_first,
         std::promise<std::thread::id>* later) -> caf::behavior {
        at_first->set_value(std::this_thread::get_id());
        return {[later, self](int) {
          later->set_value(std::this_thread::get_id());
          self->quit();
        }};
      },
      &first, &second);
  caf::anon_send(actor, 1);
  EXPECT_EQ(first.get_future().get(), io().thread_id());
  EXPECT_EQ(second.get_future().get(), io().thread_id());
}

TEST_F(LightActors, LetTheSocketsInBetweenHoweverBusyTheyAre) {
  std::atomic<bool> enough = false;
  system_.spawn(
      [](caf::event_based_actor* self, std::atomic<bool>* stop) -> caf::behavior {
        self->send(self, 1);
        return {[stop, self](int) {
          if (*stop) {
            self->quit();
          } else {
            self->send(self, 1);
          }
        }};
      },
      &enough);
  std::promise<void> served;
  io().post([&] { served.set_value(); });
  EXPECT_EQ(served.get_future().wait_for(patience), std::future_status::ready);
  enough = true;
  system_.await_all_actors_done();
}

TEST_F(LightActors, LetTheSocketsInBetweenHoweverManyThereAre) {
  constexpr int count = 2000;
  std::atomic<int> ran = 0;
  std::vector<caf::actor> actors;
  for (int i = 0; i < count; ++i) {
    actors.push_back(system_.spawn(
        [](caf::event_based_actor* self, std::atomic<int>* sum) -> caf::behavior {
          return {[sum, self](int) {
            ++*sum;
            self->quit();
          }};
        },
        &ran));
  }
  std::promise<int> ran_before;
  io().post([&] {  // all of them have something to do, and then it is the sockets' turn
    for (const auto& actor : actors) caf::anon_send(actor, 1);
    io().post([&] { ran_before.set_value(ran); });
  });
  auto before = ran_before.get_future();
  ASSERT_EQ(before.wait_for(patience), std::future_status::ready);
  EXPECT_LT(before.get(), count / 2);
  system_.await_all_actors_done();
  EXPECT_EQ(ran, count);
}

TEST_F(LightActors, HearOfTheirTimers) {
  std::promise<void> rung;
  system_.spawn(
      [](caf::event_based_actor* self, std::promise<void>* bell) -> caf::behavior {
        self->delayed_send(self, 1ms, 1);
        return {[bell, self](int) {
          bell->set_value();
          self->quit();
        }};
      },
      &rung);
  EXPECT_EQ(rung.get_future().wait_for(patience), std::future_status::ready);
}

TEST_F(LightActors, AnswerThreadsThatBlock) {
  const auto multiplier = system_.spawn(
      [](caf::event_based_actor* self, int factor) -> caf::behavior {
        return {[self, factor](int number) {
          if (number == 0) self->quit();
          return factor * number;
        }};
      },
      2);
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      caf::scoped_actor self{system_};
      for (int i = 1; i <= 250; ++i) {
        self->request(multiplier, patience, i)
            .receive([&](int answer) { right += answer == 2 * i ? 1 : 0; },
                     [](const caf::error&) {});
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 1000);
  caf::anon_send(multiplier, 0);
}

TEST(LightScheduler, RunsAllThatADetachedActorSaidBeforeItsSystemEnds) {
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> heard = 0;
    SystemConfig config;
    caf::actor_system system{config};
    const auto listener = system.spawn(
        [](caf::event_based_actor* self, std::atomic<int>* count) -> caf::behavior {
          return {[count, self](int number) {
            ++*count;
            if (number == 99) self->quit();
          }};
        },
        &heard);
    system.spawn<caf::detached>(
        [](caf::event_based_actor* self, const caf::actor& to) {
          for (int number = 0; number < 100; ++number) self->send(to, number);
        },
        listener);
    // The system waits for its actors.
    system.await_all_actors_done();
    EXPECT_EQ(heard, 100);
  }
}

}  // namespace
}  // namespace cecollm::actors
