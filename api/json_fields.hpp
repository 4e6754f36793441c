#pragma once
// Reading a JSON object field by field: null counts as absent, unknown fields are passed over, and
// the first field of a wrong type or range is what the client is told of.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "api/error.hpp"
#include "model/config.hpp"

namespace cecollm::api {

/// The object that `body` holds.
Result<nlohmann::json> parse_object(std::string_view body);

/// The token ids that `list` holds; nothing where it is no list, or an element is none of a
/// vocabulary of that size.
std::optional<std::vector<model::TokenId>> token_ids_of(const nlohmann::json& list,
                                                        std::int64_t vocabulary);

/// Refers to its object, which must outlive it. After the first problem every field is absent.
class JsonFields {
 public:
  /// `path` goes before names in messages: "" or "cecollm.".
  explicit JsonFields(const nlohmann::json& object, std::string path = "");

  /// Null where the field is absent.
  const nlohmann::json* find(std::string_view name);
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::string> text(std::string_view name);
  std::optional<double> number(std::string_view name, double least, double most);
  std::optional<std::int64_t> integer(std::string_view name,
                                      std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                                      std::int64_t most = std::numeric_limits<std::int64_t>::max());
  const nlohmann::json* object(std::string_view name);
  /// One text, or a list of them.
  std::optional<std::vector<std::string>> texts(std::string_view name, std::size_t most);
  /// One number, or a list of them.
  std::optional<std::vector<double>> numbers(std::string_view name, std::size_t most);
  /// A list of whole numbers from 0 to below `vocabulary`.
  std::optional<std::vector<model::TokenId>> token_ids(std::string_view name,
                                                       std::int64_t vocabulary);

  /// Notes a problem of a field that was read.
  void refuse(std::string_view name, const std::string& message);
  const std::optional<Error>& problem() const { return problem_; }

 private:
  const nlohmann::json& object_;
  std::string path_;
  std::optional<Error> problem_;
};

}  // namespace cecollm::api
