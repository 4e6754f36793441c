// From Oniguruma's spelling (doc/RE of its sources, Ruby syntax) to PCRE2's (man pcre2pattern).
#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>

#include "model/quoting.hpp"
#include "model/tokenizer_regex.hpp"

namespace cecollm::model {

namespace {

// PCRE2's \s also has U+180E; its \w lacks marks and connectors. Oniguruma's \w has six more
// numbers of Latin-1, unless it stands in a character class.
//
// One difference stays: without regard to case Oniguruma also takes one character for several, ß
// for ss. No pattern of the supported families has such a pair of letters behind (?i:.
constexpr std::string_view white_space =
    R"(\x09-\x0D\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr std::string_view word_characters = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
constexpr std::string_view latin1_numbers = R"(\xB2\xB3\xB9\xBC-\xBE)";

// PCRE2 alone knows which names are scripts.
bool is_script(const std::string& name) {
  return name.size() > 2 && Regex::compile_pcre2(R"(\p{sc:)" + name + "}").has_value();
}

class Translator {
 public:
  explicit Translator(std::string_view pattern) : rest_(pattern) {}

  Result<std::string> run() {
    if (rest_.substr(0, 4) == "(?i)") take(4);  // elsewhere it binds differently
    while (!rest_.empty() && problem_.empty()) {
      if (in_class_) {
        class_item();
      } else {
        item();
      }
    }
    if (!problem_.empty()) return fail(ErrorCode::unsupported, problem_);
    return std::move(out_);
  }

 private:
  void item() {
    switch (rest_.front()) {
      case '\\':
        escape();
        return;
      case '[':
        in_class_ = true;
        take(rest_.substr(0, 2) == "[^" ? 2 : 1);
        if (!rest_.empty() && rest_.front() == ']') refuse("a character class beginning with ]");
        return;
      case '(':
        group();
        return;
      case '{':
        interval();
        return;
      default:
        take(1);
    }
  }

  void class_item() {
    if (rest_.front() == '\\') {
      escape();
    } else if (rest_.front() == '[') {
      refuse("a character class within a character class");
    } else if (rest_.substr(0, 2) == "&&") {
      refuse("an intersection of character classes");
    } else {
      in_class_ = rest_.front() != ']';
      take(1);
    }
  }

  void escape() {
    if (rest_.size() < 2) return take(1);  // PCRE2 names the error
    const char letter = rest_[1];
    switch (letter) {
      case 's':
        return replace(2, in_class_ ? std::string(white_space) : bracketed("[", white_space));
      case 'S':
        if (in_class_) return refuse(R"(\S within a character class)");
        return replace(2, bracketed("[^", white_space));
      case 'w':
        if (in_class_) return replace(2, std::string(word_characters));
        return replace(2, bracketed("[", std::string(word_characters).append(latin1_numbers)));
      case 'W':
        if (in_class_) return refuse(R"(\W within a character class)");
        return replace(2, bracketed("[^", std::string(word_characters).append(latin1_numbers)));
      case 'u':
        return four_digits();
      case 'p':
      case 'P':
        return property();
      case 'd':
      case 'D':
      case 'r':
      case 'n':
      case 't':
      case 'f':
      case 'e':
      case 'a':
      case 'x':
        return take(2);
      default:
        if (std::isalnum(static_cast<unsigned char>(letter)) != 0) {
          return refuse(std::string("\\") + letter);
        }
        take(2);
    }
  }

  // \uHHHH
  void four_digits() {
    const std::string_view digits = rest_.substr(2, 4);
    if (digits.size() != 4) return take(1);
    replace(6, R"(\x{)" + std::string(digits) + "}");
  }

  // \p{Name}: for PCRE2 a bare script name means Script_Extensions, for Oniguruma Script.
  void property() {
    const std::size_t end = rest_.find('}');
    if (rest_.substr(2, 1) != "{" || end == std::string_view::npos) return take(2);
    const std::string name(rest_.substr(3, end - 3));
    const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
    });
    if (!plain) return refuse(in_quotes(rest_.substr(0, end + 1)));
    const std::string opening(rest_.substr(0, 3));
    replace(end + 1, opening + (is_script(name) ? "sc:" : "") + name + "}");
  }

  void group() {
    if (rest_.substr(0, 2) != "(?") return take(1);
    for (const std::string_view known :
         {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!", "(?i:", "(?-i:"}) {
      if (rest_.substr(0, known.size()) == known) return take(known.size());
    }
    refuse("the group " + in_quotes(rest_.substr(0, 4)));
  }

  void interval() {
    const std::size_t end = rest_.find('}');
    if (rest_.substr(0, 2) == "{,") return refuse("an interval without a lower bound");
    if (end != std::string_view::npos && end + 1 < rest_.size() && rest_[end + 1] == '+') {
      return refuse("a + behind an interval");
    }
    take(1);
  }

  void take(std::size_t count) { replace(count, std::string(rest_.substr(0, count))); }
  void replace(std::size_t count, const std::string& text) {
    out_ += text;
    rest_.remove_prefix(count);
  }
  void refuse(const std::string& construct) {
    problem_ = "uses " + construct + ", which this regular expression engine reads differently";
  }
  static std::string bracketed(std::string_view opening, std::string_view members) {
    return std::string(opening) + std::string(members) + "]";
  }

  std::string_view rest_;
  std::string out_;
  std::string problem_;
  bool in_class_ = false;
};

}  // namespace

Result<std::string> translate_oniguruma(std::string_view pattern) {
  return Translator(pattern).run();
}

}  // namespace cecollm::model
