#include "model/chat_template_operators.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

#include "model/quoting.hpp"
#include "model/unicode.hpp"

namespace cecollm::model {
namespace {

std::string sentence(const ChatValue& value, std::string_view rest) {
  std::string text(value.kind());
  if (value.is_undefined() && !value.undefined_name().empty()) {
    text = in_quotes(value.undefined_name()) + ", which is undefined,";
  }
  return text + " " + std::string(rest);
}

ChatValue whole_numbers(BinaryOperator operation, std::int64_t a, std::int64_t b,
                        TemplateRun& run) {
  std::int64_t result = 0;
  bool overflow = false;
  switch (operation) {
    case BinaryOperator::add:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case BinaryOperator::subtract:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case BinaryOperator::multiply:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    case BinaryOperator::floor_divide:
    case BinaryOperator::modulo: {
      if (b == 0) return run.fail("a division by zero");
      overflow = b == -1 && a == std::numeric_limits<std::int64_t>::min();
      if (overflow) break;
      const bool below = a % b != 0 && (a < 0) != (b < 0);  // Python rounds down
      result = operation == BinaryOperator::modulo ? a % b + (below ? b : 0) : a / b - below;
      break;
    }
    default:
      return {};
  }
  return overflow ? run.fail("an integer of more than 64 bits") : ChatValue::integer(result);
}

ChatValue real_numbers(BinaryOperator operation, double a, double b, TemplateRun& run) {
  const bool divides = operation == BinaryOperator::divide ||
                       operation == BinaryOperator::floor_divide ||
                       operation == BinaryOperator::modulo;
  if (divides && b == 0.0) return run.fail("a division by zero");
  switch (operation) {
    case BinaryOperator::add:
      return ChatValue::real(a + b);
    case BinaryOperator::subtract:
      return ChatValue::real(a - b);
    case BinaryOperator::multiply:
      return ChatValue::real(a * b);
    case BinaryOperator::divide:
      return ChatValue::real(a / b);
    case BinaryOperator::floor_divide:
      return ChatValue::real(std::floor(a / b));
    case BinaryOperator::modulo:
      return ChatValue::real(a - b * std::floor(a / b));
    default:
      return ChatValue::real(std::pow(a, b));
  }
}

ChatValue whole_power(std::int64_t base, std::int64_t exponent, TemplateRun& run) {
  std::int64_t result = 1;
  // At most 63 factors until it overflows or the base is trivial.
  for (std::int64_t i = 0; i < exponent; ++i) {
    if (base >= -1 && base <= 1 && i >= 2)
      return ChatValue::integer(exponent % 2 == 0 ? base * base : base);
    if (__builtin_mul_overflow(result, base, &result)) {
      return run.fail("an integer of more than 64 bits");
    }
  }
  return ChatValue::integer(result);
}

ChatValue repeated(const ChatValue& what, std::int64_t count, TemplateRun& run) {
  const auto times = static_cast<std::size_t>(std::clamp<std::int64_t>(count, 0, 1'000'000'000));
  if (const auto* text = what.as_text()) {
    if (!run.bytes(text->size() * times)) return {};
    std::string result;
    if (text->empty()) return ChatValue::text(result);
    result.reserve(text->size() * times);
    for (std::size_t i = 0; i < times; ++i) result += *text;
    return ChatValue::text(std::move(result));
  }
  const auto& items = *what.as_list();
  if (items.empty()) return what;
  if (!run.bytes(items.size() * times * sizeof(ChatValue))) return {};
  ChatItems result;
  for (std::size_t i = 0; i < times; ++i) result.insert(result.end(), items.begin(), items.end());
  return list_of(std::move(result), run);
}

bool contains(const ChatValue& container, const ChatValue& item, TemplateRun& run) {
  if (const auto* text = container.as_text()) {
    if (item.as_text() == nullptr) {
      run.fail(sentence(item, "is looked for in a string"));
      return false;
    }
    return run.bytes(text->size()) && text->find(*item.as_text()) != std::string::npos;
  }
  if (const auto* list = container.as_list()) {
    return std::ranges::any_of(*list,
                               [&](const auto& candidate) { return equal(candidate, item, run); });
  }
  if (const auto* map = container.as_map()) {
    return item.as_text() != nullptr && find_entry(*map, *item.as_text()) != nullptr;
  }
  if (!container.is_undefined()) run.fail(sentence(container, "holds nothing to look for"));
  return false;
}

/// Less, equal, greater; nothing where the two have no order.
std::optional<int> order(const ChatValue& a, const ChatValue& b, TemplateRun& run) {
  if (a.is_number() && b.is_number()) {
    const auto x = *a.as_real();
    const auto y = *b.as_real();
    return x < y ? -1 : x > y ? 1 : 0;
  }
  if (a.as_text() != nullptr && b.as_text() != nullptr) {
    if (!run.bytes(std::min(a.as_text()->size(), b.as_text()->size()))) return 0;
    return a.as_text()->compare(*b.as_text());
  }
  run.fail(sentence(a, "and ") + std::string(b.kind()) + " have no order");
  return std::nullopt;
}

std::size_t count_characters(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

std::vector<std::string_view> characters_of(std::string_view text) {
  std::vector<std::string_view> characters;
  while (!text.empty()) {
    characters.push_back(text.substr(0, next_utf8(text).length));
    text.remove_prefix(characters.back().size());
  }
  return characters;
}

/// The indices that a slice takes of `length` elements.
struct Range {
  std::int64_t begin;
  std::int64_t end;
  std::int64_t step;
};
std::optional<Range> range_of(const ChatValue& start, const ChatValue& stop, const ChatValue& step,
                              std::int64_t length, TemplateRun& run) {
  const auto bound = [&](const ChatValue& value, std::int64_t otherwise) {
    if (value.is_none() || value.is_undefined()) return otherwise;
    const auto integer = value.as_integer();
    if (!integer) {
      run.fail(sentence(value, "is no bound of a slice"));
      return otherwise;
    }
    return std::clamp(*integer < 0 ? std::max(*integer, -length - 1) + length : *integer,
                      std::int64_t{-1}, length);
  };
  Range range{0, 0, 1};
  if (!step.is_none() && !step.is_undefined()) {
    // Larger steps take the same elements.
    const auto given = step.as_integer().value_or(0);
    range.step = std::clamp(given, -length - 1, length + 1);
    if (range.step == 0) {
      run.fail("a slice's step is to be an integer other than 0");
      return std::nullopt;
    }
  }
  const bool forward = range.step > 0;
  range.begin = bound(start, forward ? 0 : length - 1);
  range.end = bound(stop, forward ? length : -1);
  if (forward) {
    range.begin = std::max<std::int64_t>(range.begin, 0);
  } else {
    range.begin = std::min(range.begin, length - 1);
  }
  return range;
}

template <class Elements, class Take>
void take_range(const Elements& elements, const Range& range, const Take& take) {
  for (auto i = range.begin; range.step > 0 ? i < range.end : i > range.end; i += range.step) {
    take(elements[static_cast<std::size_t>(i)]);
  }
}

}  // namespace

ChatValue list_of(ChatItems items, TemplateRun& run) {
  if (!run.bytes(items.size() * sizeof(ChatValue))) return {};
  auto list = ChatValue::list(std::move(items));
  return list.is_undefined() ? run.fail("a list nested too deeply") : list;
}
ChatValue map_of(ChatEntries entries, TemplateRun& run) {
  if (!run.bytes(entries.size() * sizeof(ChatEntries::value_type))) return {};
  auto map = ChatValue::map(std::move(entries));
  return map.is_undefined() ? run.fail("a map nested too deeply") : map;
}
ChatValue text_of(std::string text, TemplateRun& run) {
  return run.bytes(text.size()) ? ChatValue::text(std::move(text)) : ChatValue();
}

ChatValue combine(BinaryOperator operation, const ChatValue& a, const ChatValue& b,
                  TemplateRun& run) {
  if (operation == BinaryOperator::concatenate) {
    auto text = written(a, run);
    text += written(b, run);
    return text_of(std::move(text), run);
  }
  if (operation == BinaryOperator::add && a.as_text() != nullptr && b.as_text() != nullptr) {
    if (!run.bytes(a.as_text()->size() + b.as_text()->size())) return {};
    return ChatValue::text(*a.as_text() + *b.as_text());
  }
  if (operation == BinaryOperator::add && a.as_list() != nullptr && b.as_list() != nullptr) {
    if (!run.bytes((a.as_list()->size() + b.as_list()->size()) * sizeof(ChatValue))) return {};
    ChatItems items = *a.as_list();
    items.insert(items.end(), b.as_list()->begin(), b.as_list()->end());
    return list_of(std::move(items), run);
  }
  if (operation == BinaryOperator::multiply) {
    const auto is_series = [](const ChatValue& value) {
      return value.as_text() != nullptr || value.as_list() != nullptr;
    };
    if (is_series(a) && b.as_integer()) return repeated(a, *b.as_integer(), run);
    if (is_series(b) && a.as_integer()) return repeated(b, *a.as_integer(), run);
  }
  if (operation == BinaryOperator::modulo && a.as_text() != nullptr) {
    return run.unsupported("formatting a string by %");
  }
  if (!a.is_number() || !b.is_number()) {
    const auto& wrong = a.is_number() || (a.as_text() != nullptr && !b.is_undefined()) ? b : a;
    const auto& other = &wrong == &a ? b : a;
    return run.fail(sentence(wrong, "cannot be combined with ") + std::string(other.kind()));
  }
  const auto x = a.as_exact_real() == nullptr ? a.as_integer() : std::nullopt;
  const auto y = b.as_exact_real() == nullptr ? b.as_integer() : std::nullopt;
  if (x && y && operation == BinaryOperator::power && *y >= 0) return whole_power(*x, *y, run);
  if (x && y && operation != BinaryOperator::divide && operation != BinaryOperator::power) {
    return whole_numbers(operation, *x, *y, run);
  }
  return real_numbers(operation, *a.as_real(), *b.as_real(), run);
}

ChatValue signed_value(UnaryOperator operation, const ChatValue& value, TemplateRun& run) {
  if (!value.is_number()) return run.fail(sentence(value, "has no sign"));
  const bool negative = operation == UnaryOperator::minus;
  if (const auto* real = value.as_exact_real()) return ChatValue::real(negative ? -*real : *real);
  return whole_numbers(negative ? BinaryOperator::subtract : BinaryOperator::add, 0,
                       *value.as_integer(), run);
}

bool compare(Comparison comparison, const ChatValue& a, const ChatValue& b, TemplateRun& run) {
  switch (comparison) {
    case Comparison::equal:
      return equal(a, b, run);
    case Comparison::not_equal:
      return !equal(a, b, run);
    case Comparison::in:
      return contains(b, a, run);
    case Comparison::not_in:
      return !contains(b, a, run);
    default:
      break;
  }
  const auto ordered = order(a, b, run);
  if (!ordered) return false;
  if (comparison == Comparison::less) return *ordered < 0;
  if (comparison == Comparison::less_equal) return *ordered <= 0;
  return comparison == Comparison::greater ? *ordered > 0 : *ordered >= 0;
}

ChatValue element(const ChatValue& object, const ChatValue& index, TemplateRun& run) {
  if (object.is_undefined() || object.is_none()) {
    return run.fail(sentence(object, "has no elements"));
  }
  if (const auto* map = object.as_map()) {
    const auto* key = index.as_text();
    const auto* found = key == nullptr ? nullptr : find_entry(*map, *key);
    return found == nullptr ? ChatValue::undefined(key == nullptr ? "" : *key) : *found;
  }
  const auto position = index.as_integer();
  if (!position) return ChatValue::undefined(index.as_text() == nullptr ? "" : *index.as_text());
  if (const auto* list = object.as_list()) {
    const auto length = static_cast<std::int64_t>(list->size());
    const auto at = *position < 0 ? *position + length : *position;
    if (at < 0 || at >= length) return ChatValue::undefined("an element past the end");
    return (*list)[static_cast<std::size_t>(at)];
  }
  if (object.as_text() != nullptr && *position != std::numeric_limits<std::int64_t>::max()) {
    const auto stop = *position == -1 ? ChatValue() : ChatValue::integer(*position + 1);
    auto character = slice(object, index, stop, {}, run);
    if (character.as_text() != nullptr && !character.as_text()->empty()) return character;
  }
  return ChatValue::undefined("an element past the end");
}

ChatValue attribute(const ChatValue& object, std::string_view name, TemplateRun& run) {
  if (object.is_undefined()) {
    return run.fail(sentence(object, "has no attribute ") + in_quotes(name));
  }
  const auto* map = object.as_map();
  const auto* found = map == nullptr ? nullptr : find_entry(*map, name);
  return found == nullptr ? ChatValue::undefined(std::string(name)) : *found;
}

ChatValue slice(const ChatValue& object, const ChatValue& start, const ChatValue& stop,
                const ChatValue& step, TemplateRun& run) {
  if (const auto* list = object.as_list()) {
    const auto range = range_of(start, stop, step, static_cast<std::int64_t>(list->size()), run);
    ChatItems items;
    if (range && run.bytes(list->size() * sizeof(ChatValue))) {
      take_range(*list, *range, [&](const ChatValue& item) { items.push_back(item); });
    }
    return list_of(std::move(items), run);
  }
  const auto* text = object.as_text();
  if (text == nullptr) return run.fail(sentence(object, "has no slices"));
  if (!run.bytes(text->size())) return {};
  const auto length = count_characters(*text);
  const auto range = range_of(start, stop, step, static_cast<std::int64_t>(length), run);
  if (!range) return {};
  std::string result;
  const auto take = [&](auto character) {
    result += character;
  };
  if (length == text->size()) {
    take_range(*text, *range, take);
  } else if (run.bytes(length * sizeof(std::string_view))) {
    take_range(characters_of(*text), *range, take);
  }
  return text_of(std::move(result), run);
}

ChatItems items_of(const ChatValue& value, TemplateRun& run) {
  ChatItems items;
  if (value.is_undefined()) return items;
  if (const auto* list = value.as_list()) {
    return run.bytes(list->size() * sizeof(ChatValue)) ? *list : items;
  }
  if (const auto* map = value.as_map()) {
    for (const auto& entry : *map) {
      if (!run.bytes(entry.first.size() + sizeof(ChatValue))) break;
      items.push_back(ChatValue::text(entry.first));
    }
    return items;
  }
  if (const auto* text = value.as_text()) {
    // A shared string a character takes many times the character's size.
    if (!run.bytes(text->size() * 64)) return items;
    for (const auto character : characters_of(*text)) {
      items.push_back(ChatValue::text(std::string(character)));
    }
    return items;
  }
  run.fail(sentence(value, "cannot be gone through"));
  return items;
}

}  // namespace cecollm::model
