// `--admin` and the edge's own status: the programs themselves, over loopback.

#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include <gmock/gmock.h>

#include "tests/support/cloud_process.hpp"
#include "tests/support/edge_api_process.hpp"

namespace cecollm::apps {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;
using tests::api_patience;
using tests::EdgeApiProcess;

/// A port that nobody listened on a moment ago.
std::uint16_t free_port() {
  return tests::RawListener().port();
}

/// The admin surface of a process.
class Admin {
 public:
  explicit Admin(std::uint16_t port) : port_(port) {}
  static std::string flag_of(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

  std::string ask(const std::string& head, const std::string& body = "") const {
    tests::RawSocket socket;
    socket.connect(port_);
    socket.send(head + " HTTP/1.0\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                body);
    std::string all;
    EXPECT_TRUE(socket.read_to_end(&all));
    return all;
  }
  json body_of(const std::string& head, const std::string& body = "") const {
    return json::parse(EdgeApiProcess::body_of(ask(head, body)));
  }
  json status() const { return body_of("GET /status"); }
  json set_mode(const std::string& mode) const {
    return body_of("POST /mode", json({{"mode", mode}}).dump());
  }

 private:
  std::uint16_t port_;
};

template <class Condition>
bool soon(Condition condition) {
  const auto give_up = std::chrono::steady_clock::now() + api_patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(EdgeStatus, TellsModelModeAndWhereTokensCameFrom) {
  const EdgeApiProcess edge({"--mode", "standalone", "--threshold", "0.7", "--max-tokens", "8"});
  const auto before = json::parse(EdgeApiProcess::body_of(edge.get("/v1/cecollm/status")));
  EXPECT_EQ(before.at("model"), "default");
  EXPECT_EQ(before.at("state"), "ready");
  EXPECT_EQ(before.at("mode"), "standalone");
  EXPECT_EQ(before.at("link").at("configured"), false);
  EXPECT_TRUE(before.at("link").at("rtt_ms").is_null());
  EXPECT_EQ(before.at("exit_layers").size(), before.at("thresholds").size());
  EXPECT_NEAR(before.at("thresholds")[0].get<double>(), 0.7, 1e-6);
  EXPECT_EQ(before.at("keys"), false);
  EXPECT_TRUE(before.at("edge_token_share").is_null());
  edge.completed(R"({"prompt":"Once","ignore_eos":true})");
  const auto after = json::parse(EdgeApiProcess::body_of(edge.get("/v1/cecollm/status")));
  int tokens = 0;
  for (const auto& [source, count] : after.at("tokens").items()) tokens += count.get<int>();
  EXPECT_EQ(tokens, 8);
  EXPECT_EQ(after.at("edge_token_share"), 1.0);
}

class EdgeAdmin : public ::testing::Test {
 protected:
  const std::uint16_t port_ = free_port();
  const Admin admin_{port_};
  std::vector<std::string> flags(std::vector<std::string> more) const {
    more.insert(more.end(), {"--admin", Admin::flag_of(port_)});
    return more;
  }
};

TEST_F(EdgeAdmin, HoldsModesOfAnEdgeWithACloud) {
  const tests::CloudProcess cloud;
  auto given = cloud.edge_flags();
  // A busy machine is no bad link.
  given.insert(given.end(), {"--leave-above", "1h", "--enter-below", "1h", "--expired-asks", "1000",
                             "--ping-timeouts", "1000"});
  const EdgeApiProcess edge(flags(given));
  ASSERT_TRUE(soon([&] { return !admin_.status().at("link").at("rtt_ms").is_null(); }));
  ASSERT_TRUE(soon([&] { return admin_.status().at("supervisor") == "collaborative"; }));
  EXPECT_EQ(admin_.status().at("link").at("connected"), true);
  EXPECT_EQ(admin_.status().at("held"), false);

  const auto alone = admin_.set_mode("standalone");
  EXPECT_EQ(alone.at("mode"), "standalone");
  EXPECT_EQ(alone.at("reason"), "forced");
  EXPECT_EQ(alone.at("held"), true);
  const std::string request = R"({"prompt":"Once","max_tokens":8,"cecollm":{"threshold":2}})";
  const auto own = edge.completed(request).at("choices")[0].at("cecollm");
  EXPECT_EQ(own.at("mode"), "standalone");
  EXPECT_EQ(own.at("bytes_up"), 0);

  EXPECT_EQ(admin_.set_mode("collaborative").at("mode"), "collaborative");
  EXPECT_THAT(edge.completed(request).dump(), HasSubstr("\"source\":\"cloud\""));
  EXPECT_THAT(admin_.set_mode("cloud-only").at("error").get<std::string>(),
              HasSubstr("this edge works in mode collaborative or standalone"));
  EXPECT_EQ(admin_.set_mode("auto").at("held"), false);
}

TEST_F(EdgeAdmin, KnowsThatAnEdgeAloneHasOneMode) {
  const EdgeApiProcess edge(flags({"--mode", "standalone"}));
  EXPECT_EQ(admin_.set_mode("standalone").at("mode"), "standalone");
  EXPECT_EQ(admin_.set_mode("auto").at("mode"), "standalone");
  EXPECT_THAT(admin_.set_mode("collaborative").at("error").get<std::string>(),
              HasSubstr("this edge has no cloud"));
}

TEST_F(EdgeAdmin, ReadsItsFilesAnewWhenItIsTold) {
  const tests::TemporaryDirectory directory;
  const auto config = directory.write("edge.toml", "[generation]\nthresholds = [0.5]\n");
  const EdgeApiProcess edge(flags({"--mode", "standalone", "--config", config.string()}));
  EXPECT_EQ(admin_.status().at("thresholds")[0], 0.5);
  directory.write("edge.toml", "[generation]\nthresholds = [0.25]\n");
  const auto done = admin_.body_of("POST /reload");
  EXPECT_EQ(done.at("files")[0],
            json({{"what", "settings"}, {"reloaded", true}, {"problem", nullptr}}));
  EXPECT_EQ(admin_.status().at("thresholds")[0], 0.25);
  directory.write("edge.toml", "[generation]\nthreshold = [0.9]\n");
  const auto refused = admin_.body_of("POST /reload");
  EXPECT_THAT(refused.at("files")[0].at("problem").get<std::string>(),
              HasSubstr("edge.toml:2: generation.threshold is no setting"));
  EXPECT_EQ(admin_.status().at("thresholds")[0], 0.25);
}

TEST_F(EdgeAdmin, DrainsAsAfterSigterm) {
  EdgeApiProcess edge(flags({"--mode", "standalone"}));
  const auto stream = edge.send_post(
      "/v1/completions", R"({"prompt":"Once","max_tokens":60,"ignore_eos":true,"stream":true})");
  std::array<char, 16> begun{};
  ASSERT_GT(::recv(stream->get(), begun.data(), begun.size(), MSG_WAITALL), 0);
  EXPECT_THAT(admin_.ask("POST /drain"), StartsWith("HTTP/1.1 202 "));
  EXPECT_THAT(EdgeApiProcess::read(*stream), testing::EndsWith("data: [DONE]\n\n"));
  EXPECT_EQ(edge.process().wait(api_patience), 0);
}

TEST(CloudAdmin, ShowsItsStateReloadsAndDrains) {
  const auto port = free_port();
  const Admin admin(port);
  tests::CloudProcess cloud({"--admin", Admin::flag_of(port)});
  const auto status = admin.status();
  EXPECT_EQ(status.at("state"), "ready");
  EXPECT_EQ(status.at("listen"), cloud.address());
  EXPECT_EQ(status.at("contexts"), 0);
  EXPECT_GT(status.at("kv_budget_bytes"), 0);
  {
    const EdgeApiProcess edge(cloud.edge_flags());
    EXPECT_TRUE(soon([&] { return admin.status().at("connections") == 1; }));
  }
  const auto files = admin.body_of("POST /reload").at("files");
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[1].at("what"), "certificates");
  EXPECT_EQ(files[1].at("reloaded"), true);
  EXPECT_THAT(admin.ask("POST /mode", R"({"mode":"auto"})"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(admin.ask("POST /drain"), StartsWith("HTTP/1.1 202 "));
  EXPECT_EQ(cloud.process().wait(api_patience), 0);
}

}  // namespace
}  // namespace cecollm::apps
