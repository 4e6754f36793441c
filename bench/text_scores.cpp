#include "bench/text_scores.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace cecollm::bench {
namespace {

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

bool in_word(char byte) {
  const auto value = static_cast<unsigned char>(byte);
  return value >= 0x80U || std::isalnum(value) != 0;
}

std::size_t longest_common_subsequence(const std::vector<std::string>& a,
                                       const std::vector<std::string>& b) {
  // before[j]: of the words of `a` so far and the first j of `b`.
  std::vector<std::size_t> before(b.size() + 1, 0);
  for (const auto& word : a) {
    std::vector<std::size_t> now(b.size() + 1, 0);
    for (std::size_t j = 0; j < b.size(); ++j) {
      now[j + 1] = word == b[j] ? before[j] + 1 : std::max(before[j + 1], now[j]);
    }
    before = std::move(now);
  }
  return before.back();
}

bool follow_each_other(const std::vector<std::string>& words, const std::vector<std::string>& key) {
  if (key.empty()) return false;
  for (std::size_t start = 0; start + key.size() <= words.size(); ++start) {
    const auto first = words.begin() + static_cast<std::ptrdiff_t>(start);
    if (std::equal(key.begin(), key.end() - 1, first) &&
        words[start + key.size() - 1].starts_with(key.back())) {
      return true;
    }
  }
  return false;
}

std::string last_number(std::string_view text) {
  text = text.substr(0, text.find_first_of(".\n"));
  std::string number;
  bool inside = false;
  for (const char byte : text) {
    if (is_digit(byte)) {
      if (!inside) number.clear();
      number += byte;
    }
    inside = is_digit(byte);
  }
  return number;
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (const char byte : text) {
    if (in_word(byte)) {
      if (!inside) words.emplace_back();
      words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(byte)));
    }
    inside = in_word(byte);
  }
  return words;
}

double rouge_l(std::string_view candidate, std::string_view reference) {
  const auto said = words_of(candidate);
  const auto wanted = words_of(reference);
  if (said.empty() || wanted.empty()) return said.empty() && wanted.empty() ? 1 : 0;
  const auto common = static_cast<double>(longest_common_subsequence(said, wanted));
  // 2PR / (P + R) with P = common / said and R = common / wanted.
  return 2 * common / static_cast<double>(said.size() + wanted.size());
}

bool is_right(std::string_view answer, std::string_view key, AnswerKind kind) {
  switch (kind) {
    case AnswerKind::contains:
      return follow_each_other(words_of(answer), words_of(key));
    case AnswerKind::yes_no: {
      const auto said = words_of(answer);
      const auto wanted = words_of(key);
      return !said.empty() && !wanted.empty() && said.front() == wanted.front();
    }
    case AnswerKind::number:
      return !key.empty() && last_number(answer) == key;
  }
  return false;
}

}  // namespace cecollm::bench
