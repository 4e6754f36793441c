#pragma once
// What a client is told when its request is not served: OpenAI's error object.

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace cecollm::api {

struct Error {
  int status = 400;
  std::string message;
  std::string param{};  // the request's field at fault; empty: none
  std::string code{};   // a name to branch on; empty: none
};

/// "invalid_request_error", "rate_limit_error" or "server_error", by the status.
std::string type_of(const Error& error);

/// {"error":{"message","type","param","code"}}, on one line.
std::string to_json(const Error& error);

template <class T>
using Result = tl::expected<T, Error>;

/// The request is at fault, by its field `param`.
inline tl::unexpected<Error> invalid(std::string param, std::string message) {
  return tl::unexpected<Error>(Error{400, std::move(message), std::move(param)});
}

}  // namespace cecollm::api
