#pragma once
// POST /v1/chat/completions: the response as JSON, whole or in pieces.

#include <span>
#include <string>

#include "api/response_writing.hpp"

namespace cecollm::api {

class ChatWriter : public ResponseWriter {
 public:
  /// Where `usage_follows`, pieces say "usage": null until that of the usage.
  ChatWriter(ResponseHead head, TokenDetail detail, bool usage_follows);

  std::string whole(std::span<const ChoicePart> choices, const Usage& usage) const override;
  std::string piece(const ChoicePart& part, bool first) const override;
  std::string usage_piece(const Usage& usage) const override;

 private:
  ResponseHead head_;
  TokenDetail detail_;
  bool usage_follows_;
};

}  // namespace cecollm::api
