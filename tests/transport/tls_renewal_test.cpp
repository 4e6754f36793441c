// Certificates that are replaced while a node runs.

#include <filesystem>
#include <fstream>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/pki.hpp"
#include "tests/support/temporary_directory.hpp"
#include "transport/endpoint.hpp"
#include "transport/secure_stream.hpp"
#include "transport/tls.hpp"

namespace cecollm::transport {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using tests::Leaf;
using tests::Pki;

/// Shakes hands in memory; what the server calls the client then, or nothing where one refused.
std::string met(SecureStream& server, SecureStream& client) {
  const auto nothing = [](std::span<const char>) {
    return Result<void>();
  };
  bool fine = server.start().has_value() && client.start().has_value();
  for (int round = 0; round < 8; ++round) {
    for (auto [from, to] : {std::pair{&client, &server}, std::pair{&server, &client}}) {
      const auto wire = std::exchange(from->outgoing(), {});
      if (!wire.empty()) fine = fine && to->receive(wire, nothing).has_value();
    }
  }
  return fine ? server.peer_identity() : "";
}

class RenewedTls : public ::testing::Test {
 protected:
  RenewedTls() {
    install(pki.issue(edge_called("edge-1")));
    client = *TlsContext::load(TlsRole::client, files);
    server =
        *TlsContext::load(TlsRole::server, pki.issue({"cloud", {"DNS:localhost"}, "serverAuth"}));
  }
  static Leaf edge_called(const std::string& name) { return {name, {}, "clientAuth"}; }

  /// Overwrites the client's files, as who renews them does.
  void install(const Credentials& fresh) {
    constexpr auto overwrite = std::filesystem::copy_options::overwrite_existing;
    std::filesystem::copy_file(fresh.certificate, files.certificate, overwrite);
    std::filesystem::copy_file(fresh.key, files.key, overwrite);
    std::filesystem::copy_file(fresh.authority, files.authority, overwrite);
  }
  std::string meet() {
    auto at_server = make_tls_server(server);
    auto at_client = make_tls_client(client, {"localhost", 7070});
    return met(**at_server, **at_client);
  }
  std::string refusal() {
    const auto renewed = client->renew();
    if (renewed) return "renewed";
    EXPECT_EQ(renewed.error().code, ErrorCode::bad_credentials);
    return renewed.error().message;
  }

  Pki pki;
  tests::TemporaryDirectory directory;
  Credentials files{directory.path() / "edge.pem", directory.path() / "edge.key",
                    directory.path() / "ca.pem"};
  std::shared_ptr<TlsContext> client;
  std::shared_ptr<TlsContext> server;
};

TEST_F(RenewedTls, ShowsTheNewCertificateToNewConnections) {
  EXPECT_EQ(meet(), "edge-1");
  install(pki.issue(edge_called("edge-2")));
  EXPECT_EQ(meet(), "edge-1") << "files alone change nothing";
  ASSERT_TRUE(client->renew());
  EXPECT_EQ(meet(), "edge-2");
}

TEST_F(RenewedTls, LeavesAConnectionThatIsOpenAsItIs) {
  auto at_server = make_tls_server(server);
  auto at_client = make_tls_client(client, {"localhost", 7070});
  ASSERT_EQ(met(**at_server, **at_client), "edge-1");
  install(pki.issue(edge_called("edge-2")));
  ASSERT_TRUE(client->renew());
  EXPECT_EQ((*at_server)->peer_identity(), "edge-1");
  const std::string text = "still here";
  ASSERT_TRUE((*at_client)->send(text));
  std::string heard;
  ASSERT_TRUE((*at_server)->receive((*at_client)->outgoing(), [&](std::span<const char> clear) {
    heard.append(clear.begin(), clear.end());
    return Result<void>();
  }));
  EXPECT_EQ(heard, text);
}

TEST_F(RenewedTls, TrustsTheNewAuthorityFromThenOn) {
  Pki successor("the next CA");
  server = *TlsContext::load(TlsRole::server,
                             successor.issue({"cloud", {"DNS:localhost"}, "serverAuth"}));
  EXPECT_EQ(meet(), "");
  install(successor.issue(edge_called("edge-1")));
  ASSERT_TRUE(client->renew());
  EXPECT_EQ(meet(), "edge-1");
}

TEST_F(RenewedTls, KeepsTheOldOnesWhereTheKeyIsAnothers) {
  // A new certificate has come and its key has not: also what a look in between sees.
  const auto fresh = pki.issue(edge_called("edge-2"));
  std::filesystem::copy_file(fresh.certificate, files.certificate,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(refusal(), HasSubstr("edge.key"));
  EXPECT_EQ(meet(), "edge-1");
  std::filesystem::copy_file(fresh.key, files.key,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(refusal(), "renewed");
  EXPECT_EQ(meet(), "edge-2");
}

TEST_F(RenewedTls, KeepsTheOldOnesWhereAFileIsMissingOrIsNone) {
  std::filesystem::remove(files.authority);
  EXPECT_THAT(refusal(), HasSubstr("ca.pem"));
  install(pki.issue(edge_called("edge-2")));
  std::ofstream(files.certificate) << "not a certificate";
  EXPECT_THAT(refusal(), HasSubstr("edge.pem"));
  EXPECT_EQ(meet(), "edge-1");
}

TEST_F(RenewedTls, SaysNothingOfWhatAKeyFileHolds) {
  std::ofstream(files.key) << "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
  EXPECT_THAT(refusal(), AllOf(HasSubstr("edge.key"), Not(HasSubstr("c2VjcmV0"))));
}

TEST_F(RenewedTls, KeepsTheOldOnesWhereTheNewAreNotValidNow) {
  auto leaf = edge_called("edge-2");
  leaf.not_before = -7200s;
  leaf.not_after = -3600s;
  install(pki.issue(leaf));
  EXPECT_THAT(refusal(), AllOf(HasSubstr("edge.pem"), HasSubstr("expired")));
  leaf.not_before = 3600s;
  leaf.not_after = 7200s;
  install(pki.issue(leaf));
  EXPECT_THAT(refusal(), AllOf(HasSubstr("edge.pem"), HasSubstr("not valid yet")));
  EXPECT_EQ(meet(), "edge-1");
}

}  // namespace
}  // namespace cecollm::transport
