#include "model/tokenizer_bpe.hpp"

#include <cstddef>
#include <limits>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/model/tokenizer_files.hpp"

namespace cecollm::model {
namespace {

using Symbols = std::vector<TokenId>;
using Merges = std::map<std::pair<TokenId, TokenId>, Merge>;

Symbols merged(const Merges& merges, Symbols symbols) {
  MergeTable table(merges.size());
  for (const auto& [pair, merge] : merges) table.insert(pair.first, pair.second, merge);
  BpeScratch scratch;
  scratch.symbols = std::move(symbols);
  apply_merges(table, scratch);
  return scratch.symbols;
}

// One merge at a time, each found by looking at all pairs.
Symbols merged_by_definition(const Merges& merges, Symbols symbols) {
  for (;;) {
    std::size_t best = symbols.size();
    std::uint32_t rank = std::numeric_limits<std::uint32_t>::max();
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = merges.find({symbols[i], symbols[i + 1]});
      if (found != merges.end() && found->second.rank < rank) {
        best = i;
        rank = found->second.rank;
      }
    }
    if (best == symbols.size()) return symbols;
    symbols[best] = merges.at({symbols[best], symbols[best + 1]}).result;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

TEST(Bpe, TakesTheLowestRankFirstAndTheLeftmostAmongEquals) {
  const Merges merges = {{{1, 2}, {1, 10}}, {{2, 3}, {0, 11}}, {{1, 1}, {2, 12}}};
  EXPECT_EQ(merged(merges, {1, 2, 3}), (Symbols{1, 11}));
  EXPECT_EQ(merged(merges, {1, 1, 1}), (Symbols{12, 1}));
  EXPECT_EQ(merged(merges, {7}), (Symbols{7}));
  EXPECT_EQ(merged(merges, {}), (Symbols{}));
}

TEST(Bpe, MergesWordsOfAnyLengthAsDefined) {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    Merges merges;
    TokenId next = 4;
    for (std::uint32_t rank = 0; rank < 40; ++rank) {
      const auto any = [&] {
        return static_cast<TokenId>(random() % static_cast<unsigned>(next));
      };
      const std::pair<TokenId, TokenId> pair{any(), any()};
      if (merges.emplace(pair, Merge{rank, next}).second) ++next;
    }
    for (const std::size_t length : {2UL, 5UL, 63UL, 64UL, 65UL, 66UL, 200UL}) {
      Symbols symbols;
      for (std::size_t i = 0; i < length; ++i)
        symbols.push_back(static_cast<TokenId>(random() % 4));
      ASSERT_EQ(merged(merges, symbols), merged_by_definition(merges, symbols));
    }
  }
}

// Cutting at marks is only a matter of speed: a merge across a mark, which forbids it, changes
// nothing where it does not apply.
TEST(Bpe, EncodesTheSameWhetherOrNotMarksBeginWords) {
  const nlohmann::json plain = tests::small_tokenizer("sentencepiece");
  nlohmann::json crossing = plain;
  auto& vocabulary = crossing["model"]["vocab"];
  vocabulary["!▁"] = vocabulary.size();
  crossing["model"]["merges"].push_back("! ▁");
  const Tokenizer cut = tests::valid_tokenizer(tests::load_tokenizer(plain));
  const Tokenizer whole = tests::valid_tokenizer(tests::load_tokenizer(crossing));
  std::mt19937 random(13);
  for (int i = 0; i < 500; ++i) {
    std::string text;
    for (int j = 0; j < 60; ++j) text += random() % 3 == 0 ? ' ' : "thea\n,é"[random() % 7];
    text = to_well_formed_utf8(text);
    ASSERT_EQ(cut.encode(text, false), whole.encode(text, false)) << text;
  }
  EXPECT_NE(cut.encode("! ,", false), whole.encode("! ,", false));
}

TEST(Bpe, RepeatedMergesTakeTheLastRank) {
  nlohmann::json document = tests::small_tokenizer("byte_level");
  document["model"]["vocab"] = {{"a", 0}, {"b", 1}, {"c", 2}, {"ab", 3}, {"bc", 4}};
  document["added_tokens"] = nlohmann::json::array();
  document["model"]["merges"] = {"a b", "b c"};
  const Tokenizer once = tests::valid_tokenizer(tests::load_tokenizer(document));
  EXPECT_EQ(once.encode("abc", false), (Symbols{3, 2}));
  document["model"]["merges"] = {"#version: 0.2", "a b", "b c", "a b"};
  const Tokenizer twice = tests::valid_tokenizer(tests::load_tokenizer(document));
  EXPECT_EQ(twice.encode("abc", false), (Symbols{0, 4}));
}

}  // namespace
}  // namespace cecollm::model
