#include <algorithm>
#include <array>
#include <limits>

#include <utf8proc.h>

#include "model/chat_template_calls.hpp"
#include "model/chat_template_operators.hpp"
#include "model/quoting.hpp"
#include "model/unicode.hpp"

namespace cecollm::model {
namespace {

/// str.isspace() of one character.
bool is_python_space(char32_t character) {
  return is_white_space(character) || (character >= 0x1C && character <= 0x1F);
}

std::size_t first_length(std::string_view text) {
  return next_utf8(text).length;
}
std::size_t last_length(std::string_view text) {
  std::size_t begin = text.size() - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) --begin;
  return text.size() - begin;
}

/// The string argument at `position`; fails where it is none.
const std::string* text_argument(const CallArguments& arguments, std::size_t position,
                                 std::string_view what, TemplateRun& run) {
  static const std::string none;
  if (position < arguments.positional.size()) {
    if (const auto* text = arguments.positional[position].as_text()) return text;
  }
  run.fail(std::string(what) + " takes a string");
  return &none;
}

/// A count that may be left out; -1 and below: all.
std::size_t count_of(const ChatValue& value) {
  const auto given = value.as_integer().value_or(-1);
  return given < 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(given);
}

/// Parts of a string as values, paid for.
class Parts {
 public:
  explicit Parts(TemplateRun& run) : run_(run) {}
  bool add(std::string_view part) {
    if (!run_.step() || !run_.bytes(part.size() + 4 * sizeof(ChatValue))) return false;
    items_.push_back(ChatValue::text(std::string(part)));
    return true;
  }
  ChatValue take() { return list_of(std::move(items_), run_); }
  ChatValue take_reversed() {
    std::ranges::reverse(items_);
    return take();
  }

 private:
  TemplateRun& run_;
  ChatItems items_;
};

ChatValue split_at_space(std::string_view text, std::size_t most, TemplateRun& run) {
  Parts parts(run);
  const auto skip_space = [&] {
    while (!text.empty() && is_python_space(code_point(text))) {
      text.remove_prefix(first_length(text));
    }
  };
  skip_space();
  while (!text.empty()) {
    if (most-- == 0) {
      parts.add(text);
      break;
    }
    std::size_t end = 0;
    while (end < text.size() && !is_python_space(code_point(text.substr(end)))) {
      end += first_length(text.substr(end));
    }
    if (!parts.add(text.substr(0, end))) break;
    text.remove_prefix(end);
    skip_space();
  }
  return parts.take();
}

ChatValue split(std::string_view text, const CallArguments& arguments, bool from_right,
                TemplateRun& run) {
  if (!run.bytes(text.size())) return {};
  auto most = count_of(arguments.get(1, "maxsplit"));
  const auto separator = arguments.get(0, "sep");
  if (separator.is_undefined() || separator.is_none()) {
    if (from_right) return run.unsupported("rsplit() without a separator");
    return split_at_space(text, most, run);
  }
  if (separator.as_text() == nullptr || separator.as_text()->empty()) {
    return run.fail("split() takes a string that is not empty");
  }
  const std::string_view mark = *separator.as_text();
  Parts parts(run);
  while (most-- > 0) {
    const auto found = from_right ? text.rfind(mark) : text.find(mark);
    if (found == std::string_view::npos) break;
    const auto after = text.substr(found + mark.size());
    if (!parts.add(from_right ? after : text.substr(0, found))) break;
    text = from_right ? text.substr(0, found) : after;
  }
  parts.add(text);
  return from_right ? parts.take_reversed() : parts.take();
}

ChatValue split_lines(std::string_view text, TemplateRun& run) {
  Parts parts(run);
  while (!text.empty()) {
    const auto end = text.find_first_of("\r\n");
    if (!parts.add(text.substr(0, end)) || end == std::string_view::npos) break;
    text.remove_prefix(end + (text.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  return parts.take();
}

/// Whether `text` begins, or ends, with the string, or one of the strings, that is given.
ChatValue has_affix(std::string_view text, const CallArguments& arguments, bool at_start,
                    TemplateRun& run) {
  const auto given = arguments.get(0);
  const auto candidates = given.as_list() == nullptr ? ChatItems{given} : *given.as_list();
  for (const auto& candidate : candidates) {
    const auto* affix = candidate.as_text();
    if (affix == nullptr) return run.fail("startswith() and endswith() take strings");
    if (!run.bytes(affix->size())) return {};
    if (at_start ? text.starts_with(*affix) : text.ends_with(*affix)) {
      return ChatValue::boolean(true);
    }
  }
  return ChatValue::boolean(false);
}

ChatValue find(const std::string& text, const CallArguments& arguments, TemplateRun& run) {
  const auto& wanted = *text_argument(arguments, 0, "find()", run);
  if (!run.bytes(text.size())) return {};
  const auto found = text.find(wanted);
  if (found == std::string::npos) return ChatValue::integer(-1);
  const auto before = std::string_view(text).substr(0, found);
  return ChatValue::integer(std::ranges::count_if(
      before, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

ChatValue count(std::string_view text, const CallArguments& arguments, TemplateRun& run) {
  const auto& wanted = *text_argument(arguments, 0, "count()", run);
  if (!run.bytes(text.size())) return {};
  if (wanted.empty()) return run.unsupported("counting empty strings");
  std::int64_t times = 0;
  for (auto at = text.find(wanted); at != std::string_view::npos;
       at = text.find(wanted, at + wanted.size())) {
    ++times;
  }
  return ChatValue::integer(times);
}

ChatValue without_affix(std::string_view text, const CallArguments& arguments, bool at_start,
                        TemplateRun& run) {
  const auto& affix = *text_argument(arguments, 0, "removeprefix() and removesuffix()", run);
  if (at_start && text.starts_with(affix)) text.remove_prefix(affix.size());
  if (!at_start && text.ends_with(affix)) text.remove_suffix(affix.size());
  return text_of(std::string(text), run);
}

bool all_digits(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

ChatValue string_method(const std::string& text, std::string_view name,
                        const CallArguments& arguments, TemplateRun& run) {
  if (name == "strip") return stripped(text, arguments.get(0), Side::both, run);
  if (name == "lstrip") return stripped(text, arguments.get(0), Side::left, run);
  if (name == "rstrip") return stripped(text, arguments.get(0), Side::right, run);
  if (name == "split") return split(text, arguments, false, run);
  if (name == "rsplit") return split(text, arguments, true, run);
  if (name == "splitlines") return split_lines(text, run);
  if (name == "startswith") return has_affix(text, arguments, true, run);
  if (name == "endswith") return has_affix(text, arguments, false, run);
  if (name == "removeprefix") return without_affix(text, arguments, true, run);
  if (name == "removesuffix") return without_affix(text, arguments, false, run);
  if (name == "replace") return replaced(text, arguments, run);
  if (name == "lower") return in_case(text, LetterCase::lower, run);
  if (name == "upper") return in_case(text, LetterCase::upper, run);
  if (name == "title") return in_case(text, LetterCase::title, run);
  if (name == "capitalize") return in_case(text, LetterCase::capitalized, run);
  if (name == "find") return find(text, arguments, run);
  if (name == "count") return count(text, arguments, run);
  if (name == "isdigit") return ChatValue::boolean(all_digits(text));
  if (name == "join") {
    CallArguments separator{{ChatValue::text(text)}, {}};
    return apply_filter("join", arguments.get(0), separator, run);
  }
  return run.unsupported("the string's method " + in_quotes(name));
}

ChatValue map_method(const ChatValue& object, std::string_view name, const CallArguments& arguments,
                     TemplateRun& run) {
  const auto& map = *object.as_map();
  if (name == "get") {
    const auto key = arguments.get(0);
    const auto* found = key.as_text() == nullptr ? nullptr : find_entry(map, *key.as_text());
    if (found != nullptr) return *found;
    return arguments.positional.size() > 1 ? arguments.positional[1] : ChatValue::none();
  }
  if (name == "items") return apply_filter("items", object, {}, run);
  if (name == "keys") return list_of(items_of(object, run), run);
  if (name == "values") {
    ChatItems values;
    for (const auto& entry : map) values.push_back(entry.second);
    return list_of(std::move(values), run);
  }
  return run.unsupported("the map's method " + in_quotes(name));
}

}  // namespace

ChatValue stripped(const std::string& text, const ChatValue& unwanted, Side side,
                   TemplateRun& run) {
  if (!run.bytes(text.size())) return {};
  const auto* set = unwanted.as_text();
  if (set == nullptr && !unwanted.is_none() && !unwanted.is_undefined()) {
    return run.fail("strip() and trim take a string");
  }
  const auto goes = [set, &run](std::string_view character) {
    if (set == nullptr) return is_python_space(code_point(character));
    if (!run.bytes(set->size())) return false;
    for (std::string_view rest = *set; !rest.empty(); rest.remove_prefix(first_length(rest))) {
      if (rest.substr(0, first_length(rest)) == character) return true;
    }
    return false;
  };
  std::string_view kept = text;
  while (side != Side::right && !kept.empty() && goes(kept.substr(0, first_length(kept)))) {
    kept.remove_prefix(first_length(kept));
  }
  while (side != Side::left && !kept.empty() &&
         goes(kept.substr(kept.size() - last_length(kept)))) {
    kept.remove_suffix(last_length(kept));
  }
  return text_of(std::string(kept), run);
}

ChatValue replaced(const std::string& text, const CallArguments& arguments, TemplateRun& run) {
  const auto& old = *text_argument(arguments, 0, "replace()", run);
  const auto& fresh = *text_argument(arguments, 1, "replace()", run);
  auto most = count_of(arguments.get(2, "count"));
  if (run.failed() || !run.bytes(text.size())) return {};
  if (old.empty()) return run.unsupported("replacing empty strings");
  std::string result;
  std::size_t done = 0;
  for (auto at = text.find(old); at != std::string::npos && most-- > 0; at = text.find(old, done)) {
    if (!run.bytes(fresh.size())) return {};
    result.append(text, done, at - done).append(fresh);
    done = at + old.size();
  }
  return text_of(result.append(text, done), run);
}

ChatValue in_case(const std::string& text, LetterCase wanted, TemplateRun& run) {
  if (!run.bytes(2 * text.size())) return {};
  std::string result;
  bool at_start = true;
  for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(first_length(rest))) {
    const auto character = static_cast<utf8proc_int32_t>(code_point(rest));
    const bool upper = wanted == LetterCase::upper || (wanted != LetterCase::lower && at_start);
    append_utf8(
        static_cast<char32_t>(upper ? utf8proc_toupper(character) : utf8proc_tolower(character)),
        result);
    const bool letter =
        utf8proc_toupper(character) != character || utf8proc_tolower(character) != character;
    at_start = wanted == LetterCase::title && !letter;
  }
  return ChatValue::text(std::move(result));
}

ChatValue call_method(const ChatValue& object, std::string_view name,
                      const CallArguments& arguments, TemplateRun& run) {
  if (const auto* text = object.as_text()) return string_method(*text, name, arguments, run);
  if (object.as_map() != nullptr) return map_method(object, name, arguments, run);
  if (object.is_undefined()) {
    return run.fail(in_quotes(object.undefined_name()) + ", which is undefined, has no method " +
                    in_quotes(name));
  }
  return run.unsupported("the method " + in_quotes(name) + " of " + std::string(object.kind()));
}

}  // namespace cecollm::model
