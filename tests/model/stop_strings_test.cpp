#include "model/stop_strings.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace cecollm::model {
namespace {

TEST(StopStrings, PassTextOnWhenThereAreNone) {
  for (StopStrings stops : {StopStrings({}), StopStrings({"", ""})}) {
    const auto output = stops.push("anything");
    EXPECT_EQ(output.text, "anything");
    EXPECT_FALSE(output.stopped);
    EXPECT_EQ(stops.flush(), "");
  }
}

TEST(StopStrings, StopInsideOneToken) {
  StopStrings stops({"\n\n"});
  const auto output = stops.push("end.\n\nmore");
  EXPECT_EQ(output.text, "end.");
  EXPECT_TRUE(output.stopped);
  EXPECT_EQ(stops.push("more").text, "");
  EXPECT_FALSE(stops.push("\n\n").stopped);
  EXPECT_EQ(stops.flush(), "");
}

TEST(StopStrings, StopAcrossManyTokens) {
  StopStrings stops({"User:"});
  EXPECT_EQ(stops.push("Hi U").text, "Hi ");
  EXPECT_EQ(stops.push("s").text, "");
  EXPECT_EQ(stops.push("").text, "");
  EXPECT_EQ(stops.push("er").text, "");
  const auto output = stops.push(": no");
  EXPECT_EQ(output.text, "");
  EXPECT_TRUE(output.stopped);
}

TEST(StopStrings, ReleaseTextAsSoonAsItCannotMatch) {
  StopStrings stops({"aab"});
  EXPECT_EQ(stops.push("a").text, "");
  EXPECT_EQ(stops.push("a").text, "");
  EXPECT_EQ(stops.push("a").text, "a");  // the last two may still begin it
  EXPECT_EQ(stops.push("c").text, "aac");
  EXPECT_EQ(stops.push("xa").text, "x");
  EXPECT_EQ(stops.flush(), "a");
  EXPECT_EQ(stops.flush(), "");
}

TEST(StopStrings, TheFirstToBeCompletedCounts) {
  StopStrings stops({"abcd", "bc"});
  const auto output = stops.push("xabcd");
  EXPECT_EQ(output.text, "xa");
  EXPECT_TRUE(output.stopped);
}

TEST(StopStrings, OfThoseCompletedAtOnceTheLongestCounts) {
  StopStrings stops({"b", "ab", "cab"});
  EXPECT_EQ(stops.push("xxab").text, "xx");
}

TEST(StopStrings, GiveWholeCharacters) {
  StopStrings stops({"日本"});
  EXPECT_EQ(stops.push("x日").text, "x");
  EXPECT_EQ(stops.push("月").text, "日月");
}

struct Expected {
  std::string text;
  bool stopped;
};

Expected by_definition(const std::vector<std::string>& stops, std::string_view text) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::size_t longest = 0;
    for (const std::string& stop : stops) {
      if (!stop.empty() && text.substr(0, end).ends_with(stop)) {
        longest = std::max(longest, stop.size());
      }
    }
    if (longest > 0) return {std::string(text.substr(0, end - longest)), true};
  }
  return {std::string(text), false};
}

TEST(StopStrings, AgreeWithTheirDefinitionHoweverTextIsCut) {
  std::mt19937 random(3);
  const auto word = [&random](std::size_t length) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += static_cast<char>('a' + random() % 2);
    return text;
  };
  int stopped = 0;
  for (int i = 0; i < 5000; ++i) {
    const std::vector<std::string> list = {word(random() % 6), word(2 + random() % 7), word(9)};
    const std::string text = word(random() % 24);
    const Expected expected = by_definition(list, text);
    StopStrings stops(list);
    std::string shown;
    bool stop = false;
    for (std::size_t position = 0; position < text.size() && !stop;) {
      const std::string token = text.substr(position, 1 + random() % 3);
      const auto output = stops.push(token);
      shown += output.text;
      stop = output.stopped;
      position += token.size();
    }
    shown += stops.flush();
    ASSERT_EQ(shown, expected.text) << text;
    ASSERT_EQ(stop, expected.stopped) << text;
    stopped += stop ? 1 : 0;
  }
  EXPECT_GT(stopped, 1000);
  EXPECT_LT(stopped, 4900);
}

TEST(StopStrings, TakeLinearTimeOnRepetitiveText) {
  const std::string stop = std::string(50000, 'a') + "b";
  StopStrings stops({stop, stop + "c"});
  std::string shown;
  for (int i = 0; i < 1000; ++i) shown += stops.push(std::string(1000, 'a')).text;
  EXPECT_EQ(shown.size(), 1000000 - 50000U);
  EXPECT_TRUE(stops.push("b").stopped);
}

}  // namespace
}  // namespace cecollm::model
