#include "model/tokenizer_template.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/model/tokenizer_files.hpp"
#include "tests/support/model_errors.hpp"

namespace cecollm::model {
namespace {

using nlohmann::json;
using Ids = std::vector<TokenId>;

json special(const char* name) {
  return {{"SpecialToken", {{"id", name}, {"type_id", 0}}}};
}
const json sequence_piece = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};

json with_template(const json& single, const json& ids) {
  json document = tests::small_tokenizer("byte_level");
  document["post_processor"] = {{"type", "TemplateProcessing"},
                                {"single", single},
                                {"special_tokens", {{"t", {{"id", "t"}, {"ids", ids}}}}}};
  return document;
}

TEST(Template, PutsSpecialTokensAroundTheText) {
  const auto tokenizer = tests::valid_tokenizer(
      tests::load_tokenizer(with_template({special("t"), sequence_piece, special("t")}, {0, 3})));
  const Ids plain = tokenizer.encode("a b", false);
  Ids expected = {0, 3};
  expected.insert(expected.end(), plain.begin(), plain.end());
  expected.insert(expected.end(), {0, 3});
  EXPECT_EQ(tokenizer.encode("a b", true), expected);
  EXPECT_EQ(tokenizer.encode("", true), (Ids{0, 3, 0, 3}));
  EXPECT_EQ(tokenizer.encode("", false), (Ids{}));
}

TEST(Template, NamesWhatIsWrongWithIt) {
  const auto refused = [](const json& document, ErrorCode code, std::string_view reason) {
    return tests::fails_with(tests::load_tokenizer(document), code,
                             {"tokenizer.json", "post_processor", reason});
  };
  const auto malformed = ErrorCode::malformed;
  const auto unsupported = ErrorCode::unsupported;
  EXPECT_TRUE(
      refused(with_template({special("u"), sequence_piece}, {0}), malformed, R"(names "u")"));
  EXPECT_TRUE(refused(with_template({sequence_piece, special("t")}, {99999}), malformed,
                      "ids[0] is not the id of any token"));
  EXPECT_TRUE(refused(with_template(json::array({{{"Sequence", {{"id", "B"}}}}}), {0}), malformed,
                      "should be A"));
  EXPECT_TRUE(refused(with_template(json::array({special("t")}), {-1}), malformed, "is -1"));
  EXPECT_TRUE(
      refused(with_template(json::array({special("t")}), 7), malformed, "ids should be an array"));
  EXPECT_TRUE(refused(with_template("$A", {0}), malformed, "single should be an array"));
  json document = with_template(json::array({sequence_piece}), {0});
  const json once = document["post_processor"];
  document["post_processor"] = {{"type", "Sequence"}, {"processors", {once, once}}};
  EXPECT_TRUE(refused(document, unsupported, "processors[1] is a second template"));
  document["post_processor"] = {{"type", "BertProcessing"}};
  EXPECT_TRUE(refused(document, unsupported, R"(has the type "BertProcessing")"));
}

}  // namespace
}  // namespace cecollm::model
