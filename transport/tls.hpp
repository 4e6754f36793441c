#pragma once
// TLS 1.3 with mutual certificates (OpenSSL). Loads and checks credentials; no sockets here.

#include <filesystem>
#include <memory>
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

/// Immutable; shared by all connections of a node.
class TlsContext {
 public:
  /// Reads the files; the error names the one that cannot be used and why.
  static Result<std::shared_ptr<const TlsContext>> load(TlsRole role, const Credentials& files);
  ssl_ctx_st* native() const { return context_.get(); }
  TlsRole role() const { return role_; }

 private:
  TlsContext(TlsRole role, std::shared_ptr<ssl_ctx_st> context)
      : role_(role), context_(std::move(context)) {}
  TlsRole role_;
  std::shared_ptr<ssl_ctx_st> context_;
};

}  // namespace cecollm::transport
