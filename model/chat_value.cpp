#include "model/chat_value.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include "model/chat_template_run.hpp"

namespace cecollm::model {
namespace {

int depth_of(const ChatItems& items) {
  int depth = 0;
  for (const auto& item : items) depth = std::max(depth, item.depth());
  return depth + 1;
}

int depth_of(const ChatEntries& entries) {
  int depth = 0;
  for (const auto& entry : entries) depth = std::max(depth, entry.second.depth());
  return depth + 1;
}

void append_escape(unsigned code, int digits, std::string& out) {
  constexpr std::string_view hexadecimal = "0123456789abcdef";
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    out += hexadecimal[(code >> static_cast<unsigned>(shift)) & 15U];
  }
}

void append_json_string(const std::string& text, std::string& out) {
  out += '"';
  for (const char c : text) {
    constexpr std::string_view special = "\"\\\n\r\t\b\f";
    constexpr std::string_view names = "\"\\nrtbf";
    if (const auto found = special.find(c); found != std::string_view::npos) {
      out += '\\';
      out += names[found];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u";
      append_escape(static_cast<unsigned char>(c), 4, out);
    } else {
      out += c;
    }
  }
  out += '"';
}

/// As Python's repr() of a string.
void append_quoted(const std::string& text, std::string& out) {
  const bool has_single = text.find('\'') != std::string::npos;
  const char quote = has_single && text.find('"') == std::string::npos ? '"' : '\'';
  out += quote;
  for (const char c : text) {
    constexpr std::string_view special = "\n\r\t\\";
    constexpr std::string_view names = "nrt\\";
    if (const auto found = special.find(c); found != std::string_view::npos) {
      out += '\\';
      out += names[found];
    } else if (c == quote) {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += "\\x";
      append_escape(static_cast<unsigned char>(c), 2, out);
    } else {
      out += c;
    }
  }
  out += quote;
}

/// As Python's repr() of a float: the shortest digits that give it back.
std::string shown(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  const double size = std::abs(value);
  const bool plain = size == 0.0 || (size >= 1e-4 && size < 1e16);
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  std::string text(buffer.data(), end);
  if (plain && text.find('.') == std::string::npos) text += ".0";
  return text;
}

/// What both notations have in common: the walk, and what it costs.
class ValueWriter {
 public:
  ValueWriter(bool json, std::optional<int> indent, TemplateRun& run)
      : json_(json), indent_(indent), run_(run) {}

  void add(const ChatValue& value, int level) {
    if (!run_.step() || !run_.output(out_.size())) return;
    if (const auto* text = value.as_text()) {
      if (!run_.bytes(text->size())) return;
      json_ ? append_json_string(*text, out_) : append_quoted(*text, out_);
    } else if (const auto* list = value.as_list()) {
      add_all(*list, '[', ']', level, [&](const ChatValue& item) { add(item, level + 1); });
    } else if (const auto* map = value.as_map(); map != nullptr && !value.as_namespace()) {
      add_all(*map, '{', '}', level, [&](const auto& entry) {
        json_ ? append_json_string(entry.first, out_) : append_quoted(entry.first, out_);
        out_ += ": ";
        add(entry.second, level + 1);
      });
    } else {
      out_ += json_ ? json_atom(value) : atom(value);
    }
  }

  /// A value by itself, which is written without quotes.
  std::string atom(const ChatValue& value) {
    if (value.is_undefined()) return "";
    if (value.is_none()) return "None";
    if (const auto* boolean = value.as_boolean()) return *boolean ? "True" : "False";
    if (const auto* real = value.as_exact_real()) return shown(*real);
    if (const auto integer = value.as_integer()) return std::to_string(*integer);
    run_.unsupported("writing " + std::string(value.kind()));
    return "";
  }
  std::string take() {
    run_.bytes(out_.size());
    return std::move(out_);
  }

 private:
  std::string json_atom(const ChatValue& value) {
    if (value.is_none()) return "null";
    if (const auto* boolean = value.as_boolean()) return *boolean ? "true" : "false";
    if (const auto* real = value.as_exact_real(); real != nullptr && !std::isfinite(*real)) {
      return std::isnan(*real) ? "NaN" : *real < 0 ? "-Infinity" : "Infinity";
    }
    if (value.is_number()) return atom(value);
    run_.fail(std::string(value.kind()) + " has no JSON form");
    return "";
  }

  template <class Items, class Add>
  void add_all(const Items& items, char open, char close, int level, const Add& add_one) {
    out_ += open;
    bool first = true;
    for (const auto& item : items) {
      if (run_.failed()) return;
      if (!first) out_ += indent_ ? "," : ", ";
      first = false;
      new_line(level + 1);
      add_one(item);
    }
    if (!first) new_line(level);
    out_ += close;
  }
  void new_line(int level) {
    if (!indent_) return;
    out_ += '\n';
    out_.append(static_cast<std::size_t>(level) * static_cast<std::size_t>(*indent_), ' ');
  }

  bool json_;
  std::optional<int> indent_;
  TemplateRun& run_;
  std::string out_;
};

}  // namespace

ChatValue ChatValue::undefined(std::string name) {
  ChatValue value;
  value.data_ = Undefined{std::move(name)};
  return value;
}
ChatValue ChatValue::none() {
  ChatValue value;
  value.data_ = None{};
  return value;
}
ChatValue ChatValue::boolean(bool boolean) {
  ChatValue value;
  value.data_ = boolean;
  return value;
}
ChatValue ChatValue::integer(std::int64_t integer) {
  ChatValue value;
  value.data_ = integer;
  return value;
}
ChatValue ChatValue::real(double real) {
  ChatValue value;
  value.data_ = real;
  return value;
}
ChatValue ChatValue::text(std::string text) {
  ChatValue value;
  value.data_ = std::make_shared<const std::string>(std::move(text));
  return value;
}
ChatValue ChatValue::list(ChatItems items) {
  const int depth = depth_of(items);
  if (depth > max_depth) return undefined("a list nested too deeply");
  ChatValue value;
  value.data_ = std::make_shared<const List>(List{std::move(items), depth});
  return value;
}
ChatValue ChatValue::map(ChatEntries entries) {
  const int depth = depth_of(entries);
  if (depth > max_depth) return undefined("a map nested too deeply");
  ChatValue value;
  value.data_ = std::make_shared<const Map>(Map{std::move(entries), depth});
  return value;
}
ChatValue ChatValue::of(Namespace* space) {
  ChatValue value;
  value.data_ = space;
  return value;
}
ChatValue ChatValue::of(const MacroStatement* macro) {
  ChatValue value;
  value.data_ = macro;
  return value;
}
ChatValue ChatValue::of(ChatFunction function) {
  ChatValue value;
  value.data_ = function;
  return value;
}

bool ChatValue::is_number() const {
  return std::holds_alternative<std::int64_t>(data_) || std::holds_alternative<double>(data_) ||
         std::holds_alternative<bool>(data_);
}
std::optional<std::int64_t> ChatValue::as_integer() const {
  if (const auto* integer = std::get_if<std::int64_t>(&data_)) return *integer;
  if (const auto* boolean = std::get_if<bool>(&data_)) return *boolean ? 1 : 0;
  return std::nullopt;
}
std::optional<double> ChatValue::as_real() const {
  if (const auto* real = std::get_if<double>(&data_)) return *real;
  if (const auto integer = as_integer()) return static_cast<double>(*integer);
  return std::nullopt;
}
const std::string* ChatValue::as_text() const {
  const auto* text = std::get_if<std::shared_ptr<const std::string>>(&data_);
  return text == nullptr ? nullptr : text->get();
}
const ChatItems* ChatValue::as_list() const {
  const auto* list = std::get_if<std::shared_ptr<const List>>(&data_);
  return list == nullptr ? nullptr : &(*list)->items;
}
const ChatEntries* ChatValue::as_map() const {
  if (const auto* map = std::get_if<std::shared_ptr<const Map>>(&data_)) return &(*map)->entries;
  const auto* space = as_namespace();
  return space == nullptr ? nullptr : &space->entries;
}
ChatValue::Namespace* ChatValue::as_namespace() const {
  const auto* space = std::get_if<Namespace*>(&data_);
  return space == nullptr ? nullptr : *space;
}
const MacroStatement* ChatValue::as_macro() const {
  const auto* macro = std::get_if<const MacroStatement*>(&data_);
  return macro == nullptr ? nullptr : *macro;
}
std::optional<ChatFunction> ChatValue::as_function() const {
  const auto* function = std::get_if<ChatFunction>(&data_);
  return function == nullptr ? std::nullopt : std::optional(*function);
}

bool ChatValue::truthy() const {
  if (is_undefined() || is_none()) return false;
  if (const auto number = as_real()) return *number != 0.0;
  if (const auto* string = as_text()) return !string->empty();
  if (const auto* items = as_list()) return !items->empty();
  if (as_namespace() != nullptr) return true;
  const auto* entries = as_map();
  return entries == nullptr || !entries->empty();
}

std::string_view ChatValue::kind() const {
  constexpr std::array<std::string_view, std::variant_size_v<decltype(data_)>> names{
      "an undefined value", "none",     "a boolean", "an integer",
      "a number",           "a string", "a list",    "a map",
      "a namespace",        "a macro",  "a function"};
  return names[data_.index()];
}

int ChatValue::depth() const {
  if (const auto* list = std::get_if<std::shared_ptr<const List>>(&data_)) return (*list)->depth;
  const auto* map = std::get_if<std::shared_ptr<const Map>>(&data_);
  return map == nullptr ? 0 : (*map)->depth;
}

const ChatValue* find_entry(const ChatEntries& entries, std::string_view key) {
  const auto found =
      std::ranges::find_if(entries, [key](const auto& entry) { return entry.first == key; });
  return found == entries.end() ? nullptr : &found->second;
}

void set_entry(ChatEntries& entries, std::string_view key, ChatValue value) {
  const auto found =
      std::ranges::find_if(entries, [key](const auto& entry) { return entry.first == key; });
  if (found == entries.end()) {
    entries.emplace_back(key, std::move(value));
  } else {
    found->second = std::move(value);
  }
}

bool equal(const ChatValue& a, const ChatValue& b, TemplateRun& run) {
  if (!run.step()) return false;
  if (a.is_number() && b.is_number()) {
    const bool whole = a.as_exact_real() == nullptr && b.as_exact_real() == nullptr;
    return whole ? a.as_integer() == b.as_integer() : a.as_real() == b.as_real();
  }
  if (a.as_text() != nullptr && b.as_text() != nullptr) {
    return run.bytes(std::min(a.as_text()->size(), b.as_text()->size())) &&
           *a.as_text() == *b.as_text();
  }
  if (const auto* x = a.as_list(), *y = b.as_list(); x != nullptr && y != nullptr) {
    return x == y || std::ranges::equal(
                         *x, *y, [&](const auto& p, const auto& q) { return equal(p, q, run); });
  }
  if (a.as_namespace() != nullptr || b.as_namespace() != nullptr) {
    return a.as_namespace() == b.as_namespace();
  }
  if (const auto* x = a.as_map(), *y = b.as_map(); x != nullptr && y != nullptr) {
    return x == y || (x->size() == y->size() && std::ranges::all_of(*x, [&](const auto& entry) {
                        const auto* other = find_entry(*y, entry.first);
                        return other != nullptr && equal(entry.second, *other, run);
                      }));
  }
  if (a.as_macro() != nullptr || a.as_function()) {
    return a.as_macro() == b.as_macro() && a.as_function() == b.as_function();
  }
  return (a.is_none() && b.is_none()) || (a.is_undefined() && b.is_undefined());
}

std::string written(const ChatValue& value, TemplateRun& run) {
  if (const auto* text = value.as_text()) return run.bytes(text->size()) ? *text : "";
  ValueWriter writer(false, std::nullopt, run);
  if (value.as_namespace() != nullptr ||
      (value.as_list() == nullptr && value.as_map() == nullptr)) {
    return writer.atom(value);
  }
  writer.add(value, 0);
  return writer.take();
}

std::string json_text(const ChatValue& value, std::optional<int> indent, TemplateRun& run) {
  ValueWriter writer(true, indent, run);
  writer.add(value, 0);
  return writer.take();
}

}  // namespace cecollm::model
