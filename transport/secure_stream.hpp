#pragma once
// Clear bytes to wire bytes and back, without sockets: the caller moves the wire bytes. Two kinds:
// TLS 1.3, and none at all (loopback only; the caller checks).

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "transport/endpoint.hpp"
#include "transport/error.hpp"
#include "transport/tls.hpp"

namespace cecollm::transport {

/// Takes clear bytes; an error ends the reading and is passed on.
using ClearBytes = std::function<Result<void>(std::span<const char>)>;

class SecureStream {
 public:
  virtual ~SecureStream() = default;

  /// Opens the handshake, as far as it can go before the peer has spoken. Call once, first.
  virtual Result<void> start() = 0;

  /// Takes wire bytes from the peer, all of them, and hands on the clear bytes that they complete.
  /// `closed`: the peer said good-bye. `handshake_failed`: one side refused the other; the peer's
  /// refusal of our certificate may arrive when established() is already true.
  virtual Result<void> receive(std::span<const char> wire, const ClearBytes& deliver) = 0;

  /// Protects clear bytes. Only when established().
  virtual Result<void> send(std::span<const char> clear) = 0;

  /// Says good-bye. Nothing can be sent afterwards.
  virtual void close() = 0;

  /// Wire bytes for the peer, in order; the caller takes them out. Also after an error: they tell
  /// the peer why.
  virtual std::vector<char>& outgoing() = 0;

  /// Both sides may send.
  virtual bool established() const = 0;

  /// Common name of the peer's certificate (else its first DNS name); what was given to
  /// make_plain_stream without TLS.
  /// Empty before established().
  virtual std::string peer_identity() const = 0;
};

std::unique_ptr<SecureStream> make_plain_stream(std::string peer_identity = "insecure");

/// `peer` is the name or address that the server's certificate must carry. The stream keeps
/// `context` alive.
Result<std::unique_ptr<SecureStream>> make_tls_client(std::shared_ptr<const TlsContext> context,
                                                      const Endpoint& peer);
Result<std::unique_ptr<SecureStream>> make_tls_server(std::shared_ptr<const TlsContext> context);

}  // namespace cecollm::transport
