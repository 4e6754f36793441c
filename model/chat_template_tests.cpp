#include <algorithm>
#include <array>
#include <cmath>

#include "model/chat_template_calls.hpp"
#include "model/chat_template_operators.hpp"
#include "model/quoting.hpp"

namespace cecollm::model {
namespace {

struct ValueKind {
  std::string_view name;
  bool (*holds)(const ChatValue& value);
};
bool is_whole(const ChatValue& value) {
  return value.as_integer() && value.as_boolean() == nullptr;
}
constexpr std::array kinds{
    ValueKind{"defined",
              [](const ChatValue& value) {
                return !value.is_undefined();
              }},
    ValueKind{"undefined",
              [](const ChatValue& value) {
                return value.is_undefined();
              }},
    ValueKind{"none",
              [](const ChatValue& value) {
                return value.is_none();
              }},
    ValueKind{"string",
              [](const ChatValue& value) {
                return value.as_text() != nullptr;
              }},
    ValueKind{"boolean",
              [](const ChatValue& value) {
                return value.as_boolean() != nullptr;
              }},
    ValueKind{"true",
              [](const ChatValue& value) {
                return value.as_boolean() != nullptr && value.truthy();
              }},
    ValueKind{"false",
              [](const ChatValue& value) {
                return value.as_boolean() != nullptr && !value.truthy();
              }},
    ValueKind{"integer", is_whole},
    ValueKind{"float",
              [](const ChatValue& value) {
                return value.as_exact_real() != nullptr;
              }},
    ValueKind{"number",
              [](const ChatValue& value) {
                return value.is_number();
              }},
    ValueKind{"mapping",
              [](const ChatValue& value) {
                return value.as_map() != nullptr && value.as_namespace() == nullptr;
              }},
    ValueKind{"sequence",
              [](const ChatValue& value) {
                return value.as_list() != nullptr || value.as_text() != nullptr ||
                       value.as_map() != nullptr || value.is_undefined();
              }},
    ValueKind{"iterable",
              [](const ChatValue& value) {
                return value.as_list() != nullptr || value.as_text() != nullptr ||
                       value.as_map() != nullptr || value.is_undefined();
              }},
    ValueKind{"callable", [](const ChatValue& value) {
                return value.as_macro() != nullptr || value.as_function().has_value();
              }}};

struct Relation {
  std::string_view name;
  Comparison comparison;
};
constexpr std::array relations{
    Relation{"equalto", Comparison::equal},    Relation{"eq", Comparison::equal},
    Relation{"ne", Comparison::not_equal},     Relation{"lt", Comparison::less},
    Relation{"lessthan", Comparison::less},    Relation{"le", Comparison::less_equal},
    Relation{"gt", Comparison::greater},       Relation{"greaterthan", Comparison::greater},
    Relation{"ge", Comparison::greater_equal}, Relation{"in", Comparison::in}};

/// The remainder of a division, for tests of whole numbers.
bool leaves(const ChatValue& input, const ChatValue& divisor, std::int64_t rest, TemplateRun& run) {
  const auto result = combine(BinaryOperator::modulo, input, divisor, run);
  return !run.failed() && equal(result, ChatValue::integer(rest), run);
}

}  // namespace

bool apply_test(std::string_view name, const ChatValue& input, const CallArguments& arguments,
                TemplateRun& run) {
  if (const auto* kind = std::ranges::find(kinds, name, &ValueKind::name); kind != kinds.end()) {
    return kind->holds(input);
  }
  if (const auto* relation = std::ranges::find(relations, name, &Relation::name);
      relation != relations.end()) {
    if (arguments.positional.empty()) {
      run.fail("the test " + std::string(name) + " takes a value");
      return false;
    }
    return compare(relation->comparison, input, arguments.positional.front(), run);
  }
  if (name == "odd") return leaves(input, ChatValue::integer(2), 1, run);
  if (name == "even") return leaves(input, ChatValue::integer(2), 0, run);
  if (name == "divisibleby") return leaves(input, arguments.get(0, "num"), 0, run);
  if (name == "lower" || name == "upper") {
    const auto text = written(input, run);
    const auto other = in_case(text, name == "lower" ? LetterCase::upper : LetterCase::lower, run);
    const auto same = in_case(text, name == "lower" ? LetterCase::lower : LetterCase::upper, run);
    return same.as_text() != nullptr && *same.as_text() == text && *other.as_text() != text;
  }
  run.unsupported("the test " + in_quotes(name));
  return false;
}

}  // namespace cecollm::model
