#include "actors/handshake.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cecollm::actors {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using transport::FaultCode;

CloudOffer offer() {
  return {{"config", "shared", "whole", {3, 6}}, 256};
}

transport::Hello hello() {
  transport::Hello hello;
  hello.model = offer().model;
  hello.hidden_size = 256;
  hello.row_dtype = "fp16";
  return hello;
}

TEST(Handshake, AcceptsTheSameModel) {
  EXPECT_FALSE(refuse(hello(), offer()));
}

TEST(Handshake, AcceptsAnOverlapOfVersions) {
  auto newer = hello();
  newer.version_min = transport::protocol_version;
  newer.version_max = transport::protocol_version + 5;
  EXPECT_FALSE(refuse(newer, offer()));
}

TEST(Handshake, RefusesVersionsWithoutOverlapAndNamesBoth) {
  auto newer = hello();
  newer.version_min = transport::protocol_version + 1;
  newer.version_max = transport::protocol_version + 2;
  const auto fault = refuse(newer, offer());
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->code, FaultCode::version);
  EXPECT_THAT(fault->message, AllOf(HasSubstr("2 to 3"), HasSubstr("the cloud 1 to 1")));
}

TEST(Handshake, RefusesAnotherCutAndNamesBoth) {
  auto other = hello();
  other.model.exit_layers = {2, 6};
  const auto fault = refuse(other, offer());
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->code, FaultCode::model);
  EXPECT_THAT(fault->message, AllOf(HasSubstr("[2,6]"), HasSubstr("[3,6]")));
}

TEST(Handshake, RefusesAnotherConfiguration) {
  auto other = hello();
  other.model.config = "different";
  ASSERT_TRUE(refuse(other, offer()));
  EXPECT_THAT(refuse(other, offer())->message,
              AllOf(HasSubstr("configuration"), HasSubstr("different"), HasSubstr("config")));
}

TEST(Handshake, RefusesOtherWeights) {
  auto other = hello();
  other.model.whole = "other";
  ASSERT_TRUE(refuse(other, offer()));
  EXPECT_THAT(refuse(other, offer())->message, HasSubstr("whole model"));
}

TEST(Handshake, ComparesSharedTensorsWhereOneSideDoesNotKnowTheWhole) {
  auto split = hello();
  split.model.whole.clear();
  EXPECT_FALSE(refuse(split, offer()));
  split.model.shared = "other";
  ASSERT_TRUE(refuse(split, offer()));
  EXPECT_THAT(refuse(split, offer())->message, HasSubstr("shared tensors"));
}

TEST(Handshake, RefusesRowsOfAnotherWidth) {
  auto wide = hello();
  wide.hidden_size = 512;
  ASSERT_TRUE(refuse(wide, offer()));
  EXPECT_THAT(refuse(wide, offer())->message, AllOf(HasSubstr("512"), HasSubstr("256")));
}

TEST(Handshake, RefusesAnUnknownRowCodec) {
  auto odd = hello();
  odd.row_dtype = "int3";
  ASSERT_TRUE(refuse(odd, offer()));
  EXPECT_THAT(refuse(odd, offer())->message, HasSubstr("'int3'"));
}

}  // namespace
}  // namespace cecollm::actors
