#pragma once
// Errors of model/: a code to branch on and a sentence for a human that names the file and the
// reason.

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace cecollm::model {

enum class ErrorCode {
  unreadable,    // a file is absent or cannot be opened or mapped
  malformed,     // a file breaks its own format
  unsupported,   // well-formed, but an architecture, dtype or feature that is not implemented
  mismatch,      // two things that must agree do not (shapes, partition, digest)
  out_of_range,  // an argument outside what the model allows (token id, exit layer, position)
  non_finite,    // a computed or received activation is NaN or infinite
  exhausted,     // the machine has no memory left for what was asked
};

struct Error {
  ErrorCode code;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace cecollm::model
