// `cecollm edge --http --api-keys`: the program itself asks for keys.

#include <csignal>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>

#include "apps/key_file.hpp"
#include "tests/apps/command_line_runner.hpp"
#include "tests/support/edge_api_process.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::apps {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using tests::api_patience;
using tests::EdgeApiProcess;

class EdgeApiWithKeys : public ::testing::Test {
 protected:
  std::filesystem::path file() const { return directory_.path() / "api-keys"; }
  std::string add(const std::string& name) const {
    return *add_api_key(file(), name, std::chrono::system_clock::now());
  }
  static std::string header(const std::string& secret) {
    return "Authorization: Bearer " + secret + "\r\n";
  }
  int status_of_models(const std::string& headers) const {
    return std::stoi(edge_.get("/v1/models", headers).substr(9));
  }
  /// True once a request with `secret` is answered with `status`.
  bool becomes(const std::string& secret, int status) const {
    const auto give_up = std::chrono::steady_clock::now() + api_patience;
    while (status_of_models(header(secret)) != status) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      std::this_thread::yield();
    }
    return true;
  }

  tests::TemporaryDirectory directory_;
  const std::string alice_ = add("alice");
  EdgeApiProcess edge_{
      {"--mode", "standalone", "--max-tokens", "4", "--api-keys", file().string()}};
};

TEST_F(EdgeApiWithKeys, AsksForOneOnEveryRouteButHealth) {
  for (const char* path : {"/", "/health", "/livez", "/readyz", "/version"}) {
    EXPECT_THAT(edge_.get(path), HasSubstr(" 200 OK\r\n")) << path;
  }
  for (const auto& reply :
       {edge_.get("/v1/models"), edge_.get("/v1/models", header("wrong")),
        edge_.get("/v1/cecollm/status"), edge_.post("/v1/completions", R"({"prompt":"Once"})"),
        edge_.post("/tokenize", R"({"prompt":"Once"})"),
        edge_.post("/detokenize", R"({"tokens":[5]})")}) {
    EXPECT_THAT(reply, HasSubstr(" 401 Unauthorized\r\n"));
    EXPECT_THAT(reply, HasSubstr("\"code\":\"invalid_api_key\""));
  }
  EXPECT_EQ(status_of_models(header(alice_)), 200);
  const std::string body = R"({"prompt":"Once"})";
  const auto socket =
      edge_.send("POST /v1/completions HTTP/1.0\r\n" + header(alice_) +
                 "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_THAT(EdgeApiProcess::read(*socket), HasSubstr(" 200 OK\r\n"));
}

TEST_F(EdgeApiWithKeys, TakesChangesOfTheFileWithoutARestart) {
  const auto bob = add("bob");
  EXPECT_TRUE(becomes(bob, 200));
  ASSERT_TRUE(remove_api_key(file(), "alice"));
  EXPECT_TRUE(becomes(alice_, 401));
  EXPECT_EQ(status_of_models(header(bob)), 200);
}

TEST_F(EdgeApiWithKeys, KeepsItsKeysWhereTheFileIsWrong) {
  const auto good = tests::read_whole_file(file());
  directory_.write("api-keys", "nonsense\n");
  edge_.process().send_signal(SIGHUP);
  // The next change that can be read shows that the wrong one is past.
  EXPECT_EQ(status_of_models(header(alice_)), 200);
  directory_.write("api-keys", good);
  const auto bob = add("bob");
  EXPECT_TRUE(becomes(bob, 200));
  EXPECT_EQ(status_of_models(header(alice_)), 200);
}

TEST(EdgeApiKeys, AreToBeThereAtTheStart) {
  const auto result =
      tests::run_command({"edge", "--model", CECOLLM_DEFAULT_MODEL, "--mode", "standalone",
                          "--http", "127.0.0.1:0", "--api-keys", "/nowhere/api-keys"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("/nowhere/api-keys does not exist; 'cecollm keys add'"));
}

/// What a shell's command prints on both streams.
std::string printed_by(const std::string& command) {
  auto shell = ChildProcess::start({"/bin/sh", "-c", command});
  EXPECT_TRUE(shell);
  std::string output;
  while (const auto line = shell->read_line(api_patience)) output += *line + "\n";
  return output;
}

TEST(EdgeApiKeys, AreMissedWhereOtherHostsReachTheApi) {
  const tests::TemporaryDirectory directory;
  const auto file = directory.path() / "api-keys";
  ASSERT_TRUE(add_api_key(file, "alice", std::chrono::system_clock::now()));
  // No host of ours has that address, so the process ends by itself.
  const std::string start = std::string("timeout 60 ") + CECOLLM_BINARY + " edge --model " +
                            CECOLLM_DEFAULT_MODEL + " --mode standalone --http ";
  const std::string warning = "the API asks nobody for a key, and other hosts may reach it";
  EXPECT_THAT(printed_by(start + "192.0.2.1:1 2>&1"), HasSubstr(warning));
  EXPECT_THAT(printed_by(start + "192.0.2.1:1 --api-keys " + file.string() + " 2>&1"),
              Not(HasSubstr(warning)));
}

}  // namespace
}  // namespace cecollm::apps
