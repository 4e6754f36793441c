#pragma once
// A frame around any body, as the wire has it.

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

namespace cecollm::tests {

inline std::vector<char> framed(std::string_view body) {
  std::vector<char> bytes(4 + body.size());
  for (std::size_t i = 0; i < 4; ++i) {
    bytes[i] = static_cast<char>(body.size() >> (8 * (3 - i)));
  }
  std::copy(body.begin(), body.end(), bytes.begin() + 4);
  return bytes;
}

inline std::shared_ptr<const std::vector<char>> shared_frame(std::string_view body) {
  return std::make_shared<const std::vector<char>>(framed(body));
}

}  // namespace cecollm::tests
