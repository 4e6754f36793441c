#include "apps/termination.hpp"

#include <future>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

namespace cecollm::apps {
namespace {

using namespace std::chrono_literals;

/// A thread that is there before the signals are blocked, as a library's pool is.
class ElderThread {
 public:
  ~ElderThread() {
    end_.set_value();
    thread_.join();
  }

 private:
  std::promise<void> end_;
  std::thread thread_{[end = end_.get_future()] {
    end.wait();
  }};
};

TEST(Termination, WaitsInVainWhereNoSignalComes) {
  Termination termination;
  EXPECT_FALSE(termination.wait_for(0ms));
  EXPECT_FALSE(termination.wait_for(1ms));
}

TEST(Termination, HearsASignalThatAnElderThreadGets) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const ElderThread elder;
    Termination termination;
    ASSERT_EQ(::kill(::getpid(), signal), 0);
    EXPECT_TRUE(termination.wait_for(30s));
    EXPECT_TRUE(termination.wait_for(0ms));  // and remembers it
  }
}

/// A shell lets its background jobs ignore SIGINT.
TEST(Termination, HearsASignalThatWasIgnoredBefore) {
  struct sigaction before {};
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGINT, &ignore, &before);
  {
    const ElderThread elder;
    Termination termination;
    ASSERT_EQ(::kill(::getpid(), SIGINT), 0);
    EXPECT_TRUE(termination.wait_for(30s));
  }
  sigaction(SIGINT, &before, nullptr);
}

}  // namespace
}  // namespace cecollm::apps
