#include "api/error.hpp"

#include <nlohmann/json.hpp>

namespace cecollm::api {

std::string type_of(const Error& error) {
  if (error.status == 429) return "rate_limit_error";
  return error.status >= 500 ? "server_error" : "invalid_request_error";
}

std::string to_json(const Error& error) {
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
  };
  const nlohmann::ordered_json json{{"error",
                                     {{"message", error.message},
                                      {"type", type_of(error)},
                                      {"param", text_or_null(error.param)},
                                      {"code", text_or_null(error.code)}}}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace cecollm::api
