#pragma once
// Certificates for tests: made in the process, with whatever is wrong that a test needs.

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/temporary_directory.hpp"
#include "transport/tls.hpp"

struct evp_pkey_st;
struct x509_st;

namespace cecollm::tests {

struct Leaf {
  std::string common_name;                      // empty: none
  std::vector<std::string> names;               // of the extension, as "DNS:a" or "IP:127.0.0.1"
  std::string usage = "serverAuth,clientAuth";  // of the extended key usage
  std::chrono::seconds not_before{-60};         // from now
  std::chrono::seconds not_after{3600};
};

/// One certificate authority and what it signs. Failures abort the test process: they are bugs.
class Pki {
 public:
  explicit Pki(const std::string& name = "test CA");

  const std::filesystem::path& authority() const { return authority_file_; }
  /// Files of a new certificate that this authority signs; `authority` is that of the peer.
  transport::Credentials issue(const Leaf& leaf);

  /// A server for localhost, 127.0.0.1 and ::1 that trusts this authority; a client called `name`.
  std::shared_ptr<const transport::TlsContext> server();
  std::shared_ptr<const transport::TlsContext> client(const std::string& name = "edge");

 private:
  TemporaryDirectory directory_;
  std::filesystem::path authority_file_;
  std::shared_ptr<evp_pkey_st> key_;
  std::shared_ptr<x509_st> certificate_;
  int issued_ = 0;
};

}  // namespace cecollm::tests
