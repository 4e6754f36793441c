#pragma once
// The values of a chat template: Python's, as far as templates use them. Internal to the chat
// template.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cecollm::model {

class ChatValue;
class TemplateRun;
struct MacroStatement;

using ChatItems = std::vector<ChatValue>;
/// In the order of insertion. Keys are strings.
using ChatEntries = std::vector<std::pair<std::string, ChatValue>>;

/// What a template calls by its name alone.
enum class ChatFunction { raise_exception, strftime_now, make_namespace, range, dict };

/// Cheap to copy: strings, lists and maps are shared and never change. One that stands for a macro
/// or a namespace refers to it.
class ChatValue {
 public:
  /// What a name without a value stands for; `name` is for messages.
  struct Undefined {
    std::string name;
  };
  struct None {};
  struct Namespace;
  struct List;
  struct Map;

  ChatValue() = default;  // undefined
  static ChatValue undefined(std::string name);
  static ChatValue none();
  static ChatValue boolean(bool value);
  static ChatValue integer(std::int64_t value);
  static ChatValue real(double value);
  static ChatValue text(std::string value);
  /// Lists within lists may be nested `max_depth` deep; an undefined value where they are deeper.
  static ChatValue list(ChatItems items);
  static ChatValue map(ChatEntries entries);
  static ChatValue of(Namespace* space);
  static ChatValue of(const MacroStatement* macro);
  static ChatValue of(ChatFunction function);
  static constexpr int max_depth = 64;

  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const { return std::holds_alternative<None>(data_); }
  bool is_number() const;  // an integer, a real number or a boolean
  const std::string& undefined_name() const { return std::get<Undefined>(data_).name; }
  const bool* as_boolean() const { return std::get_if<bool>(&data_); }
  /// An integer; a boolean counts as one.
  std::optional<std::int64_t> as_integer() const;
  std::optional<double> as_real() const;  // any number
  const double* as_exact_real() const { return std::get_if<double>(&data_); }
  const std::string* as_text() const;
  const ChatItems* as_list() const;
  const ChatEntries* as_map() const;  // of a namespace, too
  Namespace* as_namespace() const;
  const MacroStatement* as_macro() const;
  std::optional<ChatFunction> as_function() const;

  /// False for what is empty, zero, none or undefined.
  bool truthy() const;
  /// "a string", "a list"; for messages.
  std::string_view kind() const;
  /// How deep lists and maps are nested in it; 0 where it is neither.
  int depth() const;

 private:
  std::variant<Undefined, None, bool, std::int64_t, double, std::shared_ptr<const std::string>,
               std::shared_ptr<const List>, std::shared_ptr<const Map>, Namespace*,
               const MacroStatement*, ChatFunction>
      data_;
};

/// The one thing that templates change.
struct ChatValue::Namespace {
  ChatEntries entries;
};
struct ChatValue::List {
  ChatItems items;
  int depth = 1;
};
struct ChatValue::Map {
  ChatEntries entries;
  int depth = 1;
};

/// The value of `key`; null where there is none.
const ChatValue* find_entry(const ChatEntries& entries, std::string_view key);
void set_entry(ChatEntries& entries, std::string_view key, ChatValue value);

// What follows walks through nested values, so it spends of the run's budget.

/// As Python's ==.
bool equal(const ChatValue& a, const ChatValue& b, TemplateRun& run);
/// As Python's str(): what a template writes for the value.
std::string written(const ChatValue& value, TemplateRun& run);
/// As Python's json.dumps with ensure_ascii=False; `indent` spaces a level, none: on one line.
std::string json_text(const ChatValue& value, std::optional<int> indent, TemplateRun& run);

}  // namespace cecollm::model
