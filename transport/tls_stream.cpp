#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <new>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "transport/openssl_error.hpp"
#include "transport/secure_stream.hpp"

namespace cecollm::transport {

namespace {

constexpr std::size_t record_bytes = 16384;  // of clear bytes, at most
constexpr std::size_t record_overhead = 22;  // header, content type, authentication tag

/// What OpenSSL reads from and writes to in place of a socket.
struct Wire {
  std::span<const char> incoming;
  std::vector<char> outgoing;
};

Wire& wire_of(BIO* bio) {
  return *static_cast<Wire*>(BIO_get_data(bio));
}

int read_wire(BIO* bio, char* to, int capacity) {
  auto& incoming = wire_of(bio).incoming;
  BIO_clear_retry_flags(bio);
  if (incoming.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const auto size = std::min(incoming.size(), static_cast<std::size_t>(std::max(capacity, 0)));
  std::memcpy(to, incoming.data(), size);
  incoming = incoming.subspan(size);
  return static_cast<int>(size);
}

int write_wire(BIO* bio, const char* from, int size) {
  auto& outgoing = wire_of(bio).outgoing;
  BIO_clear_retry_flags(bio);
  try {
    outgoing.insert(outgoing.end(), from, from + size);
  } catch (const std::bad_alloc&) {  // must not pass through OpenSSL's frames
    return -1;
  }
  return size;
}

long control_wire(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* wire_method() {
  static const std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> method = [] {
    std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> made(
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire bytes"), BIO_meth_free);
    if (made) {
      BIO_meth_set_read(made.get(), read_wire);
      BIO_meth_set_write(made.get(), write_wire);
      BIO_meth_set_ctrl(made.get(), control_wire);
    }
    return made;
  }();
  return method.get();
}

std::string common_name(X509* certificate) {
  auto* name = X509_get_subject_name(certificate);
  const int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (index < 0) {
    return {};
  }
  unsigned char* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
  if (size < 0) {
    return {};
  }
  std::string result(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return result;
}

std::string first_dns_name(X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const auto* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) {
      return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
              static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))};
    }
  }
  return {};
}

std::string identity_of(const SSL* ssl) {
  X509* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr) {
    return {};
  }
  auto name = common_name(certificate);
  return name.empty() ? first_dns_name(certificate) : name;
}

class TlsStream : public SecureStream {
 public:
  using Ssl = std::unique_ptr<SSL, decltype(&SSL_free)>;
  TlsStream(std::shared_ptr<const TlsContext> context, Ssl ssl)
      : context_(std::move(context)),
        ssl_(std::move(ssl)),
        judged_(context_->role() == TlsRole::server) {
    BIO* bio = BIO_new(wire_method());
    BIO_set_data(bio, &wire_);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
  }

  Result<void> start() override { return shake_hands(); }

  Result<void> receive(std::span<const char> wire, const ClearBytes& deliver) override {
    wire_.incoming = wire;
    auto result = consume(deliver);
    wire_.incoming = {};
    return result;
  }

  Result<void> send(std::span<const char> clear) override {
    const auto records = clear.size() / record_bytes + 1;
    wire_.outgoing.reserve(wire_.outgoing.size() + clear.size() + records * record_overhead);
    while (!clear.empty()) {
      ERR_clear_error();
      std::size_t taken = 0;
      if (SSL_write_ex(ssl_.get(), clear.data(), clear.size(), &taken) != 1) {
        return fail(ErrorCode::closed, "TLS cannot send: " + take_last_openssl_error());
      }
      clear = clear.subspan(taken);
    }
    return {};
  }

  void close() override {
    if (established_) {
      ERR_clear_error();
      SSL_shutdown(ssl_.get());
      ERR_clear_error();
    }
  }

  std::vector<char>& outgoing() override { return wire_.outgoing; }
  bool established() const override { return established_; }
  std::string peer_identity() const override { return established_ ? identity_of(ssl_.get()) : ""; }

 private:
  Result<void> shake_hands() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) {
      established_ = true;
      return {};
    }
    if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) {
      return {};
    }
    return fail(ErrorCode::handshake_failed, "TLS handshake failed: " + refusal());
  }

  Result<void> consume(const ClearBytes& deliver) {
    if (!established_) {
      if (auto shaken = shake_hands(); !shaken || !established_) {
        return shaken;
      }
    }
    std::array<char, record_bytes> clear;
    while (true) {
      ERR_clear_error();
      std::size_t size = 0;
      if (SSL_read_ex(ssl_.get(), clear.data(), clear.size(), &size) == 1) {
        judged_ = true;
        if (auto taken = deliver(std::span(clear).first(size)); !taken) {
          return taken;
        }
        continue;
      }
      switch (SSL_get_error(ssl_.get(), 0)) {
        case SSL_ERROR_WANT_READ:
          return {};
        case SSL_ERROR_ZERO_RETURN:
          return fail(ErrorCode::closed, "the peer closed the connection");
        default:
          return judged_ ? fail(ErrorCode::closed, "TLS failed: " + refusal())
                         : fail(ErrorCode::handshake_failed, "TLS handshake failed: " + refusal());
      }
    }
  }

  std::string refusal() {
    auto reason = take_last_openssl_error();
    const auto verified = SSL_get_verify_result(ssl_.get());
    if (verified != X509_V_OK) {
      reason += std::string(" (") + X509_verify_cert_error_string(verified) + ")";
    }
    return reason;
  }

  std::shared_ptr<const TlsContext> context_;
  Wire wire_;  // outlives ssl_, which points at it
  Ssl ssl_;
  bool established_ = false;
  // The peer has accepted our certificate: in TLS 1.3 a client is done before the server has
  // looked at it, and knows only when it hears clear bytes.
  bool judged_;
};

Result<TlsStream::Ssl> make_ssl(const TlsContext& context) {
  // The SSL keeps the context that it is made of.
  TlsStream::Ssl ssl(SSL_new(context.native().get()), SSL_free);
  if (!ssl || wire_method() == nullptr) {
    return fail(ErrorCode::handshake_failed, "OpenSSL: " + take_last_openssl_error());
  }
  return ssl;
}

bool expect_peer(SSL* ssl, const std::string& host) {
  in6_addr address{};
  if (inet_pton(AF_INET, host.c_str(), &address) == 1 ||
      inet_pton(AF_INET6, host.c_str(), &address) == 1) {
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  }
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace

Result<std::unique_ptr<SecureStream>> make_tls_client(std::shared_ptr<const TlsContext> context,
                                                      const Endpoint& peer) {
  auto ssl = make_ssl(*context);
  if (!ssl) {
    return tl::unexpected(ssl.error());
  }
  SSL_set_connect_state(ssl->get());
  // An empty name would switch the check off.
  if (peer.host.empty() || !expect_peer(ssl->get(), peer.host)) {
    return fail(ErrorCode::bad_address, "no certificate can carry the name '" + peer.host + "'");
  }
  return std::make_unique<TlsStream>(std::move(context), std::move(*ssl));
}

Result<std::unique_ptr<SecureStream>> make_tls_server(std::shared_ptr<const TlsContext> context) {
  auto ssl = make_ssl(*context);
  if (!ssl) {
    return tl::unexpected(ssl.error());
  }
  SSL_set_accept_state(ssl->get());
  return std::make_unique<TlsStream>(std::move(context), std::move(*ssl));
}

}  // namespace cecollm::transport
