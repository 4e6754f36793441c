#include "model/tokenizer.hpp"

#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "model/guarded_text.hpp"
#include "tests/model/tokenizer_files.hpp"
#include "tests/support/model_errors.hpp"

namespace cecollm::model {
namespace {

using nlohmann::json;
using tests::streamed;
using Ids = std::vector<TokenId>;

class RealTokenizer : public testing::TestWithParam<std::string> {
 protected:
  const Tokenizer tokenizer_ =
      tests::valid_tokenizer(Tokenizer::load(tests::tokenizer_path(GetParam())));
};

INSTANTIATE_TEST_SUITE_P(All, RealTokenizer, testing::Values("default", "llama2", "qwen3"),
                         [](const auto& instance) { return instance.param; });

TEST_P(RealTokenizer, EncodesAndDecodesAsHuggingFaceDoes) {
  const json golden = tests::tokenizer_fixture("encodings.json");
  const json& strings = golden.at("strings");
  const json& encodings = golden.at("encodings").at(GetParam());
  ASSERT_EQ(strings.size(), encodings.size());
  ASSERT_GT(strings.size(), 30U);
  for (std::size_t i = 0; i < strings.size(); ++i) {
    const auto text = strings[i].get<std::string>();
    SCOPED_TRACE(text);
    const Ids plain = tokenizer_.encode(text, false);
    EXPECT_EQ(plain, encodings[i].at("plain").get<Ids>());
    EXPECT_EQ(tokenizer_.encode(text, true), encodings[i].at("special").get<Ids>());
    EXPECT_EQ(tokenizer_.decode(plain, false), encodings[i].at("decoded").get<std::string>());
    EXPECT_EQ(streamed(tokenizer_, plain, false), encodings[i].at("decoded").get<std::string>());
  }
}

TEST_P(RealTokenizer, KeepsUpWithAMegabyteOfOneKind) {
  std::string marks;
  for (int i = 0; i < 262144; ++i) marks += i % 2 == 0 ? "\u0301" : "\u0316";
  const std::string space_run = std::string(1 << 20, ' ') + "x";
  for (const std::string& text : {std::string(1 << 20, 'x'), std::string(1 << 20, ' '), space_run,
                                  std::string(1 << 20, '<'), std::string(1 << 20, '\n'), marks}) {
    const Ids ids = tokenizer_.encode(text, false);
    // NFC puts the marks in order, so only the length is the same for all.
    EXPECT_EQ(tokenizer_.decode(ids, false).size(), text.size());
  }
}

TEST_P(RealTokenizer, StreamsWhatItDecodesForAnyIds) {
  std::mt19937 random(17);
  const auto limit = static_cast<TokenId>(tokenizer_.vocab_size()) + 20;
  std::uniform_int_distribution<TokenId> any(-5, limit);
  std::uniform_int_distribution<TokenId> low(0, 270);  // bytes, in all three
  for (int i = 0; i < 1500; ++i) {
    Ids ids;
    for (int j = 0; j < 12; ++j) ids.push_back(random() % 2 == 0 ? low(random) : any(random));
    for (const bool skip_special : {false, true}) {
      ASSERT_EQ(streamed(tokenizer_, ids, skip_special), tokenizer_.decode(ids, skip_special));
    }
  }
}

TEST_P(RealTokenizer, TakesSpecialTokensOfGuardedTextForOrdinaryText) {
  TokenId special = 0;
  while (!tokenizer_.is_special(special)) ++special;
  const std::string token(tokenizer_.piece(special));
  const std::string words = "a " + token + token + "b" + token;
  const auto safe = guarded(tokenizer_, words);
  const Ids ids = encode_guarded(tokenizer_, token + safe + token, false);
  ASSERT_GT(ids.size(), 8U);
  EXPECT_EQ(ids.front(), special);
  EXPECT_EQ(ids.back(), special);
  const Ids inner(ids.begin() + 1, ids.end() - 1);
  for (const TokenId id : inner) EXPECT_FALSE(tokenizer_.is_special(id));
  EXPECT_EQ(tokenizer_.decode(inner, false), words);
}

TEST_P(RealTokenizer, GivesGuardedTextTheIdsOfTheTextWhereItHasNoSpecialTokens) {
  const json golden = tests::tokenizer_fixture("encodings.json");
  const json& strings = golden.at("strings");
  const json& encodings = golden.at("encodings").at(GetParam());
  std::size_t compared = 0;
  for (std::size_t i = 0; i < strings.size(); ++i) {
    const auto text = strings[i].get<std::string>();
    const auto safe = guarded(tokenizer_, text);
    if (safe != text) continue;
    ++compared;
    EXPECT_EQ(encode_guarded(tokenizer_, safe, true), encodings[i].at("special").get<Ids>());
  }
  EXPECT_GT(compared, 20U);
  EXPECT_EQ(guarded(tokenizer_, "a\xEF\xB7\x90z"), "a\xEF\xBF\xBDz") << "a guard of the text's own";
}

struct Component {
  std::string name;
  json document;
  json encodings;
  json decodings;
};

std::vector<Component> components() {
  const json fixture = tests::tokenizer_fixture("components.json");
  std::vector<Component> list;
  for (const json& entry : fixture.at("tokenizers")) {
    json document = fixture.at("bases").at(entry.at("base").get<std::string>());
    document.merge_patch(entry.at("patch"));
    list.push_back({entry.at("name"), document, entry.at("encodings"), entry.at("decodings")});
  }
  return list;
}

TEST(TokenizerComponents, EncodeAndDecodeAsHuggingFaceDoes) {
  int compared = 0;
  for (const Component& component : components()) {
    SCOPED_TRACE(component.name);
    const Tokenizer tokenizer = tests::valid_tokenizer(tests::load_tokenizer(component.document));
    for (const json& golden : component.encodings) {
      const auto text = golden[0].get<std::string>();
      SCOPED_TRACE(text);
      const Ids plain = tokenizer.encode(text, false);
      EXPECT_EQ(plain, golden[1].get<Ids>());
      EXPECT_EQ(tokenizer.encode(text, true), golden[2].get<Ids>());
      EXPECT_EQ(tokenizer.decode(plain, false), golden[3].get<std::string>());
      EXPECT_EQ(tokenizer.decode(plain, true), golden[4].get<std::string>());
      ++compared;
    }
    for (const json& golden : component.decodings) {
      const auto ids = golden[0].get<Ids>();
      EXPECT_EQ(tokenizer.decode(ids, false), golden[1].get<std::string>());
      EXPECT_EQ(tokenizer.decode(ids, true), golden[2].get<std::string>());
    }
  }
  EXPECT_GT(compared, 400);
}

TEST(TokenizerComponents, StreamWhatTheyDecodeForAnyIds) {
  std::mt19937 random(19);
  for (const Component& component : components()) {
    SCOPED_TRACE(component.name);
    const Tokenizer tokenizer = tests::valid_tokenizer(tests::load_tokenizer(component.document));
    std::uniform_int_distribution<TokenId> any(0, static_cast<TokenId>(tokenizer.vocab_size()) + 2);
    for (int i = 0; i < 200; ++i) {
      Ids ids;
      for (int j = 0; j < 10; ++j) ids.push_back(any(random));
      for (const bool skip_special : {false, true}) {
        ASSERT_EQ(streamed(tokenizer, ids, skip_special), tokenizer.decode(ids, skip_special));
      }
    }
  }
}

TEST(Tokenizer, ByteLevelGivesBackAnyText) {
  const Tokenizer tokenizer = tests::valid_tokenizer(Tokenizer::load(CECOLLM_DEFAULT_MODEL));
  std::mt19937 random(23);
  for (int i = 0; i < 2000; ++i) {
    const std::string text = tests::random_text(random, random() % 40);
    ASSERT_EQ(tokenizer.decode(tokenizer.encode(text, false), false), text);
  }
}

TEST(Tokenizer, ReadsIllFormedBytesAsReplacementCharacters) {
  const Tokenizer tokenizer = tests::valid_tokenizer(Tokenizer::load(CECOLLM_DEFAULT_MODEL));
  EXPECT_EQ(tokenizer.encode("a\xFF\xC3z", false), tokenizer.encode("a\uFFFD\uFFFDz", false));
  std::mt19937 random(29);
  for (int i = 0; i < 2000; ++i) {
    const std::string bytes = tests::random_bytes(random, random() % 40);
    ASSERT_EQ(tokenizer.decode(tokenizer.encode(bytes, false), false), to_well_formed_utf8(bytes));
  }
}

TEST(Tokenizer, LosesNoTextWhereARegularExpressionGivesUp) {
  json document = tests::small_tokenizer("byte_level");
  const json split = {{"type", "Split"},
                      {"pattern", {{"Regex", "(?:a+)+[bc]"}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  const json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  document["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, byte_level}}};
  const Tokenizer tokenizer = tests::valid_tokenizer(tests::load_tokenizer(document));
  const std::string text = "ab" + std::string(5000, 'a') + " and the rest";
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, false), false), text);
}

TEST(Tokenizer, KnowsItsPiecesAndSpecialTokens) {
  const Tokenizer tokenizer = tests::valid_tokenizer(Tokenizer::load(CECOLLM_DEFAULT_MODEL));
  EXPECT_EQ(tokenizer.vocab_size(), 4096U);
  EXPECT_EQ(tokenizer.piece(0), "<|endoftext|>");
  EXPECT_TRUE(tokenizer.is_special(0));
  const TokenId space = tokenizer.encode(" ", false).at(0);
  EXPECT_EQ(tokenizer.piece(space), "Ġ");
  for (const TokenId id : {space, TokenId{-1}, TokenId{4096}, TokenId{1 << 30}}) {
    EXPECT_FALSE(tokenizer.is_special(id));
  }
  EXPECT_EQ(tokenizer.piece(-1), "");
  EXPECT_EQ(tokenizer.piece(4096), "");
}

TEST(Tokenizer, DecodesNothingForUnknownIdsAndSkipsSpecialTokens) {
  const Tokenizer tokenizer = tests::valid_tokenizer(Tokenizer::load(CECOLLM_DEFAULT_MODEL));
  Ids ids = tokenizer.encode("Once", true);
  ids.insert(ids.end(), {-7, 4096, 1 << 30});
  EXPECT_EQ(tokenizer.decode(ids, false), "<|endoftext|>Once");
  EXPECT_EQ(tokenizer.decode(ids, true), "Once");
}

TEST(Tokenizer, MayBeUsedByThreadsAtOnce) {
  const Tokenizer tokenizer = tests::valid_tokenizer(Tokenizer::load(CECOLLM_DEFAULT_MODEL));
  std::string text;
  for (int i = 0; i < 300; ++i) text += "It's 42 words, naïve ones\n";
  const Ids expected = tokenizer.encode(text, true);
  std::vector<Ids> results(4);
  std::vector<std::thread> threads;
  for (Ids& result : results) {
    threads.emplace_back([&] { result = tokenizer.encode(text, true); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Ids& result : results) EXPECT_EQ(result, expected);
}

TEST(StreamingDetokenizer, GivesACharacterWithItsLastByte) {
  const Tokenizer tokenizer =
      tests::valid_tokenizer(tests::load_tokenizer(tests::small_tokenizer("sentencepiece")));
  const Ids ids = tokenizer.encode("a🚀", false);
  ASSERT_EQ(ids.size(), 5U);  // one letter with its space, four bytes
  StreamingDetokenizer stream(tokenizer, true);
  EXPECT_EQ(stream.push(ids[0]), "a");  // the leading space is stripped
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(stream.push(ids[i]), "");
  EXPECT_EQ(stream.push(ids[4]), "🚀");
  EXPECT_EQ(stream.push(ids[1]), "");
  EXPECT_EQ(stream.flush(), "\uFFFD");
}

TEST(StreamingDetokenizer, StripsOnlyTheFirstSpaceAlsoBehindSkippedTokens) {
  const Tokenizer tokenizer =
      tests::valid_tokenizer(tests::load_tokenizer(tests::small_tokenizer("sentencepiece")));
  StreamingDetokenizer stream(tokenizer, true);
  std::string text;
  for (const TokenId id : tokenizer.encode("  the a", true)) text += stream.push(id);
  EXPECT_EQ(text + stream.flush(), "  the a");
}

}  // namespace
}  // namespace cecollm::model
