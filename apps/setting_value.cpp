#include "apps/setting_value.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <system_error>
#include <utility>

#include "transport/endpoint.hpp"

namespace cecollm::apps {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array duration_units{Unit{"ms", 1}, Unit{"s", 1000}, Unit{"min", 60'000},
                                    Unit{"h", 3'600'000}};
constexpr std::array size_units{Unit{"B", 1},           Unit{"kB", 1e3},   Unit{"MB", 1e6},
                                Unit{"GB", 1e9},        Unit{"KiB", 1024}, Unit{"MiB", 1048576},
                                Unit{"GiB", 1073741824}};

/// Larger than anything in the table, small enough for std::int64_t and exact in a double.
constexpr double largest_count = 9e15;

std::string in_quotes(std::string_view text) {
  constexpr std::size_t shown = 80;
  std::string out = "'";
  out += text.substr(0, shown);
  if (text.size() > shown) out += "…";
  out += '\'';
  return out;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "<number><unit>" as a whole count of the smallest unit.
template <std::size_t N>
std::optional<std::int64_t> parse_with_unit(std::string_view text,
                                            const std::array<Unit, N>& units) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || !std::isfinite(number) || number < 0) return std::nullopt;
  const std::string_view unit = trimmed(text.substr(static_cast<std::size_t>(end - text.data())));
  for (const Unit& known : units) {
    if (unit != known.name) continue;
    const double count = number * known.factor;
    if (count > largest_count) return std::nullopt;
    return static_cast<std::int64_t>(std::llround(count));
  }
  return std::nullopt;
}

template <class Number>
tl::expected<std::vector<Number>, std::string> parse_list(std::string_view text,
                                                          std::string_view wanted) {
  std::vector<Number> numbers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    const std::string_view element = trimmed(text.substr(begin, comma - begin));
    const auto number = parse_number<Number>(element);
    if (!number) {
      return tl::unexpected(in_quotes(element) + " is no " + std::string(wanted) +
                            "; write them with commas between");
    }
    numbers.push_back(*number);
    begin = comma + 1;
  }
  return numbers;
}

std::vector<std::string> split_at_commas(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    parts.emplace_back(trimmed(text.substr(begin, comma - begin)));
    begin = comma + 1;
  }
  return parts;
}

std::string shown_duration(double milliseconds) {
  for (auto unit = duration_units.rbegin(); unit != duration_units.rend(); ++unit) {
    if (milliseconds >= unit->factor && std::fmod(milliseconds, unit->factor) == 0) {
      return std::to_string(std::llround(milliseconds / unit->factor)) + std::string(unit->name);
    }
  }
  return std::to_string(std::llround(milliseconds)) + "ms";
}

std::string shown_size(double bytes) {
  for (const Unit& unit : {Unit{"GiB", 1073741824}, Unit{"MiB", 1048576}, Unit{"KiB", 1024}}) {
    if (bytes >= unit.factor && std::fmod(bytes, unit.factor) == 0) {
      return std::to_string(std::llround(bytes / unit.factor)) + std::string(unit.name);
    }
  }
  return std::to_string(std::llround(bytes)) + "B";
}

std::string shown(ValueKind kind, double number) {
  if (kind == ValueKind::duration) return shown_duration(number);
  if (kind == ValueKind::size) return shown_size(number);
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  return {text.data(), end};
}

std::optional<std::string> range_problem(const SettingKey& key, double number) {
  if (number >= key.least && number <= key.most) return std::nullopt;
  const bool bounded_above = key.most < std::numeric_limits<double>::max();
  return shown(key.kind, number) + " is out of range; " +
         (bounded_above
              ? "choose from " + shown(key.kind, key.least) + " to " + shown(key.kind, key.most)
              : "choose at least " + shown(key.kind, key.least));
}

template <class Number>
std::optional<std::string> list_problem(const SettingKey& key, const std::vector<Number>& list) {
  if (list.empty()) return "the list is empty; leave the key out instead";
  constexpr std::size_t most_elements = 1024;
  if (list.size() > most_elements) return "the list is too long";
  for (const Number number : list) {
    if (auto problem = range_problem(key, static_cast<double>(number))) return problem;
  }
  return std::nullopt;
}

bool is_choice(std::string_view choices, std::string_view text) {
  for (std::size_t begin = 0; begin <= choices.size();) {
    const std::size_t bar = std::min(choices.find('|', begin), choices.size());
    if (choices.substr(begin, bar - begin) == text) return true;
    begin = bar + 1;
  }
  return false;
}

std::string listed(std::string_view choices) {
  std::string out;
  for (const char c : choices) {
    if (c == '|') {
      out += ", ";
    } else {
      out += c;
    }
  }
  return out;
}

std::optional<std::string> text_problem(const SettingKey& key, const std::string& text) {
  if (text.empty()) return "the text is empty; leave the key out instead";
  if (key.kind == ValueKind::choice && !is_choice(key.choices, text)) {
    return in_quotes(text) + " is none of " + listed(key.choices);
  }
  if (key.kind == ValueKind::endpoint || key.kind == ValueKind::endpoint_list) {
    if (const auto endpoint = transport::parse_endpoint(text); !endpoint) {
      return endpoint.error().message;
    }
  }
  return std::nullopt;
}

struct Problem {
  const SettingKey& key;
  std::optional<std::string> operator()(bool) const { return std::nullopt; }
  std::optional<std::string> operator()(std::int64_t number) const {
    return range_problem(key, static_cast<double>(number));
  }
  std::optional<std::string> operator()(double number) const { return range_problem(key, number); }
  std::optional<std::string> operator()(const std::string& text) const {
    return text_problem(key, text);
  }
  std::optional<std::string> operator()(std::chrono::milliseconds duration) const {
    return range_problem(key, static_cast<double>(duration.count()));
  }
  std::optional<std::string> operator()(const std::vector<std::int64_t>& list) const {
    return list_problem(key, list);
  }
  std::optional<std::string> operator()(const std::vector<double>& list) const {
    return list_problem(key, list);
  }
  std::optional<std::string> operator()(const std::vector<std::string>& list) const {
    if (key.kind == ValueKind::endpoint_list && list.empty()) {
      return "the list is empty; leave the key out instead";
    }
    for (const std::string& text : list) {
      if (text.empty()) return "a text in the list is empty";
      if (auto problem = text_problem(key, text)) return problem;
    }
    return std::nullopt;
  }
};

template <class T>
ValueOrReason widened(tl::expected<T, std::string> value) {
  if (!value) return tl::unexpected(std::move(value.error()));
  return SettingValue{std::move(*value)};
}

ValueOrReason parse_unchecked(const SettingKey& key, std::string_view text) {
  switch (key.kind) {
    case ValueKind::boolean:
      if (text == "true" || text == "1") return SettingValue{true};
      if (text == "false" || text == "0") return SettingValue{false};
      return tl::unexpected(in_quotes(text) + " is neither true nor false");
    case ValueKind::integer:
      if (const auto number = parse_number<std::int64_t>(trimmed(text))) {
        return SettingValue{*number};
      }
      return tl::unexpected(in_quotes(text) + " is no whole number");
    case ValueKind::real:
      if (const auto number = parse_number<double>(trimmed(text))) return SettingValue{*number};
      return tl::unexpected(in_quotes(text) + " is no number");
    case ValueKind::duration:
      return widened(parse_duration(trimmed(text)));
    case ValueKind::size:
      return widened(parse_size(trimmed(text)));
    case ValueKind::integer_list:
      return widened(parse_integer_list(text));
    case ValueKind::real_list:
      return widened(parse_list<double>(text, "number"));
    case ValueKind::text_list:
      return SettingValue{std::vector<std::string>{std::string(text)}};
    case ValueKind::endpoint_list:
      return SettingValue{split_at_commas(text)};
    case ValueKind::text:
    case ValueKind::path:
    case ValueKind::endpoint:
    case ValueKind::choice:
      break;
  }
  return SettingValue{std::string(text)};
}

}  // namespace

tl::expected<std::chrono::milliseconds, std::string> parse_duration(std::string_view text) {
  const auto count = parse_with_unit(text, duration_units);
  if (!count) {
    return tl::unexpected(in_quotes(text) +
                          " is no duration; write a number and a unit: 250ms, 5s, 2min or 1h");
  }
  return std::chrono::milliseconds(*count);
}

tl::expected<std::int64_t, std::string> parse_size(std::string_view text) {
  const auto count = parse_with_unit(text, size_units);
  if (!count) {
    return tl::unexpected(in_quotes(text) +
                          " is no size; write a number and a unit: 512B, 64KiB, 8MiB or 1GiB");
  }
  return *count;
}

tl::expected<std::vector<std::int64_t>, std::string> parse_integer_list(std::string_view text) {
  return parse_list<std::int64_t>(text, "whole number");
}

ValueOrReason check_value(const SettingKey& key, SettingValue value) {
  if (auto problem = std::visit(Problem{key}, value)) return tl::unexpected(std::move(*problem));
  return value;
}

ValueOrReason parse_value(const SettingKey& key, std::string_view text) {
  auto value = parse_unchecked(key, text);
  if (!value) return value;
  return check_value(key, std::move(*value));
}

}  // namespace cecollm::apps
