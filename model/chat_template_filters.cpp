#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <system_error>

#include "model/chat_template_calls.hpp"
#include "model/chat_template_operators.hpp"
#include "model/quoting.hpp"

namespace cecollm::model {
namespace {

using Arguments = CallArguments;

ChatValue wrong(std::string_view filter, const ChatValue& input, TemplateRun& run) {
  return run.fail("the filter " + std::string(filter) + " cannot work on " +
                  std::string(input.kind()));
}

/// What a filter of strings works on.
std::string text_input(const ChatValue& input, TemplateRun& run) {
  return written(input, run);
}

ChatValue length(const ChatValue& input, const Arguments& /*arguments*/, TemplateRun& run) {
  if (input.is_undefined()) return ChatValue::integer(0);
  if (const auto* text = input.as_text()) {
    if (!run.bytes(text->size())) return {};
    return ChatValue::integer(std::ranges::count_if(
        *text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
  }
  if (const auto* list = input.as_list()) {
    return ChatValue::integer(static_cast<std::int64_t>(list->size()));
  }
  if (const auto* map = input.as_map()) {
    return ChatValue::integer(static_cast<std::int64_t>(map->size()));
  }
  return wrong("length", input, run);
}

ChatValue trim(const ChatValue& input, const Arguments& arguments, TemplateRun& run) {
  return stripped(text_input(input, run), arguments.get(0, "chars"), Side::both, run);
}
ChatValue lower(const ChatValue& input, const Arguments& /*arguments*/, TemplateRun& run) {
  return in_case(text_input(input, run), LetterCase::lower, run);
}
ChatValue upper(const ChatValue& input, const Arguments& /*arguments*/, TemplateRun& run) {
  return in_case(text_input(input, run), LetterCase::upper, run);
}
ChatValue title(const ChatValue& input, const Arguments& /*arguments*/, TemplateRun& run) {
  return in_case(text_input(input, run), LetterCase::title, run);
}
ChatValue capitalize(const ChatValue& input, const Arguments& /*arguments*/, TemplateRun& run) {
  return in_case(text_input(input, run), LetterCase::capitalized, run);
}
ChatValue replace(const ChatValue& input, const Arguments& arguments, TemplateRun& run) {
  return replaced(text_input(input, run), arguments, run);
}
ChatValue string(const ChatValue& input, const Arguments& /*arguments*/, TemplateRun& run) {
  return text_of(text_input(input, run), run);
}
ChatValue safe(const ChatValue& input, const Arguments& /*arguments*/, TemplateRun& /*run*/) {
  return input;
}

ChatValue tojson(const ChatValue& input, const Arguments& arguments, TemplateRun& run) {
  constexpr std::int64_t max_indent = 16;
  for (const char* other : {"separators", "sort_keys"}) {
    const auto* given = find_entry(arguments.named, other);
    if (given != nullptr && given->truthy()) {
      return run.unsupported("tojson with " + std::string(other));
    }
  }
  std::optional<int> indent;
  if (const auto given = arguments.get(0, "indent").as_integer()) {
    if (*given < 0 || *given > max_indent) return run.unsupported("such an indent of tojson");
    indent = static_cast<int>(*given);
  }
  return ChatValue::text(json_text(input, indent, run));
}

ChatValue join(const ChatValue& input, const Arguments& arguments, TemplateRun& run) {
  const auto separator = arguments.get(0, "d");
  const auto name = arguments.get(1, "attribute");
  std::string text;
  bool first = true;
  for (const auto& item : items_of(input, run)) {
    if (!run.step() || !run.output(text.size())) break;
    if (!first && !separator.is_undefined()) text += written(separator, run);
    first = false;
    text += written(name.is_undefined() ? item : element(item, name, run), run);
  }
  return text_of(std::move(text), run);
}

ChatValue default_value(const ChatValue& input, const Arguments& arguments, TemplateRun& /*run*/) {
  const bool missing =
      input.is_undefined() || (arguments.get(1, "boolean").truthy() && !input.truthy());
  if (!missing) return input;
  const auto given = arguments.get(0, "default_value");
  return given.is_undefined() ? ChatValue::text("") : given;
}

ChatValue first(const ChatValue& input, const Arguments& /*arguments*/, TemplateRun& run) {
  if (input.as_list() != nullptr || input.as_text() != nullptr) {
    return element(input, ChatValue::integer(0), run);
  }
  const auto items = items_of(input, run);
  return items.empty() ? ChatValue::undefined("the first of nothing") : items.front();
}
ChatValue last(const ChatValue& input, const Arguments& /*arguments*/, TemplateRun& run) {
  if (input.as_list() != nullptr || input.as_text() != nullptr) {
    return element(input, ChatValue::integer(-1), run);
  }
  const auto items = items_of(input, run);
  return items.empty() ? ChatValue::undefined("the last of nothing") : items.back();
}
ChatValue list(const ChatValue& input, const Arguments& /*arguments*/, TemplateRun& run) {
  return list_of(items_of(input, run), run);
}
ChatValue reverse(const ChatValue& input, const Arguments& /*arguments*/, TemplateRun& run) {
  if (input.as_text() != nullptr) return slice(input, {}, {}, ChatValue::integer(-1), run);
  auto items = items_of(input, run);
  std::ranges::reverse(items);
  return list_of(std::move(items), run);
}
ChatValue items(const ChatValue& input, const Arguments& /*arguments*/, TemplateRun& run) {
  if (input.is_undefined()) return list_of({}, run);
  const auto* map = input.as_map();
  if (map == nullptr) return wrong("items", input, run);
  ChatItems pairs;
  for (const auto& entry : *map) {
    if (!run.step()) break;
    pairs.push_back(list_of({text_of(entry.first, run), entry.second}, run));
  }
  return list_of(std::move(pairs), run);
}

ChatValue integer(const ChatValue& input, const Arguments& arguments, TemplateRun& run) {
  const auto otherwise = arguments.get(0, "default");
  auto fallback = otherwise.is_undefined() ? ChatValue::integer(0) : otherwise;
  if (const auto* real = input.as_exact_real()) {
    const bool fits = std::abs(*real) < 9e18;
    return fits ? ChatValue::integer(static_cast<std::int64_t>(*real)) : fallback;
  }
  if (const auto given = input.as_integer()) return ChatValue::integer(*given);
  if (input.as_text() == nullptr) return fallback;
  const auto trimmed = stripped(*input.as_text(), {}, Side::both, run);
  if (trimmed.as_text() == nullptr) return {};
  std::string_view digits = *trimmed.as_text();
  if (digits.starts_with('+')) digits.remove_prefix(1);
  std::int64_t value = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = read.ec == std::errc() && read.ptr == digits.data() + digits.size();
  return whole ? ChatValue::integer(value) : fallback;
}

ChatValue absolute(const ChatValue& input, const Arguments& /*arguments*/, TemplateRun& run) {
  const auto value = input.as_real();
  if (!value) return wrong("abs", input, run);
  return *value < 0 ? signed_value(UnaryOperator::minus, input, run) : input;
}

ChatValue indent(const ChatValue& input, const Arguments& arguments, TemplateRun& run) {
  constexpr std::int64_t max_width = 64;
  const auto width = arguments.get(0, "width").as_integer().value_or(4);
  if (width < 0 || width > max_width) return run.unsupported("such a width of indent");
  const std::string margin(static_cast<std::size_t>(width), ' ');
  const auto text = text_input(input, run);
  std::string result = arguments.get(1, "first").truthy() ? margin : "";
  const bool blank = arguments.get(2, "blank").truthy();
  for (std::size_t i = 0; i < text.size(); ++i) {
    result += text[i];
    if (text[i] != '\n' || i + 1 == text.size()) continue;
    if (!run.bytes(margin.size())) return {};
    if (blank || text[i + 1] != '\n') result += margin;
  }
  return text_of(std::move(result), run);
}

ChatValue map(const ChatValue& input, const Arguments& arguments, TemplateRun& run) {
  const auto name = find_entry(arguments.named, "attribute");
  const auto filter = arguments.get(0);
  if (name == nullptr && filter.as_text() == nullptr) {
    return run.fail("the filter map takes an attribute, or another filter's name");
  }
  ChatItems results;
  const auto rest = arguments.from(1);
  for (const auto& item : items_of(input, run)) {
    if (!run.step()) break;
    if (name == nullptr) {
      results.push_back(apply_filter(*filter.as_text(), item, rest, run));
      continue;
    }
    const auto value = element(item, *name, run);
    const auto* otherwise = find_entry(arguments.named, "default");
    results.push_back(value.is_undefined() && otherwise != nullptr ? *otherwise : value);
  }
  return list_of(std::move(results), run);
}

/// select, reject, selectattr, rejectattr: the items, or those whose attribute, passes a test.
ChatValue chosen(const ChatValue& input, const Arguments& arguments, bool by_attribute, bool wanted,
                 TemplateRun& run) {
  const std::size_t before = by_attribute ? 1 : 0;
  const auto name = arguments.get(0);
  if (by_attribute && name.as_text() == nullptr) {
    return run.fail("selectattr and rejectattr take the name of an attribute");
  }
  const auto test = arguments.get(before);
  const auto rest = arguments.from(before + 1);
  ChatItems results;
  for (const auto& item : items_of(input, run)) {
    if (!run.step()) break;
    const auto value = by_attribute ? element(item, name, run) : item;
    const bool passes =
        test.as_text() == nullptr ? value.truthy() : apply_test(*test.as_text(), value, rest, run);
    if (passes == wanted) results.push_back(item);
  }
  return list_of(std::move(results), run);
}
ChatValue selected(const ChatValue& input, const Arguments& arguments, TemplateRun& run) {
  return chosen(input, arguments, false, true, run);
}
ChatValue rejected(const ChatValue& input, const Arguments& arguments, TemplateRun& run) {
  return chosen(input, arguments, false, false, run);
}
ChatValue selectattr(const ChatValue& input, const Arguments& arguments, TemplateRun& run) {
  return chosen(input, arguments, true, true, run);
}
ChatValue rejectattr(const ChatValue& input, const Arguments& arguments, TemplateRun& run) {
  return chosen(input, arguments, true, false, run);
}

struct Filter {
  std::string_view name;
  ChatValue (*apply)(const ChatValue& input, const Arguments& arguments, TemplateRun& run);
};
constexpr std::array filters{Filter{"abs", absolute},
                             Filter{"capitalize", capitalize},
                             Filter{"count", length},
                             Filter{"d", default_value},
                             Filter{"default", default_value},
                             Filter{"first", first},
                             Filter{"indent", indent},
                             Filter{"int", integer},
                             Filter{"items", items},
                             Filter{"join", join},
                             Filter{"last", last},
                             Filter{"length", length},
                             Filter{"list", list},
                             Filter{"lower", lower},
                             Filter{"map", map},
                             Filter{"reject", rejected},
                             Filter{"rejectattr", rejectattr},
                             Filter{"replace", replace},
                             Filter{"reverse", reverse},
                             Filter{"safe", safe},
                             Filter{"select", selected},
                             Filter{"selectattr", selectattr},
                             Filter{"string", string},
                             Filter{"title", title},
                             Filter{"tojson", tojson},
                             Filter{"trim", trim},
                             Filter{"upper", upper}};

}  // namespace

ChatValue apply_filter(std::string_view name, const ChatValue& input,
                       const CallArguments& arguments, TemplateRun& run) {
  const auto* found = std::ranges::find(filters, name, &Filter::name);
  if (found == filters.end()) return run.unsupported("the filter " + in_quotes(name));
  if (!run.enter()) return {};
  auto result = found->apply(input, arguments, run);
  run.leave();
  return result;
}

}  // namespace cecollm::model
