#include "model/chat_template_evaluation.hpp"

#include <array>
#include <utility>

#include "model/chat_template_operators.hpp"
#include "model/quoting.hpp"

namespace cecollm::model {
namespace {

bool is_loop(const Expression& expression) {
  const auto* name = std::get_if<NameExpression>(&expression.what);
  return name != nullptr && name->name == "loop";
}

}  // namespace

template <class T>
class TemplateEvaluation::Current {
 public:
  Current(T& slot, T value) : slot_(slot), before_(std::exchange(slot, value)) {}
  ~Current() { slot_ = before_; }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

 private:
  T& slot_;
  T before_;
};

TemplateEvaluation::TemplateEvaluation(ChatEntries variables, const ChatInput& input,
                                       TemplateRun& run)
    : input_(input), run_(run), globals_{std::move(variables), nullptr} {
  constexpr std::array<std::pair<const char*, ChatFunction>, 4> functions{
      {{"raise_exception", ChatFunction::raise_exception},
       {"namespace", ChatFunction::make_namespace},
       {"range", ChatFunction::range},
       {"dict", ChatFunction::dict}}};
  for (const auto& [name, function] : functions) {
    set_entry(globals_.names, name, ChatValue::of(function));
  }
  if (input_.format_now) {
    set_entry(globals_.names, "strftime_now", ChatValue::of(ChatFunction::strftime_now));
  }
}

std::string TemplateEvaluation::render(const TemplateTree& tree) {
  execute(tree.body);
  return std::move(output_);
}

// Statements.

TemplateEvaluation::Flow TemplateEvaluation::execute(const Body& body) {
  for (const auto& statement : body) {
    const auto flow = execute(statement);
    if (flow != Flow::goes_on || run_.failed()) return flow;
  }
  return Flow::goes_on;
}

TemplateEvaluation::Flow TemplateEvaluation::execute(const Statement& statement) {
  run_.at_line(statement.line);
  auto flow = Flow::goes_on;
  if (run_.step() && run_.enter()) {
    flow = std::visit([this](const auto& what) { return perform(what); }, statement.what);
  }
  run_.leave();
  return flow;
}

void TemplateEvaluation::write(const std::string& text) {
  if (run_.output(out_->size() + text.size()) && run_.bytes(text.size())) *out_ += text;
}

TemplateEvaluation::Flow TemplateEvaluation::perform(const TextStatement& statement) {
  write(statement.text);
  return Flow::goes_on;
}

TemplateEvaluation::Flow TemplateEvaluation::perform(const PrintStatement& statement) {
  const auto value = evaluate(*statement.value);
  if (run_.failed()) return Flow::goes_on;
  if (const auto* text = value.as_text()) {
    write(*text);
  } else {
    write(written(value, run_));
  }
  return Flow::goes_on;
}

TemplateEvaluation::Flow TemplateEvaluation::perform(const IfStatement& statement) {
  for (const auto& [condition, body] : statement.branches) {
    const bool holds = evaluate(*condition).truthy();
    if (run_.failed()) return Flow::goes_on;
    if (holds) return execute(body);
  }
  return execute(statement.otherwise);
}

ChatItems TemplateEvaluation::chosen_items(const ForStatement& statement) {
  auto items = items_of(evaluate(*statement.items), run_);
  if (statement.condition == nullptr) return items;
  ChatItems chosen;
  for (auto& item : items) {
    Scope scope{{}, scope_};
    const Current inner(scope_, &scope);
    assign_all(statement.targets, item);
    if (evaluate(*statement.condition).truthy()) chosen.push_back(std::move(item));
    if (run_.failed()) break;
  }
  return chosen;
}

TemplateEvaluation::Flow TemplateEvaluation::perform(const ForStatement& statement) {
  const auto items = chosen_items(statement);
  if (items.empty()) return execute(statement.otherwise);
  Loop loop{&items, 0};
  const Current current(loop_, &loop);
  for (; loop.index < items.size() && run_.step(); ++loop.index) {
    Scope scope{{}, scope_};
    const Current inner(scope_, &scope);
    assign_all(statement.targets, items[loop.index]);
    if (execute(statement.body) == Flow::breaks || run_.failed()) break;
  }
  return Flow::goes_on;
}

void TemplateEvaluation::assign(const std::string& name, ChatValue value) {
  set_entry(scope_->names, name, std::move(value));
}

void TemplateEvaluation::assign_all(const std::vector<std::string>& names, const ChatValue& value) {
  if (names.size() == 1) return assign(names.front(), value);
  const auto* values = value.as_list();
  if (values == nullptr || values->size() != names.size()) {
    run_.fail("there are " + std::to_string(names.size()) + " names for " +
              std::string(value.kind()) +
              (values == nullptr ? "" : " of " + std::to_string(values->size())));
    return;
  }
  for (std::size_t i = 0; i < names.size(); ++i) assign(names[i], (*values)[i]);
}

TemplateEvaluation::Flow TemplateEvaluation::perform(const SetStatement& statement) {
  auto value = evaluate(*statement.value);
  if (run_.failed()) return Flow::goes_on;
  if (statement.attribute.empty()) {
    assign_all(statement.targets, value);
    return Flow::goes_on;
  }
  auto* space = value_of(NameExpression{statement.targets.front()}).as_namespace();
  if (space == nullptr) {
    run_.fail(in_quotes(statement.targets.front()) + " is no namespace, so " +
              in_quotes(statement.attribute) + " of it cannot be set");
    return Flow::goes_on;
  }
  if (run_.bytes(statement.attribute.size())) {
    set_entry(space->entries, statement.attribute, std::move(value));
  }
  return Flow::goes_on;
}

TemplateEvaluation::Flow TemplateEvaluation::perform(const SetBlockStatement& statement) {
  std::string text;
  auto flow = Flow::goes_on;
  {
    Scope scope{{}, scope_};
    const Current inner(scope_, &scope);
    const Current out(out_, &text);
    flow = execute(statement.body);
  }
  auto value = ChatValue::text(std::move(text));
  for (const auto& filter : statement.filters) {
    value = apply_filter(filter.name, value, arguments_of(filter.arguments), run_);
  }
  assign(statement.target, std::move(value));
  return flow;
}

TemplateEvaluation::Flow TemplateEvaluation::perform(const MacroStatement& statement) {
  assign(statement.name, ChatValue::of(&statement));
  return Flow::goes_on;
}
TemplateEvaluation::Flow TemplateEvaluation::perform(const BreakStatement& /*statement*/) {
  return Flow::breaks;
}
TemplateEvaluation::Flow TemplateEvaluation::perform(const ContinueStatement& /*statement*/) {
  return Flow::continues;
}

// Expressions.

ChatValue TemplateEvaluation::evaluate(const Expression& expression) {
  ChatValue value;
  if (run_.step() && run_.enter()) {
    run_.at_line(expression.line);
    value = std::visit([this](const auto& what) { return value_of(what); }, expression.what);
  }
  run_.leave();
  return value;
}

ChatValue TemplateEvaluation::optional(const ExpressionPtr& expression) {
  return expression == nullptr ? ChatValue() : evaluate(*expression);
}

ChatValue TemplateEvaluation::value_of(const LiteralExpression& literal) {
  return literal.value;
}

ChatValue TemplateEvaluation::value_of(const NameExpression& name) {
  if (name.name == "loop" && loop_ != nullptr) {
    return run_.unsupported("\"loop\" other than as loop.NAME");
  }
  for (const auto* scope = scope_; scope != nullptr; scope = scope->outer) {
    if (const auto* found = find_entry(scope->names, name.name)) return *found;
  }
  return ChatValue::undefined(name.name);
}

ChatValue TemplateEvaluation::value_of(const ListExpression& list) {
  ChatItems items;
  for (const auto& item : list.items) items.push_back(evaluate(*item));
  return list_of(std::move(items), run_);
}

ChatValue TemplateEvaluation::value_of(const MapExpression& map) {
  ChatEntries entries;
  for (const auto& [key, value] : map.entries) {
    const auto name = evaluate(*key);
    if (name.as_text() == nullptr) return run_.unsupported("a map's key other than a string");
    set_entry(entries, *name.as_text(), evaluate(*value));
  }
  return map_of(std::move(entries), run_);
}

ChatValue TemplateEvaluation::value_of(const AttributeExpression& expression) {
  if (is_loop(*expression.object) && loop_ != nullptr) return loop_attribute(expression.name);
  return attribute(evaluate(*expression.object), expression.name, run_);
}

ChatValue TemplateEvaluation::loop_attribute(const std::string& name) {
  const auto& loop = *loop_;
  const auto size = static_cast<std::int64_t>(loop.items->size());
  const auto index = static_cast<std::int64_t>(loop.index);
  if (name == "index") return ChatValue::integer(index + 1);
  if (name == "index0") return ChatValue::integer(index);
  if (name == "revindex") return ChatValue::integer(size - index);
  if (name == "revindex0") return ChatValue::integer(size - index - 1);
  if (name == "first") return ChatValue::boolean(index == 0);
  if (name == "last") return ChatValue::boolean(index + 1 == size);
  if (name == "length") return ChatValue::integer(size);
  // They count recursive loops, which there are none of.
  if (name == "depth") return ChatValue::integer(1);
  if (name == "depth0") return ChatValue::integer(0);
  if (name == "previtem") {
    return index == 0 ? ChatValue::undefined("loop.previtem") : (*loop.items)[loop.index - 1];
  }
  if (name == "nextitem") {
    return index + 1 == size ? ChatValue::undefined("loop.nextitem")
                             : (*loop.items)[loop.index + 1];
  }
  return run_.unsupported("loop." + name);
}

ChatValue TemplateEvaluation::value_of(const SubscriptExpression& expression) {
  const auto object = evaluate(*expression.object);
  const auto index = evaluate(*expression.index);
  return run_.failed() ? ChatValue() : element(object, index, run_);
}

ChatValue TemplateEvaluation::value_of(const SliceExpression& expression) {
  const auto object = evaluate(*expression.object);
  const auto start = optional(expression.start);
  const auto stop = optional(expression.stop);
  const auto step = optional(expression.step);
  return run_.failed() ? ChatValue() : slice(object, start, stop, step, run_);
}

CallArguments TemplateEvaluation::arguments_of(const CallSyntax& syntax) {
  CallArguments arguments;
  for (const auto& argument : syntax.positional)
    arguments.positional.push_back(evaluate(*argument));
  for (const auto& [name, argument] : syntax.named) {
    arguments.named.emplace_back(name, evaluate(*argument));
  }
  return arguments;
}

ChatValue TemplateEvaluation::value_of(const CallExpression& call) {
  if (const auto* method = std::get_if<AttributeExpression>(&call.callee->what)) {
    if (is_loop(*method->object) && loop_ != nullptr) {
      return call_loop(method->name, arguments_of(call.arguments));
    }
    const auto object = evaluate(*method->object);
    const auto arguments = arguments_of(call.arguments);
    return run_.failed() ? ChatValue() : call_method(object, method->name, arguments, run_);
  }
  const auto callee = evaluate(*call.callee);
  const auto arguments = arguments_of(call.arguments);
  if (run_.failed()) return {};
  if (const auto* macro = callee.as_macro()) return call_macro(*macro, arguments);
  if (const auto function = callee.as_function()) return call_function(*function, arguments);
  if (callee.is_undefined()) {
    return run_.unsupported("the function " + in_quotes(callee.undefined_name()));
  }
  return run_.fail(std::string(callee.kind()) + " cannot be called");
}

ChatValue TemplateEvaluation::call_loop(const std::string& name, const CallArguments& arguments) {
  const auto& choices = arguments.positional;
  if (name != "cycle" || choices.empty()) return run_.unsupported("loop." + name + "()");
  return choices[loop_->index % choices.size()];
}

ChatValue TemplateEvaluation::call_function(ChatFunction function, const CallArguments& arguments) {
  switch (function) {
    case ChatFunction::raise_exception:
      return run_.raise(written(arguments.get(0, "message"), run_));
    case ChatFunction::strftime_now:
      return time_now(arguments);
    case ChatFunction::range:
      return range(arguments);
    case ChatFunction::dict:
    case ChatFunction::make_namespace:
      break;
  }
  ChatEntries entries;
  if (const auto* first = arguments.get(0).as_map()) entries = *first;
  for (const auto& [name, value] : arguments.named) set_entry(entries, name, value);
  if (function == ChatFunction::dict) return map_of(std::move(entries), run_);
  if (!run_.bytes(sizeof(ChatValue::Namespace) + entries.size() * sizeof(entries[0]))) return {};
  namespaces_.push_back({std::move(entries)});
  return ChatValue::of(&namespaces_.back());
}

ChatValue TemplateEvaluation::range(const CallArguments& arguments) {
  std::array<std::int64_t, 3> given{0, 0, 1};
  const auto count = arguments.positional.size();
  if (count < 1 || count > 3) return run_.fail("range() takes from 1 to 3 integers");
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = arguments.positional[i].as_integer();
    if (!value) return run_.fail("range() takes integers");
    given[count == 1 ? 1 : i] = *value;
  }
  const auto [begin, end, stride] = given;
  if (stride == 0) return run_.fail("range() takes a stride other than 0");
  ChatItems items;
  for (auto i = begin; (stride > 0 ? i < end : i > end) && run_.step();) {
    items.push_back(ChatValue::integer(i));
    if (__builtin_add_overflow(i, stride, &i)) break;
  }
  return list_of(std::move(items), run_);
}

ChatValue TemplateEvaluation::time_now(const CallArguments& arguments) {
  constexpr std::size_t max_format = 128;
  const auto format = arguments.get(0, "format");
  if (format.as_text() == nullptr || format.as_text()->size() > max_format) {
    return run_.fail("strftime_now() takes a format of at most " + std::to_string(max_format) +
                     " bytes");
  }
  return text_of(input_.format_now(*format.as_text()), run_);
}

ChatValue TemplateEvaluation::call_macro(const MacroStatement& macro,
                                         const CallArguments& arguments) {
  if (arguments.positional.size() > macro.parameters.size()) {
    return run_.fail("the macro " + in_quotes(macro.name) + " takes at most " +
                     std::to_string(macro.parameters.size()) + " values");
  }
  std::string text;
  Scope scope{{}, &globals_};
  const Current inner(scope_, &scope);
  const Current out(out_, &text);
  const Current loop(loop_, static_cast<Loop*>(nullptr));
  for (std::size_t i = 0; i < macro.parameters.size(); ++i) {
    const auto& [name, otherwise] = macro.parameters[i];
    auto value = arguments.get(i, name);
    if (value.is_undefined()) value = otherwise ? evaluate(*otherwise) : ChatValue::undefined(name);
    assign(name, std::move(value));
  }
  for (const auto& [name, value] : arguments.named) {
    if (find_entry(scope.names, name) == nullptr) {
      return run_.fail("the macro " + in_quotes(macro.name) + " takes no " + in_quotes(name));
    }
  }
  execute(macro.body);
  return ChatValue::text(std::move(text));
}

ChatValue TemplateEvaluation::value_of(const FilterExpression& filter) {
  const auto input = evaluate(*filter.input);
  const auto arguments = arguments_of(filter.arguments);
  return run_.failed() ? ChatValue() : apply_filter(filter.name, input, arguments, run_);
}

ChatValue TemplateEvaluation::value_of(const TestExpression& test) {
  const auto input = evaluate(*test.input);
  const auto arguments = arguments_of(test.arguments);
  if (run_.failed()) return {};
  return ChatValue::boolean(apply_test(test.name, input, arguments, run_));
}

ChatValue TemplateEvaluation::value_of(const UnaryExpression& unary) {
  const auto operand = evaluate(*unary.operand);
  if (run_.failed()) return {};
  if (unary.operation == UnaryOperator::logical_not) return ChatValue::boolean(!operand.truthy());
  return signed_value(unary.operation, operand, run_);
}

ChatValue TemplateEvaluation::value_of(const BinaryExpression& binary) {
  const auto left = evaluate(*binary.left);
  const auto right = evaluate(*binary.right);
  return run_.failed() ? ChatValue() : combine(binary.operation, left, right, run_);
}

ChatValue TemplateEvaluation::value_of(const ComparisonExpression& comparison) {
  auto left = evaluate(*comparison.first);
  for (const auto& [operation, expression] : comparison.rest) {
    auto right = evaluate(*expression);
    if (run_.failed()) return {};
    if (!compare(operation, left, right, run_)) return ChatValue::boolean(false);
    left = std::move(right);
  }
  return ChatValue::boolean(true);
}

ChatValue TemplateEvaluation::value_of(const LogicalExpression& logical) {
  auto left = evaluate(*logical.left);
  return left.truthy() == logical.is_and ? evaluate(*logical.right) : left;
}

ChatValue TemplateEvaluation::value_of(const ConditionalExpression& conditional) {
  if (evaluate(*conditional.condition).truthy()) return evaluate(*conditional.value);
  return optional(conditional.otherwise);
}

}  // namespace cecollm::model
