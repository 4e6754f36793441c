#include "apps/setting_value.hpp"

#include <chrono>
#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cecollm::apps {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

SettingKey key_of(ValueKind kind) {
  SettingKey key;
  key.name = "table.key";
  key.kind = kind;
  return key;
}

TEST(Durations, AreANumberAndAUnit) {
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("5s"), milliseconds(5000));
  EXPECT_EQ(parse_duration("1.5s"), milliseconds(1500));
  EXPECT_EQ(parse_duration("2min"), milliseconds(120'000));
  EXPECT_EQ(parse_duration("1h"), milliseconds(3'600'000));
  EXPECT_EQ(parse_duration("0ms"), milliseconds(0));
  EXPECT_EQ(parse_duration("5 s"), milliseconds(5000));
}

TEST(Durations, SayHowToWriteThem) {
  for (const char* wrong :
       {"5", "", "s", "-5s", "5m", "5 sec", "nan s", "inf h", "1e300h", "5s5"}) {
    const auto parsed = parse_duration(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_THAT(parsed.error(), HasSubstr("write a number and a unit: 250ms, 5s, 2min or 1h"));
  }
}

TEST(Sizes, KnowBinaryAndDecimalUnits) {
  EXPECT_EQ(parse_size("512B"), 512);
  EXPECT_EQ(parse_size("64KiB"), 65'536);
  EXPECT_EQ(parse_size("64kB"), 64'000);
  EXPECT_EQ(parse_size("8MiB"), 8'388'608);
  EXPECT_EQ(parse_size("1GiB"), 1'073'741'824);
  EXPECT_EQ(parse_size("0.5KiB"), 512);
}

TEST(Sizes, SayHowToWriteThem) {
  for (const char* wrong : {"8", "8M", "-1B", "9999999999GiB", "MiB"}) {
    const auto parsed = parse_size(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_THAT(parsed.error(), HasSubstr("write a number and a unit: 512B, 64KiB, 8MiB or 1GiB"));
  }
}

TEST(Lists, AreSeparatedByCommas) {
  EXPECT_EQ(parse_value(key_of(ValueKind::integer_list), "3, 6"),
            SettingValue(std::vector<std::int64_t>{3, 6}));
  EXPECT_EQ(parse_value(key_of(ValueKind::real_list), "0.8,0.9"),
            SettingValue(std::vector<double>{0.8, 0.9}));
  for (const char* wrong : {"", "3,", ",3", "3 6", "3,x", "3.5"}) {
    EXPECT_FALSE(parse_value(key_of(ValueKind::integer_list), wrong)) << wrong;
  }
}

TEST(Values, KeepToTheirRange) {
  SettingKey key = key_of(ValueKind::integer);
  key.least = 1;
  key.most = 8;
  EXPECT_TRUE(parse_value(key, "1"));
  EXPECT_TRUE(parse_value(key, "8"));
  EXPECT_EQ(parse_value(key, "0").error(), "0 is out of range; choose from 1 to 8");
  EXPECT_EQ(parse_value(key, "9").error(), "9 is out of range; choose from 1 to 8");
  key.most = std::numeric_limits<double>::max();
  EXPECT_EQ(parse_value(key, "-1").error(), "-1 is out of range; choose at least 1");
}

TEST(Values, ShowRangesInTheUnitsOfTheirKind) {
  SettingKey duration = key_of(ValueKind::duration);
  duration.least = 10;
  duration.most = 3'600'000;
  EXPECT_EQ(parse_value(duration, "2h").error(), "2h is out of range; choose from 10ms to 1h");
  SettingKey size = key_of(ValueKind::size);
  size.least = 65'536;
  size.most = 1'073'741'824;
  EXPECT_EQ(parse_value(size, "1KiB").error(), "1KiB is out of range; choose from 64KiB to 1GiB");
}

TEST(Values, RefuseNumbersThatAreNotFinite) {
  for (const char* wrong : {"nan", "inf", "-inf"}) {
    EXPECT_FALSE(parse_value(key_of(ValueKind::real), wrong)) << wrong;
    EXPECT_FALSE(parse_value(key_of(ValueKind::real_list), wrong)) << wrong;
  }
}

TEST(Values, ListTheirChoices) {
  SettingKey key = key_of(ValueKind::choice);
  key.choices = "fp32|bf16|auto";
  EXPECT_TRUE(parse_value(key, "bf16"));
  EXPECT_TRUE(parse_value(key, "auto"));
  EXPECT_EQ(parse_value(key, "fp64").error(), "'fp64' is none of fp32, bf16, auto");
  EXPECT_FALSE(parse_value(key, "fp"));
}

TEST(Values, AreHostAndPortWhereAnAddressIsWanted) {
  EXPECT_TRUE(parse_value(key_of(ValueKind::endpoint), "cloud.example:7070"));
  EXPECT_FALSE(parse_value(key_of(ValueKind::endpoint), "cloud.example"));
  EXPECT_FALSE(parse_value(key_of(ValueKind::endpoint), "cloud.example:seventy"));
}

TEST(Values, ShowOnlyTheBeginningOfLongTexts) {
  const auto parsed = parse_value(key_of(ValueKind::integer), std::string(5000, 'x'));
  ASSERT_FALSE(parsed);
  EXPECT_LT(parsed.error().size(), 200U);
}

}  // namespace
}  // namespace cecollm::apps
