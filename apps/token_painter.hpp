#pragma once
// Tokens coloured by where they were decided, for terminals; plain text elsewhere.

#include <ostream>
#include <string_view>

namespace cecollm::apps {

class TokenPainter {
 public:
  TokenPainter(std::ostream& out, bool colour) : out_(out), colour_(colour) {}

  /// One line that shows each source in its colour; nothing without colour.
  void legend();
  /// The text of one token from `source` ("exit1", "exit2", …, "cloud", "fallback", "full").
  void paint(std::string_view text, std::string_view source);

 private:
  std::ostream& out_;
  bool colour_;
};

}  // namespace cecollm::apps
