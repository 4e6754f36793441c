// Files that are not tokenizers, or not ones that this one can stand in for.
#include "model/tokenizer_spec.hpp"

#include <filesystem>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/model/tokenizer_files.hpp"
#include "tests/support/model_errors.hpp"

namespace cecollm::model {
namespace {

using nlohmann::json;
using tests::fails_with;

testing::AssertionResult refused(const json& patch, ErrorCode code, std::string_view reason,
                                 const std::string& base = "byte_level") {
  json document = tests::small_tokenizer(base);
  document.merge_patch(patch);
  return fails_with(tests::load_tokenizer(document), code, {"tokenizer.json: ", reason});
}

TEST(TokenizerSpec, NamesAFileThatIsNotThere) {
  const tests::TemporaryDirectory directory;
  EXPECT_TRUE(fails_with(Tokenizer::load(directory.path()), ErrorCode::unreadable,
                         {(directory.path() / "tokenizer.json").string()}));
  EXPECT_TRUE(
      fails_with(Tokenizer::load(directory.path() / "x.json"), ErrorCode::unreadable, {"x.json"}));
}

TEST(TokenizerSpec, NamesAFileThatIsNotJson) {
  const tests::TemporaryDirectory directory;
  for (const std::string content :
       {"", "{", "[]", "null", "{\"model\": \xFF}", "{\"a\": 1e999}", "{\"a\": \"\\ud800\"}"}) {
    EXPECT_TRUE(fails_with(Tokenizer::load(directory.write("t.json", content)),
                           ErrorCode::malformed, {"t.json: "}))
        << content;
  }
}

TEST(TokenizerSpec, SurvivesDeepNesting) {
  const tests::TemporaryDirectory directory;
  std::string deep = R"({"model": )";
  deep.append(200000, '[').append(200000, ']').append("}");
  EXPECT_TRUE(fails_with(Tokenizer::load(directory.write("t.json", deep)), ErrorCode::malformed,
                         {"t.json: model should be an object"}));
}

TEST(TokenizerSpec, NamesAnotherVersionOrModel) {
  EXPECT_TRUE(refused({{"version", "2.0"}}, ErrorCode::unsupported, R"(version is "2.0")"));
  EXPECT_TRUE(refused({{"version", 1}}, ErrorCode::malformed, "version should be a string"));
  EXPECT_TRUE(refused({{"model", {{"type", "Unigram"}}}}, ErrorCode::unsupported,
                      R"(model.type is "Unigram"; only BPE)"));
  EXPECT_TRUE(refused({{"model", nullptr}}, ErrorCode::malformed, "model is missing"));
  EXPECT_TRUE(refused({{"model", 7}}, ErrorCode::malformed, "model should be an object"));
}

TEST(TokenizerSpec, NamesOptionsOfBpeThatAreNotImplemented) {
  const auto model = [](const json& patch) {
    return json{{"model", patch}};
  };
  EXPECT_TRUE(refused(model({{"dropout", 0.1}}), ErrorCode::unsupported, "model.dropout"));
  EXPECT_TRUE(refused(model({{"continuing_subword_prefix", "##"}}), ErrorCode::unsupported,
                      "model.continuing_subword_prefix"));
  EXPECT_TRUE(refused(model({{"end_of_word_suffix", "</w>"}}), ErrorCode::unsupported,
                      "model.end_of_word_suffix"));
  EXPECT_TRUE(refused(model({{"unk_token", "<none>"}}), ErrorCode::malformed,
                      R"(model.unk_token names "<none>")"));
  EXPECT_TRUE(refused(model({{"fuse_unk", "yes"}}), ErrorCode::malformed, "model.fuse_unk"));
}

TEST(TokenizerSpec, NamesTheMergeThatIsWrong) {
  const auto merges = [](const json& list) {
    return json{{"model", {{"merges", list}}}};
  };
  EXPECT_TRUE(refused(merges(nullptr), ErrorCode::malformed, "model.merges should be an array"));
  EXPECT_TRUE(refused(merges({"h e", "Q Q"}), ErrorCode::malformed,
                      R"(model.merges[1] needs the token "QQ", which is not in the vocabulary)"));
  EXPECT_TRUE(refused(merges({"日 x"}), ErrorCode::malformed, R"("\xe6\x97\xa5")"));
  for (const json& merge : {json("he"), json("h e r"), json(7), json({"h"}), json({"h", 1}),
                            json({"h", "e", "r"}), json::object(), json()}) {
    EXPECT_TRUE(refused(merges(json::array({merge})), ErrorCode::malformed,
                        "model.merges[0] should be two pieces"))
        << merge;
  }
}

TEST(TokenizerSpec, NamesComponentsThatAreNotImplemented) {
  EXPECT_TRUE(refused({{"normalizer", {{"type", "Lowercase"}}}}, ErrorCode::unsupported,
                      R"(normalizer has the type "Lowercase")"));
  const json parts = {{{"type", "NFC"}}, {{"type", "StripAccents"}}};
  EXPECT_TRUE(refused({{"normalizer", {{"type", "Sequence"}, {"normalizers", parts}}}},
                      ErrorCode::unsupported, R"(normalizer.normalizers[1] has the type)"));
  EXPECT_TRUE(refused({{"normalizer", {{"type", "Prepend"}}}}, ErrorCode::malformed,
                      "normalizer.prepend is missing"));
  EXPECT_TRUE(refused({{"pre_tokenizer", {{"type", "Punctuation"}}}}, ErrorCode::unsupported,
                      R"(pre_tokenizer has the type "Punctuation")"));
  EXPECT_TRUE(refused({{"decoder", {{"type", "CTC"}}}}, ErrorCode::unsupported,
                      R"(decoder has the type "CTC")"));
  EXPECT_TRUE(
      refused({{"added_tokens", "x"}}, ErrorCode::malformed, "added_tokens should be an array"));
}

TEST(TokenizerSpec, ReadsEarlyFilesThatLeaveThingsOut) {
  json document = tests::small_tokenizer("byte_level");
  const auto full = tests::valid_tokenizer(tests::load_tokenizer(document));
  for (const char* key : {"version", "truncation", "padding", "normalizer", "post_processor"}) {
    document.erase(key);
  }
  for (const char* key : {"type", "ignore_merges", "byte_fallback", "dropout", "unk_token"}) {
    document["model"].erase(key);
  }
  document["pre_tokenizer"].erase("use_regex");
  const auto sparse = tests::valid_tokenizer(tests::load_tokenizer(document));
  const std::string text = "The words, all 42 of them!";
  EXPECT_EQ(sparse.encode(text, true), full.encode(text, true));
}

TEST(TokenizerSpec, DoesNotTruncate) {
  json document = tests::small_tokenizer("byte_level");
  document["truncation"] = {{"max_length", 2}, {"strategy", "LongestFirst"}, {"stride", 0}};
  document["padding"] = {{"strategy", {{"Fixed", 500}}}};
  const auto tokenizer = tests::valid_tokenizer(tests::load_tokenizer(document));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("one two three", true), false), "one two three");
}

// Whatever part of a file is swapped for something else, loading ends in a tokenizer or a sentence.
TEST(TokenizerSpec, SurvivesAnyValueInAnyPlace) {
  const json values[] = {nullptr,
                         true,
                         -1,
                         1ULL << 63,
                         0.5,
                         "",
                         "\n",
                         json::array(),
                         json::object(),
                         json::array({json()}),
                         {{"type", "Sequence"}}};
  for (const char* base : {"byte_level", "sentencepiece"}) {
    const json original = tests::small_tokenizer(base);
    json trimmed = original;
    trimmed["model"]["merges"] = json::array({original["model"]["merges"][0]});
    trimmed["model"]["vocab"] = json::object();
    for (const char* piece : {"<unk>", "<s>", "</s>", "<|end|>", "▁", "t", "▁t", "Ġ", "Ġt"}) {
      if (original["model"]["vocab"].contains(piece)) {
        trimmed["model"]["vocab"][piece] = original["model"]["vocab"][piece];
      }
    }
    ASSERT_TRUE(tests::succeeded(tests::load_tokenizer(trimmed)));
    const json flat = trimmed.flatten();
    for (const auto& [pointer, leaf] : flat.items()) {
      for (auto place = json::json_pointer(pointer); !place.empty(); place.pop_back()) {
        for (const json& value : values) {
          json broken = trimmed;
          broken[place] = value;
          const auto tokenizer = tests::load_tokenizer(broken);
          if (tokenizer) {
            tokenizer->decode(tokenizer->encode("the <s> end\n", true), true);
          } else {
            ASSERT_NE(tokenizer.error().message.find("tokenizer.json: "), std::string::npos);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace cecollm::model
