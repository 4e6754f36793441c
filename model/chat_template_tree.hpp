#pragma once
// A chat template as a tree: statements and expressions. Internal to the chat template.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "model/chat_value.hpp"
#include "model/error.hpp"

namespace cecollm::model {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

struct CallSyntax {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
};

struct LiteralExpression {
  ChatValue value;
};
struct NameExpression {
  std::string name;
};
struct ListExpression {
  std::vector<ExpressionPtr> items;
};
struct MapExpression {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};
struct AttributeExpression {
  ExpressionPtr object;
  std::string name;
};
struct SubscriptExpression {
  ExpressionPtr object;
  ExpressionPtr index;
};
struct SliceExpression {
  ExpressionPtr object;
  ExpressionPtr start;  // these three may be null
  ExpressionPtr stop;
  ExpressionPtr step;
};
struct CallExpression {
  ExpressionPtr callee;
  CallSyntax arguments;
};
struct FilterExpression {
  ExpressionPtr input;  // null in the filters of a set block, which stand for the block's text
  std::string name;
  CallSyntax arguments;
};
struct TestExpression {
  ExpressionPtr input;
  std::string name;
  CallSyntax arguments;
};
enum class UnaryOperator { minus, plus, logical_not };
struct UnaryExpression {
  UnaryOperator operation;
  ExpressionPtr operand;
};
enum class BinaryOperator {
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  concatenate
};
struct BinaryExpression {
  BinaryOperator operation;
  ExpressionPtr left;
  ExpressionPtr right;
};
enum class Comparison { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };
struct ComparisonExpression {
  ExpressionPtr first;
  std::vector<std::pair<Comparison, ExpressionPtr>> rest;
};
struct LogicalExpression {
  bool is_and;
  ExpressionPtr left;
  ExpressionPtr right;
};
struct ConditionalExpression {
  ExpressionPtr value;
  ExpressionPtr condition;
  ExpressionPtr otherwise;  // null: undefined
};

struct Expression {
  int line = 0;
  int depth = 1;  // of the tree below
  std::variant<LiteralExpression, NameExpression, ListExpression, MapExpression,
               AttributeExpression, SubscriptExpression, SliceExpression, CallExpression,
               FilterExpression, TestExpression, UnaryExpression, BinaryExpression,
               ComparisonExpression, LogicalExpression, ConditionalExpression>
      what;
};

struct Statement;
using Body = std::vector<Statement>;

struct TextStatement {
  std::string text;
};
struct PrintStatement {
  ExpressionPtr value;
};
struct IfStatement {
  std::vector<std::pair<ExpressionPtr, Body>> branches;
  Body otherwise;
};
struct ForStatement {
  std::vector<std::string> targets;
  ExpressionPtr items;
  ExpressionPtr condition;  // may be null
  Body body;
  Body otherwise;
};
struct SetStatement {
  std::vector<std::string> targets;
  std::string attribute;  // of the one target, a namespace; or empty
  ExpressionPtr value;
};
struct SetBlockStatement {
  std::string target;
  Body body;
  std::vector<FilterExpression> filters;
};
struct MacroStatement {
  std::string name;
  std::vector<std::pair<std::string, ExpressionPtr>> parameters;  // with their defaults, or null
  Body body;
};
struct BreakStatement {};
struct ContinueStatement {};

struct Statement {
  int line = 0;
  std::variant<TextStatement, PrintStatement, IfStatement, ForStatement, SetStatement,
               SetBlockStatement, MacroStatement, BreakStatement, ContinueStatement>
      what;
};

struct TemplateTree {
  Body body;
};

/// Fails with `malformed` or `unsupported`; the message begins with the line.
Result<TemplateTree> parse_template(std::string_view source);

}  // namespace cecollm::model
