#pragma once
// How a command ends: a sentence for the user and an exit code.

#include <string>
#include <utility>

#include <tl/expected.hpp>

#include "model/error.hpp"
#include "transport/error.hpp"

namespace cecollm::apps {

enum class ExitCode : int {
  ok = 0,
  failed = 1,   // it went wrong at run time
  misused = 2,  // the user's to mend: a file, flag, setting, or nodes that do not fit together
};

/// One line without a trailing full stop or newline; main prefixes it with "cecollm: ".
struct Failure {
  ExitCode code = ExitCode::failed;
  std::string message;
};

template <class T>
using Outcome = tl::expected<T, Failure>;

inline tl::unexpected<Failure> misused(std::string message) {
  return tl::unexpected<Failure>(Failure{ExitCode::misused, std::move(message)});
}

inline tl::unexpected<Failure> failed(std::string message) {
  return tl::unexpected<Failure>(Failure{ExitCode::failed, std::move(message)});
}

/// Unusable or disagreeing files and arguments are the user's to mend; the rest is run time.
Failure to_failure(const model::Error& error);
Failure to_failure(const transport::Error& error);

}  // namespace cecollm::apps
