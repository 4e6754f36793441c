#include "apps/failure.hpp"

namespace cecollm::apps {
namespace {

ExitCode exit_code(model::ErrorCode code) {
  switch (code) {
    case model::ErrorCode::unreadable:
    case model::ErrorCode::malformed:
    case model::ErrorCode::unsupported:
    case model::ErrorCode::mismatch:
    case model::ErrorCode::out_of_range:
      return ExitCode::misused;
    case model::ErrorCode::non_finite:
    case model::ErrorCode::exhausted:
      return ExitCode::failed;
  }
  return ExitCode::failed;
}

ExitCode exit_code(transport::ErrorCode code) {
  switch (code) {
    case transport::ErrorCode::bad_address:
    case transport::ErrorCode::bad_credentials:
    case transport::ErrorCode::insecure_refused:
    case transport::ErrorCode::address_in_use:
    case transport::ErrorCode::refused:
    case transport::ErrorCode::bad_link:
      return ExitCode::misused;
    case transport::ErrorCode::unresolved:
    case transport::ErrorCode::unreachable:
    case transport::ErrorCode::timed_out:
    case transport::ErrorCode::handshake_failed:
    case transport::ErrorCode::frame_too_large:
    case transport::ErrorCode::malformed:
    case transport::ErrorCode::queue_full:
    case transport::ErrorCode::peer_silent:
    case transport::ErrorCode::closed:
      return ExitCode::failed;
  }
  return ExitCode::failed;
}

}  // namespace

Failure to_failure(const model::Error& error) {
  return {exit_code(error.code), error.message};
}

Failure to_failure(const transport::Error& error) {
  return {exit_code(error.code), error.message};
}

}  // namespace cecollm::apps
