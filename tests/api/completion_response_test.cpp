#include "api/completion_response.hpp"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/error.hpp"
#include "api/token_requests.hpp"
#include "tests/support/served_model.hpp"

namespace cecollm::api {
namespace {

using policy::Source;

const ServedModel model_of_responses = tests::served_model();

const ResponseHead head{"cmpl-1", 1700000000, "little"};

actors::TokenEvent token(model::TokenId id, std::string text, Source source) {
  actors::TokenEvent event;
  event.token = id;
  event.text = std::move(text);
  event.source = source;
  event.confidence = 0.5F;
  event.logprob = -0.25F;
  event.top = {{id, -0.25F}, {9, -2.0F}};
  return event;
}

actors::GenerationFinished finished(actors::FinishReason reason) {
  actors::GenerationFinished end;
  end.reason = reason;
  end.mode = policy::Mode::standalone;
  end.mode_switches = {{2, policy::Mode::standalone, policy::ModeReason::link_lost}};
  end.upload.bytes_up = 1234;
  end.upload.rows_up = 5;
  return end;
}

Json parsed(const std::string& text) {
  EXPECT_EQ(text.find('\n'), std::string::npos) << "more than a line";
  return Json::parse(text);
}

TEST(CompletionResponse, HoldsChoicesAndUsage) {
  const std::array tokens{token(7, "a", {Source::Kind::exit, 0}),
                          token(8, "b", {Source::Kind::cloud, 0})};
  const auto stop = finished(actors::FinishReason::end_of_text);
  const auto length = finished(actors::FinishReason::length);
  const std::array choices{ChoicePart{0, "ab", tokens, 0, &stop},
                           ChoicePart{1, "ab", tokens, 0, &length}};
  const CompletionWriter writer(head, {}, false);
  EXPECT_EQ(parsed(writer.whole(choices, {3, 4, 2})), Json::parse(R"({
    "id": "cmpl-1", "object": "text_completion", "created": 1700000000, "model": "little",
    "choices": [
      {"index": 0, "text": "ab", "logprobs": null, "finish_reason": "stop"},
      {"index": 1, "text": "ab", "logprobs": null, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7,
              "prompt_tokens_details": {"cached_tokens": 2}}})"));
}

TEST(CompletionResponse, CallsAStopStringAStop) {
  const auto end = finished(actors::FinishReason::stop_string);
  EXPECT_EQ(finish_reason_of({0, "", {}, 0, &end}), "stop");
}

TEST(CompletionResponse, IsStreamedInPieces) {
  const auto first = token(7, "a", {Source::Kind::exit, 0});
  const CompletionWriter writer(head, {}, false);
  EXPECT_EQ(parsed(writer.piece({2, "a", {&first, 1}, 0, nullptr}, true)), Json::parse(R"({
    "id": "cmpl-1", "object": "text_completion", "created": 1700000000, "model": "little",
    "choices": [{"index": 2, "text": "a", "logprobs": null, "finish_reason": null}]})"));
}

TEST(CompletionResponse, EndsAStreamWithTheUsageThatWasAskedFor) {
  const CompletionWriter writer(head, {}, true);
  EXPECT_TRUE(parsed(writer.piece({0, "a", {}, 0, nullptr}, true)).at("usage").is_null());
  const auto last = parsed(writer.usage_piece({3, 4}));
  EXPECT_EQ(last.at("choices"), Json::array());
  EXPECT_EQ(last.at("usage").at("total_tokens"), 7);
  EXPECT_EQ(last.at("id"), "cmpl-1");
}

TEST(CompletionResponse, ListsLogprobsWithOffsetsInCharacters) {
  const std::array tokens{token(7, "é", {Source::Kind::exit, 0}),
                          token(8, "b", {Source::Kind::cloud, 0})};
  const CompletionWriter writer(head, {.logprobs = true}, false);
  const auto choice = parsed(writer.piece({0, "éb", tokens, 10, nullptr}, true)).at("choices")[0];
  EXPECT_EQ(choice.at("logprobs"), Json::parse(R"({
    "tokens": ["7", "8"], "token_logprobs": [-0.25, -0.25],
    "top_logprobs": [{"7": -0.25, "9": -2.0}, {"8": -0.25, "9": -2.0}],
    "text_offset": [10, 11]})"));
}

TEST(CompletionResponse, TellsWhereTokensCameFromWhereThatWasAskedFor) {
  const std::array tokens{token(7, "a", {Source::Kind::exit, 1}),
                          token(8, "b", {Source::Kind::cloud, 0}),
                          token(9, "c", {Source::Kind::fallback, 1})};
  const auto end = finished(actors::FinishReason::length);
  const CompletionWriter writer(head, {.extended = true, .model = &model_of_responses}, false);
  const std::array choices{ChoicePart{0, "abc", tokens, 0, &end}};
  EXPECT_EQ(parsed(writer.whole(choices, {})).at("choices")[0].at("cecollm"), Json::parse(R"({
    "tokens": [
      {"id": 7, "text": "a", "source": "exit2", "exit_layer": 6, "confidence": 0.5},
      {"id": 8, "text": "b", "source": "cloud", "exit_layer": null, "confidence": 0.5},
      {"id": 9, "text": "c", "source": "fallback", "exit_layer": 6, "confidence": 0.5}],
    "mode": "standalone",
    "mode_changes": [{"token": 2, "mode": "standalone", "reason": "link-lost"}],
    "bytes_up": 1234, "rows_up": 5})"));
}

TEST(CompletionResponse, IsUtf8WhateverItsTextIs) {
  const CompletionWriter writer(head, {}, false);
  const auto json = parsed(writer.piece({0, "a\xFFz", {}, 0, nullptr}, true));
  EXPECT_EQ(json.at("choices")[0].at("text"), "a\xEF\xBF\xBDz");
}

TEST(StreamEvents, AreALineEachAndAnEmptyOne) {
  EXPECT_EQ(stream_event("{}"), "data: {}\n\n");
}

TEST(ApiError, IsOpenAisObject) {
  EXPECT_EQ(to_json({400, "n is to be a number", "n", ""}),
            R"({"error":{"message":"n is to be a number","type":"invalid_request_error",)"
            R"("param":"n","code":null}})");
  EXPECT_EQ(type_of({404, ""}), "invalid_request_error");
  EXPECT_EQ(type_of({429, ""}), "rate_limit_error");
  EXPECT_EQ(type_of({503, ""}), "server_error");
}

TEST(TokenRequests, ReadTextAndIds) {
  const auto request = parse_tokenize_request(R"({"prompt":"a"})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->prompt, "a");
  EXPECT_TRUE(request->add_special_tokens);
  EXPECT_FALSE(
      parse_tokenize_request(R"({"prompt":"a","add_special_tokens":false})")->add_special_tokens);
  EXPECT_THAT(*parse_detokenize_request(R"({"tokens":[1,2]})", model_of_responses),
              testing::ElementsAre(1, 2));
}

TEST(TokenRequests, RefuseWhatIsMissingOrWrong) {
  EXPECT_EQ(parse_tokenize_request("{}").error().param, "prompt");
  EXPECT_EQ(parse_tokenize_request(R"({"prompt":1})").error().param, "prompt");
  EXPECT_EQ(parse_tokenize_request("[]").error().param, "");
  for (const char* tokens : {"null", "1", "[100]", "[-1]", "[\"a\"]"}) {
    const auto request =
        parse_detokenize_request(R"({"tokens":)" + std::string(tokens) + "}", model_of_responses);
    ASSERT_FALSE(request) << tokens;
    EXPECT_EQ(request.error().param, "tokens");
  }
}

TEST(TokenRequests, AreAnsweredWithIdsAndText) {
  EXPECT_EQ(tokenize_json({1, 2}, model_of_responses),
            R"({"tokens":[1,2],"count":2,"max_model_len":512})");
  EXPECT_EQ(detokenize_json("a\"b"), R"({"prompt":"a\"b"})");
}

}  // namespace
}  // namespace cecollm::api
