#pragma once
// TLS 1.3 with mutual certificates (OpenSSL). Loads and checks credentials; no sockets here.

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "transport/error.hpp"

struct ssl_ctx_st;

namespace cecollm::transport {

struct Credentials {
  std::filesystem::path certificate;  // PEM, chain
  std::filesystem::path key;          // PEM
  std::filesystem::path authority;    // PEM, the CA that signed the peers
};

enum class TlsRole { client, server };

/// What a node proves itself with and holds its peers against; shared by all its connections, from
/// any thread.
class TlsContext {
 public:
  /// Reads the files; the error names the one that cannot be used and why.
  static Result<std::shared_ptr<TlsContext>> load(TlsRole role, const Credentials& files);

  /// Reads the same files again, for the connections that begin from now on; those that are open go
  /// on with what they began with. Where the files cannot be used (see load), or the certificate is
  /// not valid now, the old ones stay.
  Result<void> renew();

  /// What is in use now; whoever makes a connection keeps it.
  std::shared_ptr<ssl_ctx_st> native() const;
  TlsRole role() const { return role_; }
  const Credentials& files() const { return files_; }

 private:
  TlsContext(TlsRole role, Credentials files, std::shared_ptr<ssl_ctx_st> context)
      : role_(role), files_(std::move(files)), context_(std::move(context)) {}
  const TlsRole role_;
  const Credentials files_;
  mutable std::mutex mutex_;
  std::shared_ptr<ssl_ctx_st> context_;
};

}  // namespace cecollm::transport
