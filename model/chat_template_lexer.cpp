#include "model/chat_template_lexer.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "model/quoting.hpp"
#include "model/unicode.hpp"

namespace cecollm::model {
namespace {

using Kind = TemplateToken::Kind;

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool continues_name(char c) {
  return begins_name(c) || is_digit(c);
}

/// One kind of line end, and none at the very end: what Jinja makes of a file first.
std::string with_plain_line_ends(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      text += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      text += source[i];
    }
  }
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::optional<char32_t> hexadecimal(std::string_view digits) {
  char32_t value = 0;
  for (const char c : digits) {
    const char lower = static_cast<char>(c | 0x20);
    if (!is_digit(c) && !(lower >= 'a' && lower <= 'f')) return std::nullopt;
    value = value * 16 + static_cast<char32_t>(is_digit(c) ? c - '0' : lower - 'a' + 10);
  }
  return value;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(with_plain_line_ends(source)) {}

  Result<std::vector<TemplateToken>> run() {
    while (!problem_ && position_ < source_.size()) next_piece();
    add(Kind::end, "");
    if (problem_) return tl::unexpected(*problem_);
    return std::move(tokens_);
  }

 private:
  void fail(const std::string& why) {
    if (!problem_) {
      problem_ = Error{ErrorCode::malformed, "line " + std::to_string(line_) + ": " + why};
    }
  }
  void add(Kind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }
  bool at(std::string_view text) const { return rest().starts_with(text); }
  std::string_view rest() const { return std::string_view(source_).substr(position_); }
  void advance(std::size_t count) {
    const auto passed = rest().substr(0, count);
    line_ += static_cast<int>(std::count(passed.begin(), passed.end(), '\n'));
    position_ += passed.size();
  }
  void skip_space() {
    const auto text = rest();
    const auto end = std::find_if_not(text.begin(), text.end(), is_space);
    advance(static_cast<std::size_t>(end - text.begin()));
  }

  /// Text up to the next tag, and the tag.
  void next_piece() {
    const std::string_view all(source_);
    std::size_t tag = position_;
    while ((tag = all.find('{', tag)) != std::string_view::npos) {
      if (tag + 1 < all.size() && std::string_view("{%#").find(all[tag + 1]) != std::string::npos) {
        break;
      }
      ++tag;
    }
    if (tag == std::string_view::npos) {
      add_text(rest());
      advance(source_.size());
      return;
    }
    const char opener = all[tag + 1];
    const char sign = tag + 2 < all.size() ? all[tag + 2] : ' ';
    auto text = all.substr(position_, tag - position_);
    if (sign == '-') {
      while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    } else if (sign != '+' && opener != '{') {
      text = without_indent(text);
    }
    add_text(text);
    advance(tag - position_ + 2);
    if (sign == '-' || sign == '+') advance(1);
    if (opener == '#') {
      comment();
    } else if (opener == '{') {
      code(Kind::print, Kind::print_end, "}}");
    } else if (!raw()) {
      code(Kind::tag, Kind::tag_end, "%}");
    }
  }

  void add_text(std::string_view text) {
    if (!text.empty()) add(Kind::text, std::string(text));
  }

  /// lstrip_blocks: without the blanks between the last line end and a tag.
  std::string_view without_indent(std::string_view text) const {
    const auto newline = text.rfind('\n');
    const bool has_start = newline != std::string_view::npos;
    if (!has_start && !at_line_start_) return text;
    const auto begin = has_start ? newline + 1 : 0;
    const auto last = text.substr(begin);
    return std::all_of(last.begin(), last.end(), is_blank) ? text.substr(0, begin) : text;
  }

  /// Passes an end of `length` bytes whose sign stands before it; trim_blocks where `trims`.
  void pass_end(bool trims, char sign, std::size_t length) {
    advance(length);
    at_line_start_ = false;
    if (sign == '-') {
      const auto before = position_;
      skip_space();
      at_line_start_ = position_ > before && source_[position_ - 1] == '\n';
    } else if (trims && sign != '+' && at("\n")) {
      advance(1);
      at_line_start_ = true;
    }
  }

  void comment() {
    const auto end = rest().find("#}");
    if (end == std::string_view::npos) return fail("the comment has no end");
    const char sign = end > 0 ? rest()[end - 1] : ' ';
    advance(end);
    pass_end(true, sign, 2);
  }

  /// {% raw %} … {% endraw %}, whose begin has been read up to its sign. False where it is another
  /// tag.
  bool raw() {
    const auto begin = whole_tag(rest(), "raw");
    if (!begin) return false;
    advance(begin->length - 2);
    pass_end(false, begin->sign, 2);
    const auto text = rest();
    for (std::size_t at = text.find("{%"); at != std::string_view::npos;
         at = text.find("{%", at + 2)) {
      const bool has_sign = at + 2 < text.size() && (text[at + 2] == '-' || text[at + 2] == '+');
      const auto end = whole_tag(text.substr(at + 2 + (has_sign ? 1 : 0)), "endraw");
      if (!end) continue;
      auto kept = text.substr(0, at);
      if (has_sign && text[at + 2] == '-') {
        while (!kept.empty() && is_space(kept.back())) kept.remove_suffix(1);
      } else if (!has_sign) {
        kept = without_indent(kept);
      }
      add_text(kept);
      advance(at + 2 + (has_sign ? 1 : 0) + end->length - 2);
      pass_end(true, end->sign, 2);
      return true;
    }
    fail("{% raw %} has no {% endraw %}");
    return true;
  }
  struct WholeTag {
    std::size_t length;  // with its %}
    char sign;
  };
  static std::optional<WholeTag> whole_tag(std::string_view text, std::string_view name) {
    std::size_t i = 0;
    while (i < text.size() && is_space(text[i])) ++i;
    if (!text.substr(i).starts_with(name)) return std::nullopt;
    i += name.size();
    while (i < text.size() && is_space(text[i])) ++i;
    char sign = ' ';
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) sign = text[i++];
    if (!text.substr(i).starts_with("%}")) return std::nullopt;
    return WholeTag{i + 2, sign};
  }

  /// What stands within a tag, and its end.
  void code(Kind begin, Kind end, std::string_view end_text) {
    add(begin, "");
    std::size_t open = 0;  // brackets: a }} within them ends no tag
    while (!problem_) {
      skip_space();
      if (position_ == source_.size()) return fail("the tag has no end");
      if (open == 0) {
        const bool is_tag = end == Kind::tag_end;
        const char sign = source_[position_];
        const bool has_sign = sign == '-' || (is_tag && sign == '+');
        if (rest().substr(has_sign ? 1 : 0).starts_with(end_text)) {
          add(end, "");
          if (has_sign) advance(1);
          return pass_end(is_tag, has_sign ? sign : ' ', end_text.size());
        }
      }
      token(open);
    }
  }

  void token(std::size_t& open) {
    const char c = source_[position_];
    if (begins_name(c)) {
      const auto text = rest();
      const auto end = std::find_if_not(text.begin(), text.end(), continues_name);
      const auto length = static_cast<std::size_t>(end - text.begin());
      add(Kind::name, std::string(text.substr(0, length)));
      advance(length);
    } else if (is_digit(c)) {
      number();
    } else if (c == '\'' || c == '"') {
      string(c);
    } else {
      symbol(open);
    }
  }

  void number() {
    const auto text = rest();
    std::size_t i = 0;
    const auto digits = [&] {
      while (i < text.size() && is_digit(text[i])) ++i;
    };
    digits();
    bool real = false;
    if (i + 1 < text.size() && text[i] == '.' && is_digit(text[i + 1])) {
      real = true;
      ++i;
      digits();
    }
    if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
      const std::size_t sign = i + 1 < text.size() && (text[i + 1] == '+' || text[i + 1] == '-');
      if (i + 1 + sign < text.size() && is_digit(text[i + 1 + sign])) {
        real = true;
        i += 1 + sign;
        digits();
      }
    }
    add(real ? Kind::real : Kind::integer, std::string(text.substr(0, i)));
    advance(i);
  }

  void string(char quote) {
    std::string value;
    const auto text = rest();
    std::size_t i = 1;
    while (i < text.size() && text[i] != quote) {
      if (text[i] != '\\') {
        value += text[i++];
      } else if (i + 1 < text.size()) {
        i = escape(text, i, value);
      } else {
        break;
      }
    }
    if (i >= text.size()) return fail("the string has no end");
    add(Kind::string, std::move(value));
    advance(i + 1);
  }

  /// The escape at `i`, as Python has them; where the next character stands.
  std::size_t escape(std::string_view text, std::size_t i, std::string& value) {
    constexpr std::string_view names = "ntr\\'\"abfv";
    constexpr std::string_view meant = "\n\t\r\\'\"\a\b\f\v";
    const char c = text[i + 1];
    if (const auto known = names.find(c); known != std::string_view::npos) {
      value += meant[known];
      return i + 2;
    }
    if (c == '\n') return i + 2;
    if (c >= '0' && c <= '7') {
      char32_t code = 0;
      std::size_t end = i + 1;
      while (end < i + 4 && end < text.size() && text[end] >= '0' && text[end] <= '7') {
        code = code * 8 + static_cast<char32_t>(text[end++] - '0');
      }
      append_utf8(code, value);
      return end;
    }
    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits > 0) {
      const auto given = text.substr(i + 2, digits);
      const auto code = given.size() == digits ? hexadecimal(given) : std::nullopt;
      const bool character = code && *code <= 0x10FFFF && !(*code >= 0xD800 && *code <= 0xDFFF);
      if (!character) {
        fail("the string has an escape that stands for no character");
        return text.size();
      }
      append_utf8(*code, value);
      return i + 2 + digits;
    }
    value += '\\';
    return i + 1;
  }

  void symbol(std::size_t& open) {
    constexpr std::array<std::string_view, 6> pairs{"==", "!=", "<=", ">=", "//", "**"};
    constexpr std::string_view singles = "+-*/%~[](){}<>=.:|,";
    std::size_t length = 0;
    if (std::ranges::any_of(pairs, [this](std::string_view pair) { return at(pair); })) {
      length = 2;
    } else if (singles.find(source_[position_]) != std::string_view::npos) {
      length = 1;
    } else {
      return fail("unexpected " + in_quotes(rest().substr(0, next_utf8(rest()).length)));
    }
    const char c = source_[position_];
    if (length == 1 && (c == '(' || c == '[' || c == '{')) ++open;
    if (length == 1 && (c == ')' || c == ']' || c == '}') && open > 0) --open;
    add(Kind::symbol, std::string(rest().substr(0, length)));
    advance(length);
  }

  std::string source_;
  std::size_t position_ = 0;
  int line_ = 1;
  bool at_line_start_ = true;
  std::vector<TemplateToken> tokens_;
  std::optional<Error> problem_;
};

}  // namespace

Result<std::vector<TemplateToken>> tokenize_template(std::string_view source) {
  return Lexer(source).run();
}

}  // namespace cecollm::model
