#include "api/json_fields.hpp"

#include <cmath>
#include <sstream>
#include <utility>

namespace cecollm::api {
namespace {

std::string shown(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

}  // namespace

Result<nlohmann::json> parse_object(std::string_view body) {
  auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_discarded()) return invalid("", "the body is no JSON in UTF-8");
  if (!json.is_object()) return invalid("", "the body is to be a JSON object");
  return json;
}

std::optional<std::vector<model::TokenId>> token_ids_of(const nlohmann::json& list,
                                                        std::int64_t vocabulary) {
  if (!list.is_array()) return std::nullopt;
  std::vector<model::TokenId> ids;
  ids.reserve(list.size());
  for (const auto& element : list) {
    if (!element.is_number_unsigned()) return std::nullopt;
    const auto id = element.get<std::uint64_t>();
    if (std::cmp_greater_equal(id, vocabulary)) return std::nullopt;
    ids.push_back(static_cast<model::TokenId>(id));
  }
  return ids;
}

JsonFields::JsonFields(const nlohmann::json& object, std::string path)
    : object_(object), path_(std::move(path)) {}

void JsonFields::refuse(std::string_view name, const std::string& message) {
  if (problem_) return;
  std::string param = path_ + std::string(name);
  std::string sentence = param + " " + message;
  problem_ = Error{400, std::move(sentence), std::move(param)};
}

const nlohmann::json* JsonFields::find(std::string_view name) {
  if (problem_) return nullptr;
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

std::optional<bool> JsonFields::boolean(std::string_view name) {
  const auto* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  refuse(name, "is to be true or false");
  return std::nullopt;
}

std::optional<std::string> JsonFields::text(std::string_view name) {
  const auto* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  refuse(name, "is to be a string");
  return std::nullopt;
}

std::optional<double> JsonFields::number(std::string_view name, double least, double most) {
  const auto* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    refuse(name, "is to be a number");
    return std::nullopt;
  }
  const auto number = value->get<double>();
  if (number >= least && number <= most) return number;
  refuse(name, "is to be from " + shown(least) + " to " + shown(most));
  return std::nullopt;
}

std::optional<std::int64_t> JsonFields::integer(std::string_view name, std::int64_t least,
                                                std::int64_t most) {
  const auto* value = find(name);
  if (value == nullptr) return std::nullopt;
  // 2^53: from there on a fraction cannot be told from a whole number.
  constexpr double exact = 9007199254740992.0;
  std::int64_t number = 0;
  if (value->is_number_float() && std::abs(value->get<double>()) <= exact &&
      std::trunc(value->get<double>()) == value->get<double>()) {
    number = static_cast<std::int64_t>(value->get<double>());
  } else if (value->is_number_integer() &&
             (!value->is_number_unsigned() ||
              std::in_range<std::int64_t>(value->get<std::uint64_t>()))) {
    number = value->get<std::int64_t>();
  } else {
    refuse(name, "is to be a whole number of 64 bits");
    return std::nullopt;
  }
  if (number >= least && number <= most) return number;
  refuse(name, "is to be from " + std::to_string(least) + " to " + std::to_string(most));
  return std::nullopt;
}

const nlohmann::json* JsonFields::object(std::string_view name) {
  const auto* value = find(name);
  if (value == nullptr || value->is_object()) return value;
  refuse(name, "is to be an object");
  return nullptr;
}

std::optional<std::vector<std::string>> JsonFields::texts(std::string_view name, std::size_t most) {
  const auto* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return std::vector{value->get<std::string>()};
  std::vector<std::string> texts;
  if (value->is_array() && value->size() <= most) {
    for (const auto& element : *value) {
      if (element.is_string()) texts.push_back(element.get<std::string>());
    }
    if (texts.size() == value->size()) return texts;
  }
  refuse(name, "is to be a string or a list of at most " + std::to_string(most) + " strings");
  return std::nullopt;
}

std::optional<std::vector<double>> JsonFields::numbers(std::string_view name, std::size_t most) {
  const auto* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) return std::vector{value->get<double>()};
  std::vector<double> numbers;
  if (value->is_array() && !value->empty() && value->size() <= most) {
    for (const auto& element : *value) {
      if (element.is_number()) numbers.push_back(element.get<double>());
    }
    if (numbers.size() == value->size()) return numbers;
  }
  refuse(name, "is to be a number or a list of at most " + std::to_string(most) + " numbers");
  return std::nullopt;
}

std::optional<std::vector<model::TokenId>> JsonFields::token_ids(std::string_view name,
                                                                 std::int64_t vocabulary) {
  const auto* value = find(name);
  if (value == nullptr) return std::nullopt;
  auto ids = token_ids_of(*value, vocabulary);
  if (!ids) refuse(name, "is to be a list of token ids below " + std::to_string(vocabulary));
  return ids;
}

}  // namespace cecollm::api
