#pragma once
// A response that is one JSON object.

#include <nlohmann/json.hpp>

#include "http/message.hpp"

namespace cecollm::apps {

/// What is no UTF-8 becomes U+FFFD.
inline http::Response json_response(int status, const nlohmann::ordered_json& json) {
  http::Response response;
  response.status = status;
  response.content_type = "application/json";
  response.body = json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return response;
}

}  // namespace cecollm::apps
