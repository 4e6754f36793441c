#include "apps/input.hpp"

#include <array>

namespace cecollm::apps {

Outcome<std::string> read_all(std::istream& in, std::size_t most_bytes) {
  std::string text;
  std::array<char, 1U << 16U> block;
  do {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    text.append(block.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > most_bytes) {
      return misused("standard input is longer than " + std::to_string(most_bytes) + " bytes");
    }
  } while (in);
  if (in.bad()) return failed("standard input cannot be read");
  return text;
}

}  // namespace cecollm::apps
