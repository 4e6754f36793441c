#pragma once
// POST /v1/chat/completions: the response as JSON, whole or in pieces.

#include "api/response_writing.hpp"

namespace cecollm::api {

class ChatWriter : public ResponseWriter {
 public:
  using ResponseWriter::ResponseWriter;

 private:
  const char* kind_of_whole() const override { return "chat.completion"; }
  const char* kind_of_piece() const override { return "chat.completion.chunk"; }
  Words words_of_whole(const ChoicePart& part) const override;
  Words words_of_piece(const ChoicePart& part, bool first) const override;
  Json logprobs_of(const ChoicePart& part) const override;
};

}  // namespace cecollm::api
