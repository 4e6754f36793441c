#include "bench/paper/summary.hpp"

#include <gtest/gtest.h>

namespace cecollm::bench {
namespace {

using std::chrono::milliseconds;

const std::vector<Mode> two_modes{{Strategy::cloud_only, 0, "cloud-only"},
                                  {Strategy::collaborative, 0.8F, "collaborative"}};

Trial trial(std::size_t mode, std::size_t prompt, int total_ms, int cloud_ms) {
  Trial made;
  made.mode = mode;
  made.prompt = prompt;
  made.response.tokens = {1, 2, 3, 4};
  made.response.total = milliseconds(total_ms);
  made.response.cloud.busy = milliseconds(cloud_ms);
  return made;
}

TEST(Summary, AveragesResponsesAndComparesWithCloudOnly) {
  Measurement measured;
  measured.trials = {trial(0, 0, 100, 80), trial(1, 0, 90, 20), trial(0, 1, 200, 120),
                     trial(1, 1, 150, 10)};
  const auto modes = summarise(two_modes, measured, 1);
  ASSERT_EQ(modes.size(), 2U);
  EXPECT_DOUBLE_EQ(modes[0].total.value, 150);
  EXPECT_DOUBLE_EQ(modes[1].total.value, 120);
  // 240 of 300 ms, and 30 of 200.
  EXPECT_DOUBLE_EQ(modes[1].saved_time->value, 0.2);
  EXPECT_DOUBLE_EQ(modes[1].offloaded->value, 0.85);
  EXPECT_DOUBLE_EQ(modes[0].saved_time->value, 0);
  // Prompt by prompt: draws of one prompt alone give 10 % and 25 %.
  EXPECT_DOUBLE_EQ(modes[1].saved_time->low, 0.1);
  EXPECT_DOUBLE_EQ(modes[1].saved_time->high, 0.25);
}

TEST(Summary, ComparesWithNothingWhereCloudOnlyWasNotMeasured) {
  Measurement measured;
  measured.trials = {trial(0, 0, 90, 20)};
  const auto modes = summarise({two_modes[1]}, measured, 1);
  EXPECT_FALSE(modes[0].saved_time);
  EXPECT_FALSE(modes[0].offloaded);
}

TEST(Summary, CountsTokensBySourceAndLayersBySide) {
  Measurement measured;
  measured.trials = {trial(1, 0, 1, 1), trial(1, 1, 1, 1)};
  measured.trials[0].response.from_cloud = 3;
  measured.trials[1].response.from_cloud = 1;
  measured.trials[1].response.fallback = 2;
  measured.trials[0].response.edge.layer_rows = 30;
  measured.trials[1].response.edge.layer_rows = 30;
  measured.trials[0].response.cloud.layer_rows = 20;
  const auto collaborative = summarise(two_modes, measured, 1)[1];
  EXPECT_DOUBLE_EQ(collaborative.request_rate.value, 0.5);
  EXPECT_DOUBLE_EQ(collaborative.fallback_rate.value, 0.25);
  EXPECT_DOUBLE_EQ(collaborative.edge_share.value, 0.75);
  EXPECT_DOUBLE_EQ(collaborative.edge_work.layer_rows, 30);
  EXPECT_DOUBLE_EQ(collaborative.cloud_work.layer_rows, 10);
}

TEST(Summary, DividesCommunicationByRequestsWhereTokensAreAskedFor) {
  Measurement measured;
  measured.trials = {trial(0, 0, 1, 1), trial(1, 0, 1, 1), trial(1, 1, 1, 1)};
  measured.trials[1].response.from_cloud = 1;
  measured.trials[1].response.communication = milliseconds(3);
  measured.trials[2].response.from_cloud = 3;
  measured.trials[2].response.communication = milliseconds(5);
  const auto modes = summarise(two_modes, measured, 1);
  EXPECT_FALSE(modes[0].request_communication);
  EXPECT_DOUBLE_EQ(modes[1].request_communication->value, 2);
}

TEST(Summary, TakesSizesInKibAndGapsOverAllResponses) {
  Measurement measured;
  measured.trials = {trial(0, 0, 1, 1), trial(0, 1, 1, 1)};
  measured.trials[0].response.bytes_up = 3072;
  measured.trials[1].response.bytes_up = 1024;
  measured.trials[0].response.gaps = {milliseconds(1), milliseconds(2)};
  measured.trials[1].response.gaps = {milliseconds(3), milliseconds(90)};
  const auto cloud_only = summarise(two_modes, measured, 1)[0];
  EXPECT_DOUBLE_EQ(cloud_only.up, 2);
  EXPECT_DOUBLE_EQ(cloud_only.token_p50, 2);
  EXPECT_DOUBLE_EQ(cloud_only.token_p99, 90);
}

TEST(Summary, JudgesOnlyTextsThatWereJudged) {
  Measurement measured;
  measured.trials = {trial(1, 0, 1, 1), trial(1, 0, 1, 1), trial(1, 1, 1, 1)};
  measured.trials[0].agreed = 4;
  measured.trials[0].rouge = 1.0;
  measured.trials[2].agreed = 2;
  const auto modes = summarise(two_modes, measured, 1);
  EXPECT_DOUBLE_EQ(modes[1].agreement->value, 0.75);
  EXPECT_DOUBLE_EQ(modes[1].rouge->value, 1);
  EXPECT_FALSE(modes[0].agreement);
  EXPECT_FALSE(modes[1].right_answers);
}

TEST(Summary, SharesQuestionsAmongTheModes) {
  Measurement measured;
  measured.answers = {
      {0, 0, true, true, 3, 3}, {1, 0, true, false, 1, 3}, {1, 1, false, false, 2, 3}};
  const auto modes = summarise(two_modes, measured, 1);
  EXPECT_DOUBLE_EQ(modes[0].right_answers->value, 1);
  EXPECT_DOUBLE_EQ(modes[1].right_answers->value, 0.5);
  EXPECT_DOUBLE_EQ(modes[1].same_answers->value, 0);
  EXPECT_DOUBLE_EQ(modes[1].question_agreement->value, 0.5);
}

}  // namespace
}  // namespace cecollm::bench
