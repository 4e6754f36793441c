// Whom connections refuse, over real sockets.

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>

#include "tests/support/raw_socket.hpp"
#include "tests/transport/connections_fixture.hpp"
#include "transport/connection.hpp"

namespace cecollm::transport {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using tests::Pki;
using tests::RawListener;
using tests::RawSocket;

class ConnectionSecurity : public tests::ConnectionsFixture {};

TEST_F(ConnectionSecurity, RefuseAServerThatIsNotTheOneAskedFor) {
  start(*TlsContext::load(TlsRole::server, pki.issue({"cloud", {"DNS:localhost"}, "serverAuth"})));
  connect(pki.client());  // to 127.0.0.1, which the certificate does not name
  const auto down = client.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::handshake_failed);
  EXPECT_THAT(down->message, HasSubstr("IP address mismatch"));
  const auto refused = refusals.next();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::handshake_failed);
}

TEST_F(ConnectionSecurity, RefuseAClientOfAnotherAuthority) {
  Pki foreign("another CA");
  auto files = foreign.issue({"intruder", {}, "clientAuth"});
  files.authority = pki.authority();
  start(pki.server());
  connect(*TlsContext::load(TlsRole::client, files));
  const auto down = client.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::handshake_failed);
  EXPECT_THAT(down->message, HasSubstr("unknown ca"));
  const auto refused = refusals.next();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::handshake_failed);
  EXPECT_FALSE(server.next<ConnectionUp>(0ms)) << "an owner was bothered";
}

TEST_F(ConnectionSecurity, TellAClientOfItsRefusalEvenWhenItHasAlreadySent) {
  // TLS 1.3: the client may send before the server has judged it. What it sent must not make the
  // server's last words disappear in a reset.
  Pki foreign("another CA");
  auto files = foreign.issue({"intruder", {}, "clientAuth"});
  files.authority = pki.authority();
  start(pki.server());
  for (int i = 0; i < 10; ++i) {
    connect(*TlsContext::load(TlsRole::client, files));
    if (client.up()) {
      client.send(std::string(200'000, 'x'));
    }
    const auto down = client.down();
    ASSERT_TRUE(down);
    EXPECT_EQ(down->code, ErrorCode::handshake_failed) << down->message;
  }
}

TEST_F(ConnectionSecurity, RefuseAnExpiredClient) {
  start(pki.server());
  connect(
      *TlsContext::load(TlsRole::client, pki.issue({"edge", {}, "clientAuth", -7200s, -3600s})));
  const auto down = client.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::handshake_failed);
  EXPECT_THAT(down->message, HasSubstr("certificate expired"));
}

TEST_F(ConnectionSecurity, RefuseAClientWithoutACertificate) {
  start(pki.server());
  RawSocket peer;
  peer.connect(bound.port);
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
  SSL_set_fd(ssl.get(), peer.get());
  EXPECT_EQ(SSL_connect(ssl.get()), 1);  // TLS 1.3: the refusal comes later
  char byte = 0;
  EXPECT_LE(SSL_read(ssl.get(), &byte, 1), 0);
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED);
  ERR_clear_error();
  const auto refused = refusals.next();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::handshake_failed);
  EXPECT_THAT(refused->message, HasSubstr("peer did not return a certificate"));
  EXPECT_FALSE(server.next<ConnectionUp>(0ms));
}

TEST_F(ConnectionSecurity, RefuseTlsBelow13) {
  start(pki.server());
  RawSocket peer;
  peer.connect(bound.port);
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
  SSL_set_fd(ssl.get(), peer.get());
  EXPECT_NE(SSL_connect(ssl.get()), 1);
  ERR_clear_error();
  const auto refused = refusals.next();
  ASSERT_TRUE(refused);
  EXPECT_THAT(refused->message, HasSubstr("unsupported protocol"));
}

TEST_F(ConnectionSecurity, RefusePeersThatDoNotSpeakTls) {
  start(pki.server());
  for (const std::string_view bytes :
       {std::string_view("\0\0\0\5hello", 9), std::string_view("GET / HTTP/1.1\r\n\r\n"),
        std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff")}) {
    RawSocket peer;
    peer.connect(bound.port);
    ASSERT_TRUE(peer.send(bytes));
    EXPECT_TRUE(peer.read_to_end());
    const auto refused = refusals.next();
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->code, ErrorCode::handshake_failed);
  }
  EXPECT_FALSE(server.next<ConnectionUp>(0ms));
}

TEST_F(ConnectionSecurity, RefuseAServerThatDoesNotSpeakTls) {
  RawListener raw;
  bound = {"127.0.0.1", raw.port()};
  connect(pki.client());
  auto peer = raw.accept();
  ASSERT_TRUE(peer.send("220 mail.example ESMTP\r\n"));
  const auto down = client.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::handshake_failed);
  EXPECT_TRUE(peer.read_to_end());
}

TEST_F(ConnectionSecurity, RefuseToDialOtherMachinesWithoutTls) {
  for (const char* host : {"192.0.2.1", "cloud.example"}) {
    bound = {host, 7070};
    connect(nullptr);
    const auto down = client.down();
    ASSERT_TRUE(down);
    EXPECT_EQ(down->code, ErrorCode::insecure_refused);
  }
}

TEST_F(ConnectionSecurity, RefuseToListenForOtherMachinesWithoutTls) {
  for (const char* host : {"0.0.0.0", "::"}) {
    const auto listening =
        listen(system, {host, 0}, nullptr, server_limits, 1, [] { return caf::actor(); });
    ASSERT_FALSE(listening);
    EXPECT_EQ(listening.error().code, ErrorCode::insecure_refused);
  }
}

}  // namespace
}  // namespace cecollm::transport
