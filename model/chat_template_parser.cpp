#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <system_error>

#include "model/chat_template_lexer.hpp"
#include "model/chat_template_tree.hpp"
#include "model/quoting.hpp"

namespace cecollm::model {
namespace {

using Kind = TemplateToken::Kind;

/// Of expressions and of statements within each other.
constexpr int max_nesting = 100;
/// Reserved, or a name would hide a value.
constexpr std::array<std::string_view, 11> reserved{"and",  "or",   "not",   "in",   "is",  "if",
                                                    "else", "true", "false", "none", "loop"};

struct Operator {
  std::string_view symbol;
  BinaryOperator meaning;
};
constexpr std::array<Operator, 2> sums{
    {{"+", BinaryOperator::add}, {"-", BinaryOperator::subtract}}};
constexpr std::array<Operator, 1> joins{{{"~", BinaryOperator::concatenate}}};
constexpr std::array<Operator, 4> products{{{"*", BinaryOperator::multiply},
                                            {"/", BinaryOperator::divide},
                                            {"//", BinaryOperator::floor_divide},
                                            {"%", BinaryOperator::modulo}}};
constexpr std::array<Operator, 1> powers{{{"**", BinaryOperator::power}}};

/// After the first problem the parser stands at the end, so that all its loops stop.
class Parser {
 public:
  explicit Parser(std::vector<TemplateToken> tokens) : tokens_(std::move(tokens)) {}

  Result<TemplateTree> run() {
    TemplateTree tree;
    const auto end = body(tree.body, {});
    if (!end.empty()) fail("unexpected {% " + end + " %}");
    if (problem_) return tl::unexpected(*problem_);
    return tree;
  }

 private:
  // Tokens.

  const TemplateToken& now() const { return tokens_[position_]; }
  const TemplateToken& next() const { return tokens_[std::min(position_ + 1, tokens_.size() - 1)]; }
  void advance() {
    if (position_ + 1 < tokens_.size()) ++position_;
  }
  bool at(Kind kind, std::string_view text) const {
    return now().kind == kind && now().text == text;
  }
  bool at_symbol(std::string_view text) const { return at(Kind::symbol, text); }
  bool at_name(std::string_view text) const { return at(Kind::name, text); }
  bool take_symbol(std::string_view text) {
    if (!at_symbol(text)) return false;
    advance();
    return true;
  }
  bool take_name(std::string_view text) {
    if (!at_name(text)) return false;
    advance();
    return true;
  }
  void expect_symbol(std::string_view text) {
    if (!take_symbol(text)) fail("'" + std::string(text) + "' expected, not " + found());
  }
  std::string expect_name(std::string_view what) {
    if (now().kind != Kind::name) {
      fail(std::string(what) + " expected, not " + found());
      return "";
    }
    auto name = now().text;
    advance();
    return name;
  }
  void expect_tag_end() {
    if (now().kind == Kind::tag_end) {
      advance();
    } else {
      fail("the end of the tag expected, not " + found());
    }
  }
  std::string found() const {
    switch (now().kind) {
      case Kind::end:
        return "the end of the template";
      case Kind::tag_end:
      case Kind::print_end:
        return "the end of the tag";
      default:
        return in_quotes(now().text);
    }
  }
  void fail(const std::string& why, ErrorCode code = ErrorCode::malformed) {
    if (!problem_) problem_ = Error{code, "line " + std::to_string(now().line) + ": " + why};
    position_ = tokens_.size() - 1;
  }
  void unsupported(const std::string& what) {
    fail(what + " is not supported", ErrorCode::unsupported);
  }

  /// Nesting of what calls itself.
  class Level {
   public:
    explicit Level(Parser& parser) : parser_(parser) {
      if (++parser_.nesting_ > max_nesting) {
        parser_.fail("more than " + std::to_string(max_nesting) + " levels within each other");
      }
    }
    ~Level() { --parser_.nesting_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Parser& parser_;
  };

  // Statements.

  /// Statements up to a tag whose name is one of `ends`, which is passed; its name. Empty at the
  /// end of the template. A tag that begins with end… and is not wanted is returned, too.
  std::string body(Body& into, std::initializer_list<std::string_view> ends) {
    const Level level(*this);
    while (!problem_) {
      const int line = now().line;
      if (now().kind == Kind::end) {
        if (ends.size() > 0) fail("{% " + std::string(*(ends.end() - 1)) + " %} is missing");
        return "";
      }
      if (now().kind == Kind::text) {
        into.push_back({line, TextStatement{now().text}});
        advance();
      } else if (now().kind == Kind::print) {
        advance();
        into.push_back({line, PrintStatement{expression()}});
        if (now().kind != Kind::print_end) fail("the end of the output expected, not " + found());
        advance();
      } else {
        advance();
        auto name = expect_name("a statement's name");
        if (std::ranges::find(ends, name) != ends.end() || name.starts_with("end") ||
            name == "else" || name == "elif") {
          const bool wanted = std::ranges::find(ends, name) != ends.end();
          if (!wanted) fail("unexpected {% " + name + " %}");
          return name;
        }
        statement(into, name, line);
      }
    }
    return "";
  }

  void statement(Body& into, const std::string& name, int line) {
    if (name == "if") {
      if_statement(into, line);
    } else if (name == "for") {
      for_statement(into, line);
    } else if (name == "set") {
      set_statement(into, line);
    } else if (name == "macro") {
      macro_statement(into, line);
    } else if (name == "generation") {
      // Marks what the assistant says, for training; here it is only a bracket.
      expect_tag_end();
      body(into, {"endgeneration"});
      expect_tag_end();
    } else if (name == "break" || name == "continue") {
      if (loops_ == 0) fail("{% " + name + " %} stands in no loop");
      if (name == "break") {
        into.push_back({line, BreakStatement{}});
      } else {
        into.push_back({line, ContinueStatement{}});
      }
      expect_tag_end();
    } else {
      unsupported("the statement " + in_quotes(name));
    }
  }

  void if_statement(Body& into, int line) {
    IfStatement statement;
    std::string end = "elif";
    while (end == "elif") {
      auto condition = expression();
      expect_tag_end();
      Body inner;
      end = body(inner, {"elif", "else", "endif"});
      statement.branches.emplace_back(std::move(condition), std::move(inner));
    }
    if (end == "else") {
      expect_tag_end();
      body(statement.otherwise, {"endif"});
    }
    expect_tag_end();
    into.push_back({line, std::move(statement)});
  }

  void for_statement(Body& into, int line) {
    ForStatement statement;
    statement.targets = targets();
    if (!take_name("in")) fail("'in' expected, not " + found());
    // Without a conditional, since `if` here chooses items.
    statement.items = disjunction();
    if (take_name("if")) statement.condition = expression();
    if (at_name("recursive")) unsupported("a recursive loop");
    expect_tag_end();
    ++loops_;
    const auto end = body(statement.body, {"else", "endfor"});
    --loops_;
    if (end == "else") {
      expect_tag_end();
      body(statement.otherwise, {"endfor"});
    }
    expect_tag_end();
    into.push_back({line, std::move(statement)});
  }

  void set_statement(Body& into, int line) {
    SetStatement statement;
    statement.targets = targets();
    if (statement.targets.size() == 1 && take_symbol(".")) {
      statement.attribute = expect_name("the name of an attribute");
    }
    if (take_symbol("=")) {
      statement.value = expression_or_tuple();
      expect_tag_end();
      into.push_back({line, std::move(statement)});
      return;
    }
    if (statement.targets.size() != 1 || !statement.attribute.empty()) {
      return fail("'=' expected, not " + found());
    }
    SetBlockStatement block;
    block.target = std::move(statement.targets.front());
    while (take_symbol("|")) block.filters.push_back(filter(nullptr));
    expect_tag_end();
    body(block.body, {"endset"});
    expect_tag_end();
    into.push_back({line, std::move(block)});
  }

  void macro_statement(Body& into, int line) {
    // One within another, or in a loop, would see what stands around it.
    if (loops_ > 0 || in_macro_) return unsupported("a macro within a loop or another macro");
    MacroStatement macro;
    macro.name = target();
    expect_symbol("(");
    while (!problem_ && !at_symbol(")")) {
      auto name = target();
      macro.parameters.emplace_back(std::move(name), take_symbol("=") ? expression() : nullptr);
      if (!at_symbol(")")) expect_symbol(",");
    }
    expect_symbol(")");
    expect_tag_end();
    in_macro_ = true;
    body(macro.body, {"endmacro"});
    in_macro_ = false;
    expect_tag_end();
    into.push_back({line, std::move(macro)});
  }

  std::string target() {
    auto name = expect_name("a name");
    if (std::ranges::find(reserved, name) != reserved.end()) {
      fail(in_quotes(name) + " cannot be set");
    }
    return name;
  }
  std::vector<std::string> targets() {
    const bool parenthesis = take_symbol("(");
    std::vector<std::string> names{target()};
    while (take_symbol(",")) names.push_back(target());
    if (parenthesis) expect_symbol(")");
    return names;
  }

  // Expressions, from the loosest operator to the tightest.

  template <class What>
  ExpressionPtr make(int line, What what, std::initializer_list<const Expression*> parts,
                     int deepest = 0) {
    for (const auto* part : parts) {
      if (part != nullptr) deepest = std::max(deepest, part->depth);
    }
    if (deepest >= max_nesting) {
      fail("an expression of more than " + std::to_string(max_nesting) + " levels");
    }
    auto made = std::make_unique<Expression>();
    made->line = line;
    made->depth = deepest + 1;
    made->what = std::move(what);
    return made;
  }
  ExpressionPtr literal(ChatValue value) {
    return make(now().line, LiteralExpression{std::move(value)}, {});
  }

  ExpressionPtr expression_or_tuple() {
    const int line = now().line;
    auto first = expression();
    if (!at_symbol(",")) return first;
    ListExpression list;
    int deepest = first->depth;
    list.items.push_back(std::move(first));
    while (take_symbol(",")) {
      if (now().kind == Kind::tag_end || at_symbol(")")) break;
      list.items.push_back(expression());
      deepest = std::max(deepest, list.items.back()->depth);
    }
    return make(line, std::move(list), {}, deepest);
  }

  ExpressionPtr expression() {
    const Level level(*this);
    auto value = disjunction();
    while (at_name("if")) {
      const int line = now().line;
      advance();
      ConditionalExpression conditional;
      conditional.value = std::move(value);
      conditional.condition = disjunction();
      if (take_name("else")) conditional.otherwise = expression();
      const std::initializer_list<const Expression*> parts{
          conditional.value.get(), conditional.condition.get(), conditional.otherwise.get()};
      value = make(line, std::move(conditional), parts);
    }
    return value;
  }

  ExpressionPtr disjunction() {
    auto left = conjunction();
    while (at_name("or")) left = logical(std::move(left), false);
    return left;
  }
  ExpressionPtr conjunction() {
    auto left = negation();
    while (at_name("and")) left = logical(std::move(left), true);
    return left;
  }
  ExpressionPtr logical(ExpressionPtr left, bool is_and) {
    const int line = now().line;
    advance();
    auto right = is_and ? negation() : conjunction();
    const std::initializer_list<const Expression*> parts{left.get(), right.get()};
    return make(line, LogicalExpression{is_and, std::move(left), std::move(right)}, parts);
  }
  ExpressionPtr negation() {
    if (!at_name("not")) return comparison();
    const Level level(*this);
    const int line = now().line;
    advance();
    return unary(line, UnaryOperator::logical_not, negation());
  }
  ExpressionPtr unary(int line, UnaryOperator operation, ExpressionPtr operand) {
    const std::initializer_list<const Expression*> parts{operand.get()};
    return make(line, UnaryExpression{operation, std::move(operand)}, parts);
  }

  std::optional<Comparison> take_comparison() {
    constexpr std::array<std::pair<std::string_view, Comparison>, 6> symbols{
        {{"==", Comparison::equal},
         {"!=", Comparison::not_equal},
         {"<", Comparison::less},
         {"<=", Comparison::less_equal},
         {">", Comparison::greater},
         {">=", Comparison::greater_equal}}};
    for (const auto& [symbol, meaning] : symbols) {
      if (take_symbol(symbol)) return meaning;
    }
    if (take_name("in")) return Comparison::in;
    if (at_name("not") && next().kind == Kind::name && next().text == "in") {
      advance();
      advance();
      return Comparison::not_in;
    }
    return std::nullopt;
  }
  ExpressionPtr comparison() {
    const int line = now().line;
    ComparisonExpression comparison;
    comparison.first = binary<0>();
    int deepest = comparison.first->depth;
    while (const auto operation = take_comparison()) {
      comparison.rest.emplace_back(*operation, binary<0>());
      deepest = std::max(deepest, comparison.rest.back().second->depth);
    }
    if (comparison.rest.empty()) return std::move(comparison.first);
    return make(line, std::move(comparison), {}, deepest);
  }

  template <std::size_t N>
  std::optional<BinaryOperator> take_operator(const std::array<Operator, N>& operators) {
    for (const auto& candidate : operators) {
      if (take_symbol(candidate.symbol)) return candidate.meaning;
    }
    return std::nullopt;
  }
  template <int tightness>
  std::optional<BinaryOperator> take_binary() {
    if constexpr (tightness == 0) return take_operator(sums);
    if constexpr (tightness == 1) return take_operator(joins);
    if constexpr (tightness == 2) return take_operator(products);
    if constexpr (tightness == 3) return take_operator(powers);
  }
  template <int tightness>
  ExpressionPtr operand() {
    if constexpr (tightness == 3) {
      return unary_expression(true);
    } else {
      return binary<tightness + 1>();
    }
  }
  template <int tightness>
  ExpressionPtr binary() {
    auto left = operand<tightness>();
    int line = now().line;
    while (const auto operation = take_binary<tightness>()) {
      auto right = operand<tightness>();
      const std::initializer_list<const Expression*> parts{left.get(), right.get()};
      left = make(line, BinaryExpression{*operation, std::move(left), std::move(right)}, parts);
      line = now().line;
    }
    return left;
  }

  ExpressionPtr unary_expression(bool with_filters) {
    const Level level(*this);
    const int line = now().line;
    ExpressionPtr value;
    if (take_symbol("-")) {
      value = unary(line, UnaryOperator::minus, unary_expression(false));
    } else if (take_symbol("+")) {
      value = unary(line, UnaryOperator::plus, unary_expression(false));
    } else {
      value = primary();
    }
    value = with_postfixes(std::move(value));
    return with_filters ? with_filters_and_tests(std::move(value)) : std::move(value);
  }

  ExpressionPtr with_postfixes(ExpressionPtr value) {
    while (!problem_) {
      const int line = now().line;
      if (take_symbol(".")) {
        value = attribute(line, std::move(value));
      } else if (take_symbol("[")) {
        value = subscript(line, std::move(value));
      } else if (at_symbol("(")) {
        value = call(line, std::move(value));
      } else {
        break;
      }
    }
    return value;
  }
  ExpressionPtr attribute(int line, ExpressionPtr object) {
    const std::initializer_list<const Expression*> parts{object.get()};
    if (now().kind == Kind::integer) {
      auto index = literal(integer_value());
      return make(line, SubscriptExpression{std::move(object), std::move(index)}, parts);
    }
    auto name = expect_name("the name of an attribute");
    return make(line, AttributeExpression{std::move(object), std::move(name)}, parts);
  }
  ExpressionPtr subscript(int line, ExpressionPtr object) {
    std::array<ExpressionPtr, 3> parts;
    std::size_t colons = 0;
    while (!problem_ && !at_symbol("]")) {
      if (take_symbol(":")) {
        if (++colons > 2) fail("a slice of more than three parts");
      } else if (parts[colons] == nullptr) {
        parts[colons] = expression();
      } else {
        fail("']' expected, not " + found());
      }
    }
    expect_symbol("]");
    if (problem_) return literal({});
    const std::initializer_list<const Expression*> all{object.get(), parts[0].get(), parts[1].get(),
                                                       parts[2].get()};
    if (colons > 0) {
      return make(line,
                  SliceExpression{std::move(object), std::move(parts[0]), std::move(parts[1]),
                                  std::move(parts[2])},
                  all);
    }
    if (parts[0] == nullptr) {
      fail("an index is missing");
      return literal({});
    }
    return make(line, SubscriptExpression{std::move(object), std::move(parts[0])}, all);
  }
  ExpressionPtr call(int line, ExpressionPtr callee) {
    const int callee_depth = callee->depth;
    auto arguments = call_syntax();
    const int deepest = std::max(callee_depth, depth_of(arguments));
    return make(line, CallExpression{std::move(callee), std::move(arguments)}, {}, deepest);
  }

  static int depth_of(const CallSyntax& arguments) {
    int deepest = 0;
    for (const auto& argument : arguments.positional) deepest = std::max(deepest, argument->depth);
    for (const auto& argument : arguments.named) {
      deepest = std::max(deepest, argument.second->depth);
    }
    return deepest;
  }
  CallSyntax call_syntax() {
    CallSyntax arguments;
    expect_symbol("(");
    while (!problem_ && !at_symbol(")")) {
      if (at_symbol("*") || at_symbol("**")) {
        unsupported("spreading arguments");
      } else if (now().kind == Kind::name && next().kind == Kind::symbol && next().text == "=") {
        auto name = expect_name("a name");
        advance();
        arguments.named.emplace_back(std::move(name), expression());
      } else {
        arguments.positional.push_back(expression());
      }
      if (!at_symbol(")")) expect_symbol(",");
    }
    expect_symbol(")");
    return arguments;
  }

  FilterExpression filter(ExpressionPtr input) {
    FilterExpression filter;
    filter.input = std::move(input);
    filter.name = expect_name("the name of a filter");
    if (at_symbol("(")) filter.arguments = call_syntax();
    return filter;
  }
  ExpressionPtr with_filters_and_tests(ExpressionPtr value) {
    while (!problem_) {
      const int line = now().line;
      const int depth = value->depth;
      if (take_symbol("|")) {
        auto use = filter(std::move(value));
        const int deepest = std::max(depth, depth_of(use.arguments));
        value = make(line, std::move(use), {}, deepest);
      } else if (take_name("is")) {
        value = test(line, std::move(value));
      } else if (at_symbol("(")) {
        value = call(line, std::move(value));
      } else {
        break;
      }
    }
    return value;
  }
  ExpressionPtr test(int line, ExpressionPtr input) {
    const bool negated = take_name("not");
    const int depth = input->depth;
    TestExpression test;
    test.input = std::move(input);
    test.name = expect_name("the name of a test");
    if (at_symbol("(")) {
      test.arguments = call_syntax();
    } else if (begins_argument()) {
      test.arguments.positional.push_back(with_postfixes(primary()));
    }
    const int deepest = std::max(depth, depth_of(test.arguments));
    auto made = make(line, std::move(test), {}, deepest);
    return negated ? unary(line, UnaryOperator::logical_not, std::move(made)) : std::move(made);
  }
  /// Whether what follows a test's name is its one argument, without parentheses.
  bool begins_argument() const {
    switch (now().kind) {
      case Kind::string:
      case Kind::integer:
      case Kind::real:
        return true;
      case Kind::symbol:
        return now().text == "[" || now().text == "{";
      case Kind::name:
        return !at_name("else") && !at_name("or") && !at_name("and") && !at_name("is") &&
               !at_name("if") && !at_name("in") && !at_name("not");
      default:
        return false;
    }
  }

  ExpressionPtr primary() {
    const Level level(*this);
    const int line = now().line;
    switch (now().kind) {
      case Kind::name:
        return name_or_constant();
      case Kind::string:
        return string();
      case Kind::integer:
        return literal(integer_value());
      case Kind::real:
        return literal(real_value());
      case Kind::symbol:
        if (take_symbol("(")) return parenthesis(line);
        if (take_symbol("[")) return list(line);
        if (take_symbol("{")) return map(line);
        break;
      default:
        break;
    }
    fail("an expression expected, not " + found());
    return literal({});
  }
  ExpressionPtr name_or_constant() {
    const int line = now().line;
    const auto name = now().text;
    if (name != "loop" && std::ranges::find(reserved, name) != reserved.end() && name != "true" &&
        name != "false" && name != "none") {
      fail("an expression expected, not " + found());
      return literal({});
    }
    advance();
    if (name == "true" || name == "True") return literal(ChatValue::boolean(true));
    if (name == "false" || name == "False") return literal(ChatValue::boolean(false));
    if (name == "none" || name == "None") return literal(ChatValue::none());
    return make(line, NameExpression{name}, {});
  }
  ExpressionPtr string() {
    std::string text;
    // Strings that follow each other are one.
    while (now().kind == Kind::string) {
      text += now().text;
      advance();
    }
    return literal(ChatValue::text(std::move(text)));
  }
  ChatValue integer_value() {
    std::int64_t value = 0;
    const auto& text = now().text;
    const auto end = text.data() + text.size();
    if (std::from_chars(text.data(), end, value).ec != std::errc()) {
      fail("an integer of more than 64 bits");
    }
    advance();
    return ChatValue::integer(value);
  }
  ChatValue real_value() {
    double value = 0;
    const auto& text = now().text;
    const auto end = text.data() + text.size();
    if (std::from_chars(text.data(), end, value).ec != std::errc()) fail("a number out of range");
    advance();
    return ChatValue::real(value);
  }
  ExpressionPtr parenthesis(int line) {
    if (take_symbol(")")) return make(line, ListExpression{}, {});
    auto inner = expression_or_tuple();
    expect_symbol(")");
    return inner;
  }
  ExpressionPtr list(int line) {
    ListExpression list;
    int deepest = 0;
    while (!problem_ && !at_symbol("]")) {
      list.items.push_back(expression());
      deepest = std::max(deepest, list.items.back()->depth);
      if (!at_symbol("]")) expect_symbol(",");
    }
    expect_symbol("]");
    return make(line, std::move(list), {}, deepest);
  }
  ExpressionPtr map(int line) {
    MapExpression map;
    int deepest = 0;
    while (!problem_ && !at_symbol("}")) {
      auto key = expression();
      expect_symbol(":");
      auto value = expression();
      deepest = std::max({deepest, key->depth, value->depth});
      map.entries.emplace_back(std::move(key), std::move(value));
      if (!at_symbol("}")) expect_symbol(",");
    }
    expect_symbol("}");
    return make(line, std::move(map), {}, deepest);
  }

  std::vector<TemplateToken> tokens_;
  std::size_t position_ = 0;
  int nesting_ = 0;
  int loops_ = 0;
  bool in_macro_ = false;
  std::optional<Error> problem_;
};

}  // namespace

Result<TemplateTree> parse_template(std::string_view source) {
  auto tokens = tokenize_template(source);
  if (!tokens) return tl::unexpected(tokens.error());
  return Parser(std::move(*tokens)).run();
}

}  // namespace cecollm::model
