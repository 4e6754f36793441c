#pragma once
// Errors of monitoring/: a code to branch on and a sentence for a human.

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace cecollm::monitoring {

enum class ErrorCode {
  unknown_level,   // no log level of that name
  unknown_format,  // no log format of that name
  not_written,     // a file could not be written
};

struct Error {
  ErrorCode code = ErrorCode::unknown_level;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace cecollm::monitoring
