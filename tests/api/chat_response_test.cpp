#include "api/chat_response.hpp"

#include <array>

#include <gtest/gtest.h>

namespace cecollm::api {
namespace {

const ResponseHead chat_head{"chatcmpl-1", 1700000000, "little"};

actors::TokenEvent chat_token(model::TokenId id, std::string text) {
  actors::TokenEvent event;
  event.token = id;
  event.text = std::move(text);
  event.logprob = -0.25F;
  event.top = {{id, -0.25F}, {9, -2.0F}};
  return event;
}

actors::GenerationFinished chat_end(actors::FinishReason reason) {
  actors::GenerationFinished end;
  end.reason = reason;
  return end;
}

TEST(ChatResponse, HoldsMessagesAndUsage) {
  const auto stop = chat_end(actors::FinishReason::end_of_text);
  const auto length = chat_end(actors::FinishReason::length);
  const std::array choices{ChoicePart{0, "ab", {}, 0, &stop}, ChoicePart{1, "", {}, 0, &length}};
  const ChatWriter writer(chat_head, {}, false);
  EXPECT_EQ(Json::parse(writer.whole(choices, {3, 4, 2})), Json::parse(R"({
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "little",
    "choices": [
      {"index": 0, "message": {"role": "assistant", "content": "ab", "refusal": null},
       "logprobs": null, "finish_reason": "stop"},
      {"index": 1, "message": {"role": "assistant", "content": "", "refusal": null},
       "logprobs": null, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7,
              "prompt_tokens_details": {"cached_tokens": 2}}})"));
}

TEST(ChatResponse, StreamsTheRoleFirstAndTheReasonLast) {
  const ChatWriter writer(chat_head, {}, true);
  const auto choice = [](const std::string& piece) {
    return Json::parse(piece).at("choices")[0];
  };
  const std::array tokens{chat_token(7, "a")};
  const auto first = writer.piece({0, "a", tokens, 0, nullptr}, true);
  EXPECT_EQ(Json::parse(first).at("object"), "chat.completion.chunk");
  EXPECT_TRUE(Json::parse(first).at("usage").is_null());
  EXPECT_EQ(choice(first), Json::parse(R"({"index": 0, "delta": {"role": "assistant",
    "content": "a"}, "logprobs": null, "finish_reason": null})"));
  EXPECT_EQ(choice(writer.piece({0, "b", tokens, 1, nullptr}, false)).at("delta"),
            Json::parse(R"({"content": "b"})"));
  const auto end = chat_end(actors::FinishReason::stop_string);
  EXPECT_EQ(choice(writer.piece({0, "", {}, 2, &end}, false)), Json::parse(R"({"index": 0,
    "delta": {}, "logprobs": null, "finish_reason": "stop"})"));
  EXPECT_EQ(choice(writer.piece({0, "tail", {}, 2, &end}, false)).at("delta"),
            Json::parse(R"({"content": "tail"})"));
  EXPECT_EQ(Json::parse(writer.usage_piece({3, 4})).at("choices"), Json::array());
}

TEST(ChatResponse, ListsLogprobsWithTheBytesOfEachToken) {
  const std::array tokens{chat_token(7, "a")};
  TokenDetail detail;
  detail.logprobs = true;
  const auto end = chat_end(actors::FinishReason::length);
  const ChatWriter writer(chat_head, detail, false);
  const std::array choices{ChoicePart{0, "a", tokens, 0, &end}};
  // Without a tokenizer, tokens are written as their ids.
  EXPECT_EQ(Json::parse(writer.whole(choices, {})).at("choices")[0].at("logprobs"), Json::parse(R"({
    "content": [{"token": "7", "logprob": -0.25, "bytes": [55], "top_logprobs": [
      {"token": "7", "logprob": -0.25, "bytes": [55]},
      {"token": "9", "logprob": -2.0, "bytes": [57]}]}],
    "refusal": null})"));
}

}  // namespace
}  // namespace cecollm::api
