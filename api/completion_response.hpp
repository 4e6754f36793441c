#pragma once
// POST /v1/completions: the response as JSON, whole or in pieces.

#include "api/response_writing.hpp"

namespace cecollm::api {

class CompletionWriter : public ResponseWriter {
 public:
  using ResponseWriter::ResponseWriter;

 private:
  const char* kind_of_whole() const override { return "text_completion"; }
  const char* kind_of_piece() const override { return "text_completion"; }
  Words words_of_whole(const ChoicePart& part) const override { return {"text", part.text}; }
  Words words_of_piece(const ChoicePart& part, bool /*first*/) const override {
    return words_of_whole(part);
  }
  Json logprobs_of(const ChoicePart& part) const override;
};

}  // namespace cecollm::api
