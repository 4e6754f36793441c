// deploy/pki/make-dev-pki.sh makes what the two sides accept from each other.

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temporary_directory.hpp"
#include "tests/transport/connections_fixture.hpp"

namespace cecollm::transport {
namespace {

class DevPki : public tests::ConnectionsFixture {
 protected:
  /// Runs the script; its exit status, its output in `output`.
  int make(const std::string& arguments) {
    const auto log = directory.path() / "log";
    const auto command = "sh '" CECOLLM_SOURCE_DIR "/deploy/pki/make-dev-pki.sh' " + arguments +
                         " >'" + log.string() + "' 2>&1";
    const int status = std::system(command.c_str());
    output = tests::read_whole_file(log);
    return WEXITSTATUS(status);
  }
  std::string quoted() const { return "'" + pki_directory.string() + "'"; }
  Credentials files(const char* name) const {
    return {pki_directory / (std::string(name) + ".pem"),
            pki_directory / (std::string(name) + ".key"), pki_directory / "ca.pem"};
  }

  tests::TemporaryDirectory directory;
  std::filesystem::path pki_directory = directory.path() / "pki";
  std::string output;
};

TEST_F(DevPki, LetsCloudAndEdgeMeet) {
  ASSERT_EQ(make(quoted() + " cloud.example 10.0.0.7 2001:db8::7"), 0) << output;
  auto cloud = TlsContext::load(TlsRole::server, files("cloud"));
  auto edge = TlsContext::load(TlsRole::client, files("edge"));
  ASSERT_TRUE(cloud) << cloud.error().message;
  ASSERT_TRUE(edge) << edge.error().message;
  start(*cloud);
  connect(*edge);
  const auto client_up = client.up();
  const auto server_up = server.up();
  ASSERT_TRUE(client_up && server_up);
  EXPECT_EQ(client_up->peer_identity, "cloud");
  EXPECT_EQ(server_up->peer_identity, "edge");
}

TEST_F(DevPki, KeepsKeysToTheirOwner) {
  ASSERT_EQ(make(quoted()), 0) << output;
  for (const char* name : {"ca.key", "cloud.key", "edge.key"}) {
    struct stat status {};
    ASSERT_EQ(::stat((pki_directory / name).c_str(), &status), 0) << name;
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << name;
  }
}

TEST_F(DevPki, OverwritesOnlyWhenForced) {
  ASSERT_EQ(make(quoted()), 0) << output;
  const auto before = tests::read_whole_file(pki_directory / "ca.pem");
  EXPECT_EQ(make(quoted()), 2);
  EXPECT_THAT(output, ::testing::HasSubstr("--force overwrites it"));
  EXPECT_EQ(tests::read_whole_file(pki_directory / "ca.pem"), before);
  EXPECT_EQ(make("--force " + quoted()), 0) << output;
  EXPECT_NE(tests::read_whole_file(pki_directory / "ca.pem"), before);
}

TEST_F(DevPki, RefusesWhatItCannotUse) {
  EXPECT_EQ(make(""), 2);
  EXPECT_THAT(output, ::testing::HasSubstr("usage:"));
  EXPECT_EQ(make("--days x " + quoted()), 2);
  EXPECT_EQ(make("--unknown " + quoted()), 2);
  EXPECT_EQ(make(quoted() + " 'a,DNS:evil'"), 2);
  EXPECT_EQ(make(quoted() + " ''"), 2);
  EXPECT_EQ(make(quoted() + " 1.2.3.4.5"), 2);
  EXPECT_FALSE(std::filesystem::exists(pki_directory / "ca.pem")) << "a half-made one";
}

}  // namespace
}  // namespace cecollm::transport
