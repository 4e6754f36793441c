#pragma once
// Errors of transport/: a code to branch on and a sentence for a human.

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace cecollm::transport {

enum class ErrorCode {
  bad_address,       // not HOST:PORT
  bad_credentials,   // a certificate, key or CA file is missing or unusable
  insecure_refused,  // --insecure for an address that is not loopback
  unresolved,        // the name has no address
  unreachable,       // nothing accepts connections there
  timed_out,         // connecting, or the handshake, took too long
  handshake_failed,  // TLS refused one side: wrong CA, wrong host, no certificate
  frame_too_large,   // a length prefix above the bound
  malformed,         // bytes that are no message
  queue_full,        // the send queue reached its cap
  peer_silent,       // nothing was heard for the configured time
  closed,            // the other side closed the connection
  address_in_use,    // the listener's port is taken
  refused,           // the peer refused to work with us: version, model, cut, limits
  bad_link,          // a description of an emulated link that cannot be used
};

struct Error {
  ErrorCode code = ErrorCode::closed;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace cecollm::transport
