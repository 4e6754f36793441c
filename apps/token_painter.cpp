#include "apps/token_painter.hpp"

namespace cecollm::apps {
namespace {

constexpr std::string_view reset = "\x1b[0m";

/// Distinct in light and dark terminals, and for most colour-blind readers.
std::string_view colour_of(std::string_view source) {
  if (source == "exit1") return "\x1b[32m";     // green: the least work
  if (source == "cloud") return "\x1b[34m";     // blue
  if (source == "fallback") return "\x1b[31m";  // red: not what was wanted
  if (source == "full") return "";
  return "\x1b[33m";  // yellow: a later exit
}

}  // namespace

void TokenPainter::legend() {
  if (!colour_) return;
  out_ << "Tokens by source: ";
  for (const std::string_view source : {"exit1", "exit2", "cloud", "fallback"}) {
    paint(source, source);
    out_ << ' ';
  }
  out_ << "\n\n";
}

void TokenPainter::paint(std::string_view text, std::string_view source) {
  if (colour_) {
    out_ << colour_of(source) << text << reset;
  } else {
    out_ << text;
  }
  out_ << std::flush;
}

}  // namespace cecollm::apps
