#include "model/tokenizer_added_tokens.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/model/tokenizer_files.hpp"
#include "tests/support/model_errors.hpp"

namespace cecollm::model {
namespace {

using nlohmann::json;
using tests::fails_with;

TEST(PrefixTree, FindsTheLongest) {
  PrefixTree tree;
  EXPECT_TRUE(tree.empty());
  tree.insert("<a>", 1);
  tree.insert("<a><b>", 2);
  tree.insert("x", 3);
  EXPECT_FALSE(tree.empty());
  EXPECT_EQ(tree.longest_prefix_of("<a><b>c")->id, 2);
  EXPECT_EQ(tree.longest_prefix_of("<a><c>")->id, 1);
  EXPECT_EQ(tree.longest_prefix_of("<a><c>")->length, 3U);
  EXPECT_FALSE(tree.longest_prefix_of("<b>"));
  EXPECT_FALSE(tree.longest_prefix_of(""));
  EXPECT_EQ(tree.find_first_byte("ab<", 0), 2U);
  EXPECT_EQ(tree.find_first_byte("x<", 1), 1U);
  EXPECT_EQ(tree.find_first_byte("abc", 0), 3U);
}

json with_added(const json& token) {
  json document = tests::small_tokenizer("byte_level");
  document["added_tokens"].push_back(token);
  return document;
}

TEST(AddedTokens, MayLeaveHolesBetweenTheIds) {
  const auto tokenizer =
      tests::valid_tokenizer(tests::load_tokenizer(with_added({{"id", 9000}, {"content", "<t>"}})));
  EXPECT_EQ(tokenizer.encode("<t>", false), std::vector<TokenId>{9000});
  EXPECT_EQ(tokenizer.piece(9000), "<t>");
  EXPECT_EQ(tokenizer.piece(8999), "");
  const auto pieces = tests::small_tokenizer("byte_level")["model"]["vocab"].size();
  EXPECT_EQ(tokenizer.vocab_size(), pieces + 1);
}

TEST(AddedTokens, AreFoundInTheNormalizedTextUnlessSpecial) {
  json document = with_added({{"id", 9000}, {"content", "é!"}});
  document["normalizer"] = {{"type", "NFC"}};
  auto tokenizer = tests::valid_tokenizer(tests::load_tokenizer(document));
  EXPECT_EQ(tokenizer.encode("e\u0301!", false), std::vector<TokenId>{9000});
  document["added_tokens"].back()["special"] = true;
  tokenizer = tests::valid_tokenizer(tests::load_tokenizer(document));
  EXPECT_NE(tokenizer.encode("e\u0301!", false), std::vector<TokenId>{9000});
  EXPECT_EQ(tokenizer.encode("é!", false), std::vector<TokenId>{9000});
}

TEST(AddedTokens, NameWhatIsWrongWithThem) {
  const auto refused = [](const json& token, std::string_view reason) {
    return fails_with(tests::load_tokenizer(with_added(token)), ErrorCode::malformed,
                      {"tokenizer.json", "added_tokens[1]", reason});
  };
  EXPECT_TRUE(refused({{"content", "<t>"}}, "id is missing"));
  EXPECT_TRUE(refused({{"id", 9000}}, "content is missing"));
  EXPECT_TRUE(refused({{"id", 9000}, {"content", ""}}, "no content"));
  EXPECT_TRUE(refused({{"id", -1}, {"content", "x"}}, "id is -1, outside 0 to 2097151"));
  EXPECT_TRUE(refused({{"id", 1ULL << 63}, {"content", "x"}}, "outside 0 to"));
  EXPECT_TRUE(refused({{"id", "7"}, {"content", "x"}}, "id should be an integer"));
  EXPECT_TRUE(refused({{"id", 9000}, {"content", "x"}, {"lstrip", 1}}, "lstrip should be true"));
  EXPECT_TRUE(refused({{"id", 9000}, {"content", "a"}}, "is taken"));
  EXPECT_TRUE(refused({{"id", 5}, {"content", "<t>"}}, "is taken"));
  EXPECT_TRUE(refused({{"id", 0}, {"content", "<t>"}}, "is taken"));
  EXPECT_TRUE(refused("text", "should be an object"));
}

}  // namespace
}  // namespace cecollm::model
