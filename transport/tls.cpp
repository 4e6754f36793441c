#include "transport/tls.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "transport/openssl_error.hpp"

namespace cecollm::transport {

namespace {

constexpr int max_chain_length = 4;

auto bad_file(const char* what, const std::filesystem::path& path, const std::string& why) {
  return fail(ErrorCode::bad_credentials, std::string(what) + " " + path.string() + ": " + why);
}

Result<void> check_readable(const char* what, const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return bad_file(what, path, "is a directory");
  }
  errno = 0;
  if (!std::ifstream(path).is_open()) {
    return bad_file(what, path, std::strerror(errno));
  }
  return {};
}

// OpenSSL would ask on the terminal.
int refuse_passphrase(char*, int, int, void*) {
  return -1;
}

Result<std::shared_ptr<SSL_CTX>> read_files(TlsRole role, const Credentials& files) {
  for (const auto& [what, path] :
       {std::pair{"certificate", &files.certificate}, std::pair{"private key", &files.key},
        std::pair{"certificate authority", &files.authority}}) {
    if (auto readable = check_readable(what, *path); !readable) {
      return tl::unexpected(readable.error());
    }
  }
  const auto* method = role == TlsRole::server ? TLS_server_method() : TLS_client_method();
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(method), SSL_CTX_free);
  if (!context) {
    return fail(ErrorCode::bad_credentials, "OpenSSL: " + take_first_openssl_error());
  }
  auto* raw = context.get();
  ERR_clear_error();
  SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION);
  SSL_CTX_set_default_passwd_cb(raw, refuse_passphrase);
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  // Every connection proves both identities anew: no resumption.
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_options(raw, SSL_OP_NO_TICKET);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_verify_depth(raw, max_chain_length);

  if (SSL_CTX_use_certificate_chain_file(raw, files.certificate.c_str()) != 1) {
    return bad_file("certificate", files.certificate,
                    "no usable PEM certificate chain (" + take_first_openssl_error() + ")");
  }
  if (SSL_CTX_use_PrivateKey_file(raw, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return bad_file("private key", files.key,
                    "no usable PEM private key without passphrase that fits the certificate (" +
                        take_first_openssl_error() + ")");
  }
  if (SSL_CTX_check_private_key(raw) != 1) {
    return bad_file("private key", files.key,
                    "does not belong to " + files.certificate.string() + " (" +
                        take_first_openssl_error() + ")");
  }
  if (SSL_CTX_load_verify_locations(raw, files.authority.c_str(), nullptr) != 1) {
    return bad_file("certificate authority", files.authority,
                    "no usable PEM certificates (" + take_first_openssl_error() + ")");
  }
  if (role == TlsRole::server) {
    SSL_CTX_set_client_CA_list(raw, SSL_load_client_CA_file(files.authority.c_str()));
  }
  ERR_clear_error();
  return context;
}

/// A certificate that no peer would accept must not replace one that works.
Result<void> check_time(SSL_CTX* context, const std::filesystem::path& file) {
  const X509* certificate = SSL_CTX_get0_certificate(context);
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
    return bad_file("certificate", file, "is not valid yet");
  }
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    return bad_file("certificate", file, "has expired");
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<TlsContext>> TlsContext::load(TlsRole role, const Credentials& files) {
  auto context = read_files(role, files);
  if (!context) return tl::unexpected(context.error());
  return std::shared_ptr<TlsContext>(new TlsContext(role, files, std::move(*context)));
}

Result<void> TlsContext::renew() {
  auto context = read_files(role_, files_);
  if (!context) return tl::unexpected(context.error());
  if (auto timely = check_time(context->get(), files_.certificate); !timely) return timely;
  const std::lock_guard lock(mutex_);
  context_ = std::move(*context);
  return {};
}

std::shared_ptr<SSL_CTX> TlsContext::native() const {
  const std::lock_guard lock(mutex_);
  return context_;
}

}  // namespace cecollm::transport
