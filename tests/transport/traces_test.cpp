// The shipped traces: what scripts/make-traces.sh writes, and readable.

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_directory.hpp"
#include "transport/link_shape.hpp"

namespace cecollm::transport {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

const std::filesystem::path shipped = CECOLLM_SOURCE_DIR "/bench/traces";

std::map<std::string, std::string> traces_in(const std::filesystem::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == ".csv") {
      files[entry.path().filename()] = tests::read_whole_file(entry.path());
    }
  }
  return files;
}

TEST(Traces, AreWhatTheirScriptWrites) {
  tests::TemporaryDirectory directory;
  const auto command =
      "sh '" CECOLLM_SOURCE_DIR "/scripts/make-traces.sh' '" + directory.path().string() + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const auto fresh = traces_in(directory.path());
  EXPECT_EQ(fresh.size(), 5U);
  EXPECT_EQ(traces_in(shipped), fresh);
}

/// How long a trace is in each state, of `length`.
std::map<LinkState, LinkTime> time_in_states(const LinkShape& shape, LinkTime length) {
  std::map<LinkState, LinkTime> times;
  for (LinkTime time{0}; time < length;) {
    const auto end = std::min(shape.end_of_segment(time), length);
    times[shape.at(time).state] += end - time;
    time = end;
  }
  return times;
}

TEST(Traces, DoWhatTheirCommentsSay) {
  const auto load = [](const char* name) {
    auto shape = load_link_trace(shipped / name);
    EXPECT_TRUE(shape) << shape.error().message;
    return *shape;
  };
  auto times = time_in_states(load("lte-drive.csv"), 180s);
  EXPECT_GE(times[LinkState::stall], 1s);
  EXPECT_LE(times[LinkState::stall], 10s);
  EXPECT_EQ(times[LinkState::outage], 6s);

  times = time_in_states(load("ship-satellite.csv"), 240s);
  EXPECT_GE(times[LinkState::outage], 9s);
  EXPECT_GE(load("ship-satellite.csv").at(0s).rtt, 590ms);

  times = time_in_states(load("cafe-wifi.csv"), 120s);
  EXPECT_EQ(times[LinkState::reset], 500ms);
  EXPECT_LE(times[LinkState::outage], 2s);

  const auto flapping = load("flapping.csv");
  times = time_in_states(flapping, 60s);
  EXPECT_GE(times[LinkState::outage], 15s);
  EXPECT_GE(times[LinkState::up], 25s);
  EXPECT_GT(times[LinkState::reset], 0s);

  const auto decay = load("slow-decay.csv");
  EXPECT_LT(decay.at(0s).rtt, 6ms);
  EXPECT_GT(decay.at(120s).rtt, 700ms);
  EXPECT_GT(decay.at(0s).up_bytes_per_second, 5e6);
  EXPECT_LT(decay.at(120s).up_bytes_per_second, 15e3);
  EXPECT_EQ(decay.end_of_segment(121s), LinkTime::max());
  for (const auto* name :
       {"lte-drive.csv", "ship-satellite.csv", "cafe-wifi.csv", "flapping.csv"}) {
    EXPECT_NE(load(name).end_of_segment(1000s), LinkTime::max()) << name << " does not loop";
  }
}

}  // namespace
}  // namespace cecollm::transport
