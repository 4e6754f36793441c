#pragma once
// A chat template at work: statements write, expressions give values. Internal to the chat
// template.

#include <deque>
#include <string>

#include "model/chat_template_calls.hpp"
#include "model/chat_template_run.hpp"
#include "model/chat_template_tree.hpp"

namespace cecollm::model {

class TemplateEvaluation {
 public:
  /// `variables` are the template's global names. Refers to `input` and `run`.
  TemplateEvaluation(ChatEntries variables, const ChatInput& input, TemplateRun& run);

  /// What the template writes; of no use where the run has failed.
  std::string render(const TemplateTree& tree);

 private:
  /// Names in a template, a loop's round or a macro; outer ones are visible.
  struct Scope {
    ChatEntries names;
    Scope* outer = nullptr;
  };
  struct Loop {
    const ChatItems* items = nullptr;
    std::size_t index = 0;
  };
  enum class Flow { goes_on, breaks, continues };
  /// Makes something current while it lives, and what was so before afterwards.
  template <class T>
  class Current;

  Flow execute(const Body& body);
  Flow execute(const Statement& statement);
  Flow perform(const TextStatement& statement);
  Flow perform(const PrintStatement& statement);
  Flow perform(const IfStatement& statement);
  Flow perform(const ForStatement& statement);
  Flow perform(const SetStatement& statement);
  Flow perform(const SetBlockStatement& statement);
  Flow perform(const MacroStatement& statement);
  Flow perform(const BreakStatement& statement);
  Flow perform(const ContinueStatement& statement);
  void write(const std::string& text);
  void assign(const std::string& name, ChatValue value);
  void assign_all(const std::vector<std::string>& names, const ChatValue& value);
  ChatItems chosen_items(const ForStatement& statement);

  ChatValue evaluate(const Expression& expression);
  ChatValue value_of(const LiteralExpression& literal);
  ChatValue value_of(const NameExpression& name);
  ChatValue value_of(const ListExpression& list);
  ChatValue value_of(const MapExpression& map);
  ChatValue value_of(const AttributeExpression& attribute);
  ChatValue value_of(const SubscriptExpression& subscript);
  ChatValue value_of(const SliceExpression& slice);
  ChatValue value_of(const CallExpression& call);
  ChatValue value_of(const FilterExpression& filter);
  ChatValue value_of(const TestExpression& test);
  ChatValue value_of(const UnaryExpression& unary);
  ChatValue value_of(const BinaryExpression& binary);
  ChatValue value_of(const ComparisonExpression& comparison);
  ChatValue value_of(const LogicalExpression& logical);
  ChatValue value_of(const ConditionalExpression& conditional);
  ChatValue optional(const ExpressionPtr& expression);

  CallArguments arguments_of(const CallSyntax& syntax);
  ChatValue call_loop(const std::string& name, const CallArguments& arguments);
  ChatValue loop_attribute(const std::string& name);
  ChatValue call_function(ChatFunction function, const CallArguments& arguments);
  ChatValue call_macro(const MacroStatement& macro, const CallArguments& arguments);
  ChatValue range(const CallArguments& arguments);
  ChatValue time_now(const CallArguments& arguments);

  const ChatInput& input_;
  TemplateRun& run_;
  Scope globals_;
  Scope* scope_ = &globals_;
  Loop* loop_ = nullptr;
  std::string output_;
  std::string* out_ = &output_;
  std::deque<ChatValue::Namespace> namespaces_;  // values point at them
};

}  // namespace cecollm::model
