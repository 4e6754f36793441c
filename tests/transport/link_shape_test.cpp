#include "transport/link_shape.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_directory.hpp"

namespace cecollm::transport {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(LinkShape, IsPerfectByDefault) {
  const LinkShape shape;
  const auto link = shape.at(5s);
  EXPECT_EQ(link.rtt, 0ns);
  EXPECT_EQ(link.up_bytes_per_second, 0);
  EXPECT_EQ(link.state, LinkState::up);
  EXPECT_EQ(shape.end_of_segment(5s), LinkTime::max());
}

TEST(LinkShape, LastsForEverOrBeginsAnew) {
  std::vector<LinkSegment> segments(2);
  segments[0].rtt = 10ms;
  segments[1].start = 2s;
  segments[1].rtt = 20ms;
  const LinkShape once(segments, 0s);
  EXPECT_EQ(once.at(1999ms).rtt, 10ms);
  EXPECT_EQ(once.at(2s).rtt, 20ms);
  EXPECT_EQ(once.at(1h).rtt, 20ms);
  EXPECT_EQ(once.end_of_segment(0s), 2s);
  EXPECT_EQ(once.end_of_segment(2s), LinkTime::max());

  const LinkShape again(segments, 3s);
  EXPECT_EQ(again.at(3s).rtt, 10ms);
  EXPECT_EQ(again.at(5s).rtt, 20ms);
  EXPECT_EQ(again.at(5s).start, 5s);
  EXPECT_EQ(again.end_of_segment(3s), 5s);
  EXPECT_EQ(again.end_of_segment(5s), 6s);
}

TEST(LinkSpec, ReadsEveryKey) {
  const auto shape = parse_link_spec("rtt=50ms,jitter=5ms,up=5mbit,down=0.02gbit,loss=1%,seed=7");
  ASSERT_TRUE(shape) << shape.error().message;
  const auto link = shape->at(0s);
  EXPECT_EQ(link.rtt, 50ms);
  EXPECT_EQ(link.up_bytes_per_second, 625'000);
  EXPECT_EQ(link.down_bytes_per_second, 2'500'000);
  EXPECT_EQ(shape->jitter, 5ms);
  EXPECT_DOUBLE_EQ(shape->loss, 0.01);
  EXPECT_EQ(shape->seed, 7U);
  EXPECT_EQ(parse_link_spec("rtt=1.5s")->at(0s).rtt, 1500ms);
  EXPECT_EQ(parse_link_spec("rtt=250us")->at(0s).rtt, 250us);
  EXPECT_EQ(parse_link_spec("up=80kbit")->at(0s).up_bytes_per_second, 10'000);
  EXPECT_EQ(parse_link_spec("loss=0.25")->loss, 0.25);
}

TEST(LinkSpec, NamesWhatItCannotRead) {
  const struct {
    const char* spec;
    const char* why;
  } cases[] = {
      {"", "'' is no key=value"},
      {"rtt", "'rtt' is no key=value"},
      {"rtt=50ms,", "'' is no key=value"},
      {"rtt=50", "'rtt=50' is no time"},
      {"rtt=ms", "is no time"},
      {"rtt=-5ms", "is no time"},
      {"rtt=nanms", "is no time"},
      {"rtt=1e3ms", "is no time"},
      {"rtt=99999999s", "is no time"},
      {"jitter=5m", "is no time"},
      {"up=5", "is no rate"},
      {"up=0mbit", "is no rate"},
      {"down=5mbits", "is no rate"},
      {"loss=91%", "is no share"},
      {"loss=1.5", "is no share"},
      {"seed=-1", "is no whole number"},
      {"seed=1x", "is no whole number"},
      {"delay=5ms", "is none of rtt, jitter, up, down, loss, seed"},
  };
  for (const auto& expected : cases) {
    const auto shape = parse_link_spec(expected.spec);
    ASSERT_FALSE(shape) << expected.spec;
    EXPECT_EQ(shape.error().code, ErrorCode::bad_link);
    EXPECT_THAT(shape.error().message, HasSubstr(expected.why)) << expected.spec;
  }
}

constexpr const char* header = "time_s,rtt_ms,mbit_up,mbit_down,state\n";

TEST(LinkTrace, ReadsLinesCommentsAndTheLoop) {
  const auto shape = parse_link_trace(std::string("# a comment\n") + header +
                                          "0,40,8,20,up\r\n"
                                          "\n"
                                          "1.5,40,8,20,stall\n"
                                          "2,80.5,0.5,2,outage\n"
                                          "# another\n"
                                          "3,80,1,2,reset\n"
                                          "4,,,,loop\n",
                                      "trace.csv");
  ASSERT_TRUE(shape) << shape.error().message;
  EXPECT_EQ(shape->at(0s).rtt, 40ms);
  EXPECT_EQ(shape->at(0s).up_bytes_per_second, 1e6);
  EXPECT_EQ(shape->at(0s).down_bytes_per_second, 2.5e6);
  EXPECT_EQ(shape->at(1499ms).state, LinkState::up);
  EXPECT_EQ(shape->at(1500ms).state, LinkState::stall);
  EXPECT_EQ(shape->at(2s).state, LinkState::outage);
  EXPECT_EQ(shape->at(2s).rtt, 80500us);
  EXPECT_EQ(shape->at(3s).state, LinkState::reset);
  EXPECT_EQ(shape->at(4s).state, LinkState::up);
  EXPECT_EQ(shape->at(1s + 1000 * 4s).rtt, 40ms);
}

TEST(LinkTrace, HoldsItsLastLineWithoutALoop) {
  const auto shape = parse_link_trace(std::string(header) + "0,40,8,20,up\n5,9,1,1,up", "t");
  ASSERT_TRUE(shape) << shape.error().message;
  EXPECT_EQ(shape->at(24h).rtt, 9ms);
}

TEST(LinkTrace, NamesTheLineThatItCannotRead) {
  const struct {
    std::string csv;
    const char* why;
  } cases[] = {
      {"", "t.csv: the trace has no lines"},
      {header, "t.csv: the trace has no lines"},
      {"0,40,8,20,up\n", "t.csv:1: the header must be"},
      {std::string(header) + "0,40,8,20\n", "t.csv:2: has 4 fields, not 5"},
      {std::string(header) + "0,40,8,20,up,\n", "t.csv:2: has 6 fields, not 5"},
      {std::string(header) + "# c\n1,40,8,20,up\n", "t.csv:3: the first time must be 0"},
      {std::string(header) + "0,,,,loop\n", "t.csv:2: the first time must be 0"},
      {std::string(header) + "0,40,8,20,up\n0,40,8,20,up\n", "t.csv:3: times must rise"},
      {std::string(header) + "0,40,8,20,up\n0,,,,loop\n", "t.csv:3: times must rise"},
      {std::string(header) + "0,40,8,20,up\n2,,,,loop\n3,40,8,20,up\n",
       "t.csv:4: nothing may follow the loop"},
      {std::string(header) + "x,40,8,20,up\n", "t.csv:2: time_s is 'x'"},
      {std::string(header) + "-1,40,8,20,up\n", "t.csv:2: time_s is '-1'"},
      {std::string(header) + "0,-40,8,20,up\n", "t.csv:2: rtt_ms is '-40'"},
      {std::string(header) + "0,inf,8,20,up\n", "t.csv:2: rtt_ms is 'inf'"},
      {std::string(header) + "0,40,0,20,up\n", "t.csv:2: mbit_up is '0', no number above 0"},
      {std::string(header) + "0,40,8,,up\n", "t.csv:2: mbit_down is ''"},
      {std::string(header) + "0,40,8,20 ,up\n", "t.csv:2: mbit_down is '20 '"},
      {std::string(header) + "0,40,8,20,down\n", "t.csv:2: state is 'down'"},
  };
  for (const auto& expected : cases) {
    const auto shape = parse_link_trace(expected.csv, "t.csv");
    ASSERT_FALSE(shape) << expected.csv;
    EXPECT_EQ(shape.error().code, ErrorCode::bad_link);
    EXPECT_THAT(shape.error().message, HasSubstr(expected.why));
  }
}

TEST(LinkTrace, NamesTheFileThatItCannotRead) {
  tests::TemporaryDirectory directory;
  const auto missing = load_link_trace(directory.path() / "absent.csv");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("absent.csv: cannot be read"));
  EXPECT_FALSE(load_link_trace(directory.path()));
  const auto file = directory.write("good.csv", std::string(header) + "0,40,8,20,up\n");
  EXPECT_TRUE(load_link_trace(file));
}

}  // namespace
}  // namespace cecollm::transport
