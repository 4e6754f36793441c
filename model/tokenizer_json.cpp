#include "model/tokenizer_json.hpp"

#include <utility>

#include <nlohmann/json.hpp>

#include "model/unicode.hpp"

namespace cecollm::model {

namespace {
const nlohmann::json null_value;
}

JsonView::JsonView(const nlohmann::json& document, Diagnosis& diagnosis)
    : value_(&document), diagnosis_(&diagnosis) {}

JsonView::JsonView(const nlohmann::json* value, std::string path, Diagnosis* diagnosis)
    : value_(value), path_(std::move(path)), diagnosis_(diagnosis) {}

JsonView JsonView::member(std::string_view key) const {
  std::string path = path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  if (!value_->is_object()) {
    if (!value_->is_null()) malformed("should be an object");
    return {&null_value, std::move(path), diagnosis_};
  }
  const auto found = value_->find(key);
  return {found == value_->end() ? &null_value : &*found, std::move(path), diagnosis_};
}

JsonView JsonView::element(std::size_t index) const {
  return {&(*value_)[index], path_ + "[" + std::to_string(index) + "]", diagnosis_};
}

std::size_t JsonView::size() const {
  if (value_->is_array()) return value_->size();
  malformed("should be an array");
  return 0;
}

bool JsonView::is_null() const {
  return value_->is_null();
}
bool JsonView::is_string() const {
  return value_->is_string();
}
bool JsonView::is_array() const {
  return value_->is_array();
}

std::string JsonView::string() const {
  if (const auto* text = value_->get_ptr<const std::string*>()) return *text;
  malformed(is_null() ? "is missing" : "should be a string");
  return {};
}

bool JsonView::boolean() const {
  if (const auto* flag = value_->get_ptr<const bool*>()) return *flag;
  malformed(is_null() ? "is missing" : "should be true or false");
  return false;
}

bool JsonView::boolean_or(bool fallback) const {
  return is_null() ? fallback : boolean();
}

std::int64_t JsonView::integer(std::int64_t min, std::int64_t max) const {
  if (!value_->is_number_integer()) {
    malformed(is_null() ? "is missing" : "should be an integer");
    return min;
  }
  // A value beyond int64 is held as unsigned; read as signed it would wrap.
  const bool huge =
      value_->is_number_unsigned() && value_->get<std::uint64_t>() > std::uint64_t{INT64_MAX};
  const auto number = value_->get<std::int64_t>();
  if (huge || number < min || number > max) {
    malformed("is " + value_->dump() + ", outside " + std::to_string(min) + " to " +
              std::to_string(max));
    return min;
  }
  return number;
}

std::string JsonView::character() const {
  std::string text = string();
  if (failed()) return {};
  if (text.empty() || next_utf8(text).length != text.size()) {
    malformed("should be one character");
    return {};
  }
  return text;
}

void JsonView::malformed(std::string_view reason) const {
  record(ErrorCode::malformed, reason);
}
void JsonView::unsupported(std::string_view reason) const {
  record(ErrorCode::unsupported, reason);
}

void JsonView::record(ErrorCode code, std::string_view reason) const {
  if (diagnosis_->error) return;
  const std::string place = path_.empty() ? "the document" : path_;
  diagnosis_->error = Error{code, diagnosis_->file + ": " + place + " " + std::string(reason)};
}

}  // namespace cecollm::model
