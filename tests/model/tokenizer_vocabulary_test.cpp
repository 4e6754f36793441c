#include "model/tokenizer_vocabulary.hpp"

#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cecollm::model {
namespace {

using nlohmann::json;
using namespace nlohmann::literals;
using testing::HasSubstr;

Vocabulary parsed(const json& document, Diagnosis& diagnosis) {
  return Vocabulary::parse(JsonView(document, diagnosis));
}

TEST(Vocabulary, HasHoles) {
  Diagnosis diagnosis{"f", {}};
  Vocabulary vocabulary = parsed(R"({"a": 1, "b": 5})"_json, diagnosis);
  ASSERT_FALSE(diagnosis.error);
  EXPECT_EQ(vocabulary.size(), 2U);
  EXPECT_TRUE(vocabulary.contains(5));
  for (const TokenId hole : {-1, 0, 4, 6, Vocabulary::max_id}) {
    EXPECT_FALSE(vocabulary.contains(hole));
    EXPECT_EQ(vocabulary.piece(hole), "");
    EXPECT_EQ(vocabulary.decoded(hole), "");
    EXPECT_FALSE(vocabulary.is_special(hole));
  }
}

TEST(Vocabulary, TakesTokensOnTop) {
  Diagnosis diagnosis{"f", {}};
  Vocabulary vocabulary = parsed(R"({"a": 0})"_json, diagnosis);
  EXPECT_TRUE(vocabulary.add(7, "<s>", true, "<s>"));
  EXPECT_TRUE(vocabulary.add(8, "x y", false, "x_y"));
  EXPECT_TRUE(vocabulary.add(0, "a", true, "a"));
  EXPECT_EQ(vocabulary.size(), 3U);
  const Vocabulary moved = std::move(vocabulary);
  EXPECT_EQ(moved.piece(8), "x y");
  EXPECT_EQ(moved.decoded(8), "x_y");
  EXPECT_TRUE(moved.is_special(7));
  EXPECT_TRUE(moved.is_special(0));
  EXPECT_FALSE(moved.is_special(8));
  EXPECT_EQ(moved.find("a"), 0);
  EXPECT_EQ(moved.find("<s>"), std::nullopt);  // the model itself does not know it
}

TEST(Vocabulary, RefusesASecondMeaning) {
  Diagnosis diagnosis{"f", {}};
  Vocabulary vocabulary = parsed(R"({"a": 0, "b": 1})"_json, diagnosis);
  EXPECT_FALSE(vocabulary.add(1, "a", false, "a"));
  EXPECT_FALSE(vocabulary.add(1, "c", false, "c"));
  EXPECT_TRUE(vocabulary.add(2, "c", false, "c"));
  EXPECT_FALSE(vocabulary.add(3, "c", false, "c"));
}

TEST(Vocabulary, NamesWhatIsWrongWithIt) {
  const std::pair<json, const char*> cases[] = {
      {json(), "is missing"},
      {json::object(), "at least one token"},
      {json::array(), "should be an object"},
      {R"({"a": -1})"_json, "the id -1, not an integer from 0 to 2097151"},
      {R"({"a": 2097152})"_json, "the id 2097152"},
      {R"({"a": 18446744073709551615})"_json, "the id 18446744073709551615"},
      {R"({"a": 1.5})"_json, "the id 1.5"},
      {R"({"a": "1"})"_json, "the id string"},
      {R"({"a": 3, "b": 3})"_json, R"(gives the id 3 to both "a" and "b")"},
  };
  for (const auto& [document, reason] : cases) {
    Diagnosis diagnosis{"file", {}};
    parsed(document, diagnosis);
    ASSERT_TRUE(diagnosis.error) << reason;
    EXPECT_EQ(diagnosis.error->code, ErrorCode::malformed);
    EXPECT_THAT(diagnosis.error->message, HasSubstr(reason));
    EXPECT_THAT(diagnosis.error->message, HasSubstr("file: "));
  }
}

}  // namespace
}  // namespace cecollm::model
