// Two TLS streams joined in memory: every way in which one refuses the other, without sockets.

#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/pki.hpp"
#include "transport/secure_stream.hpp"

namespace cecollm::transport {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using tests::Leaf;
using tests::Pki;

std::shared_ptr<const TlsContext> load(TlsRole role, const Credentials& files) {
  auto context = TlsContext::load(role, files);
  EXPECT_TRUE(context) << context.error().message;
  return context.value_or(nullptr);
}

/// One side: its stream, what it has read, and how it ended.
struct TlsSide {
  std::unique_ptr<SecureStream> stream;
  std::string heard;
  std::optional<Error> error;

  void start() { note(stream->start()); }
  void receive(std::span<const char> wire) {
    if (!error && !wire.empty()) {
      note(stream->receive(wire, [this](std::span<const char> clear) {
        heard.append(clear.begin(), clear.end());
        return Result<void>();
      }));
    }
  }
  void note(const Result<void>& result) {
    if (!result) {
      error = result.error();
    }
  }
};

/// Moves wire bytes, `step` at a time, until neither side has any.
void exchange(TlsSide& a, TlsSide& b, std::size_t step = SIZE_MAX) {
  bool moved = true;
  while (moved) {
    moved = false;
    for (auto [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
      const auto wire = std::exchange(from->stream->outgoing(), {});
      moved = moved || !wire.empty();
      for (std::size_t at = 0; at < wire.size(); at += std::min(step, wire.size() - at)) {
        to->receive(std::span(wire).subspan(at, std::min(step, wire.size() - at)));
      }
    }
  }
}

class TlsStreams : public ::testing::Test {
 protected:
  /// Shakes hands; the client expects `host`.
  void meet(const Credentials& server_files, const Credentials& client_files,
            const std::string& host, std::size_t step = SIZE_MAX) {
    auto made_server = make_tls_server(load(TlsRole::server, server_files));
    auto made_client = make_tls_client(load(TlsRole::client, client_files), {host, 7070});
    ASSERT_TRUE(made_server && made_client);
    server.stream = std::move(*made_server);
    client.stream = std::move(*made_client);
    server.start();
    client.start();
    exchange(client, server, step);
  }
  /// The client is refused by its own check; the server hears of it.
  void expect_client_refuses(const char* why) {
    ASSERT_TRUE(client.error);
    EXPECT_EQ(client.error->code, ErrorCode::handshake_failed);
    EXPECT_THAT(client.error->message, HasSubstr(why));
    EXPECT_FALSE(server.stream->established());
    ASSERT_TRUE(server.error);
    EXPECT_EQ(server.error->code, ErrorCode::handshake_failed);
  }
  /// The server refuses; the client, already done, hears of it.
  void expect_server_refuses(const char* why) {
    ASSERT_TRUE(server.error);
    EXPECT_EQ(server.error->code, ErrorCode::handshake_failed);
    EXPECT_THAT(server.error->message, HasSubstr(why));
    EXPECT_FALSE(server.stream->established());
    ASSERT_TRUE(client.error);
    EXPECT_EQ(client.error->code, ErrorCode::handshake_failed);
  }

  Pki pki;
  Pki foreign{"another CA"};
  Leaf cloud{
      "cloud", {"DNS:localhost", "DNS:*.cloud.example", "IP:127.0.0.1", "IP:::1"}, "serverAuth"};
  Leaf edge{"edge", {}, "clientAuth"};
  TlsSide server;
  TlsSide client;
};

TEST_F(TlsStreams, CarryBytesOnceBothSidesAreKnown) {
  for (const std::size_t step : {SIZE_MAX, std::size_t{1}, std::size_t{7}}) {
    meet(pki.issue(cloud), pki.issue(edge), "localhost", step);
    ASSERT_FALSE(client.error) << client.error->message;
    ASSERT_FALSE(server.error) << server.error->message;
    EXPECT_TRUE(client.stream->established());
    EXPECT_TRUE(server.stream->established());
    EXPECT_EQ(client.stream->peer_identity(), "cloud");
    EXPECT_EQ(server.stream->peer_identity(), "edge");

    const std::string up(100'000, 'u');
    ASSERT_TRUE(client.stream->send(up));
    ASSERT_TRUE(server.stream->send(std::string_view("down")));
    EXPECT_EQ(std::string(client.stream->outgoing().begin(), client.stream->outgoing().end())
                  .find("uuuu"),
              std::string::npos)
        << "the wire carries clear text";
    exchange(client, server, step);
    EXPECT_EQ(server.heard, up);
    EXPECT_EQ(client.heard, "down");
    client = {};
    server = {};
  }
}

TEST_F(TlsStreams, TellAGoodbyeFromAFailure) {
  meet(pki.issue(cloud), pki.issue(edge), "localhost");
  ASSERT_TRUE(client.stream->send(std::string_view("last")));
  client.stream->close();
  exchange(client, server);
  EXPECT_EQ(server.heard, "last");
  ASSERT_TRUE(server.error);
  EXPECT_EQ(server.error->code, ErrorCode::closed);
}

TEST_F(TlsStreams, AcceptNamesAndAddressesOfTheCertificate) {
  for (const char* host : {"localhost", "127.0.0.1", "::1", "a.cloud.example"}) {
    meet(pki.issue(cloud), pki.issue(edge), host);
    EXPECT_FALSE(client.error) << host << ": " << client.error->message;
    EXPECT_TRUE(server.stream->established()) << host;
    client = {};
    server = {};
  }
}

TEST_F(TlsStreams, RefuseAnotherHost) {
  for (const char* host : {"cloud", "cloud.example", "127.0.0.2", "::2", "a.b.cloud.example"}) {
    meet(pki.issue(cloud), pki.issue(edge), host);
    expect_client_refuses("certificate verify failed");
    EXPECT_THAT(client.error->message,
                AnyOf(HasSubstr("hostname mismatch"), HasSubstr("IP address mismatch")))
        << host;
    client = {};
    server = {};
  }
}

TEST_F(TlsStreams, NeverConnectWithoutANameToCheck) {
  const auto stream = make_tls_client(load(TlsRole::client, pki.issue(edge)), {"", 7070});
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, ErrorCode::bad_address);
}

TEST_F(TlsStreams, RefuseAServerOfAnotherAuthority) {
  auto files = foreign.issue(cloud);
  files.authority = pki.authority();
  meet(files, pki.issue(edge), "localhost");
  expect_client_refuses("certificate verify failed");
}

TEST_F(TlsStreams, RefuseAClientOfAnotherAuthority) {
  auto files = foreign.issue(edge);
  files.authority = pki.authority();
  meet(pki.issue(cloud), files, "localhost");
  expect_server_refuses("certificate verify failed");
  EXPECT_THAT(client.error->message, HasSubstr("unknown ca"));
}

TEST_F(TlsStreams, RefuseExpiredCertificates) {
  cloud.not_before = -7200s;
  cloud.not_after = -3600s;
  meet(pki.issue(cloud), pki.issue(edge), "localhost");
  expect_client_refuses("certificate has expired");
  client = {};
  server = {};

  cloud = {"cloud", {"DNS:localhost"}, "serverAuth"};
  edge.not_before = -7200s;
  edge.not_after = -3600s;
  meet(pki.issue(cloud), pki.issue(edge), "localhost");
  expect_server_refuses("certificate has expired");
  EXPECT_THAT(client.error->message, HasSubstr("certificate expired"));
}

TEST_F(TlsStreams, RefuseCertificatesThatAreNotYetValid) {
  cloud.not_before = 3600s;
  cloud.not_after = 7200s;
  meet(pki.issue(cloud), pki.issue(edge), "localhost");
  expect_client_refuses("certificate is not yet valid");
}

TEST_F(TlsStreams, RefuseACertificateMadeForTheOtherRole) {
  cloud.usage = "clientAuth";
  meet(pki.issue(cloud), pki.issue(edge), "localhost");
  expect_client_refuses("certificate verify failed");
  client = {};
  server = {};

  cloud.usage = "serverAuth";
  edge.usage = "serverAuth";
  meet(pki.issue(cloud), pki.issue(edge), "localhost");
  expect_server_refuses("certificate verify failed");
}

TEST_F(TlsStreams, NameAPeerByItsFirstDnsNameWhereItHasNoCommonName) {
  meet(pki.issue({"", {"IP:127.0.0.1", "DNS:cloud.example", "DNS:other"}, "serverAuth"}),
       pki.issue(edge), "127.0.0.1");
  ASSERT_FALSE(client.error) << client.error->message;
  EXPECT_EQ(client.stream->peer_identity(), "cloud.example");
}

TEST_F(TlsStreams, SurviveBytesThatAreNoTls) {
  for (const std::string_view garbage :
       {std::string_view("GET / HTTP/1.1\r\n\r\n"), std::string_view("\0\0\0\0\0\0\0\0\0\0", 10),
        std::string_view("\x16\x03\x01\xff\xff garbage"),
        std::string_view("\xff\xff\xff\xff\xff")}) {
    auto stream = make_tls_server(load(TlsRole::server, pki.issue(cloud)));
    ASSERT_TRUE(stream);
    server = {std::move(*stream), {}, {}};
    server.start();
    server.receive(garbage);
    ASSERT_TRUE(server.error);
    EXPECT_EQ(server.error->code, ErrorCode::handshake_failed);
    EXPECT_THAT(server.error->message, HasSubstr("TLS handshake failed"));
  }
}

TEST_F(TlsStreams, RefuseWireBytesThatWereChanged) {
  meet(pki.issue(cloud), pki.issue(edge), "localhost");
  ASSERT_TRUE(client.stream->send(std::string_view("trusted")));
  auto wire = std::exchange(client.stream->outgoing(), {});
  wire.back() = static_cast<char>(wire.back() ^ 1);
  server.receive(wire);
  EXPECT_EQ(server.heard, "");
  ASSERT_TRUE(server.error);
  EXPECT_EQ(server.error->code, ErrorCode::closed);
  EXPECT_THAT(server.error->message, HasSubstr("bad record mac"));
}

TEST(PlainStream, PassesBytesOn) {
  TlsSide a{make_plain_stream(), {}, {}};
  TlsSide b{make_plain_stream(), {}, {}};
  EXPECT_EQ(a.stream->peer_identity(), "");
  a.start();
  b.start();
  EXPECT_TRUE(a.stream->established());
  EXPECT_EQ(a.stream->peer_identity(), "insecure");
  ASSERT_TRUE(a.stream->send(std::string_view("hello")));
  exchange(a, b);
  EXPECT_EQ(b.heard, "hello");
}

}  // namespace
}  // namespace cecollm::transport
