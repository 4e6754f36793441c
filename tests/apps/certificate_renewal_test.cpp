// Access to a cloud that runs: its certificates are renewed and its allow-list changes, without a
// restart.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/cloud_process.hpp"

namespace cecollm::apps {
namespace {

using ::testing::HasSubstr;

constexpr std::chrono::seconds access_patience{60};

std::unique_ptr<EdgeNode> edge_of(const tests::CloudProcess& cloud) {
  return *EdgeNode::start(*load_edge_settings(cloud.edge_sources()), {});
}

template <class Condition>
bool eventually(EdgeNode& edge, Condition condition) {
  const auto give_up = std::chrono::steady_clock::now() + access_patience;
  while (!condition(edge.link_report())) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}
bool connected(const actors::LinkReport& link) {
  return link.connected;
}

TEST(CertificateRenewal, LetsEdgesOfANewAuthorityInWithoutARestart) {
  tests::CloudProcess cloud;
  const tests::TemporaryDirectory renewed;
  ASSERT_TRUE(make_development_pki(renewed.path()));
  auto sources = cloud.edge_sources();
  sources.flags["link.certificate"] = {(renewed.path() / "edge.pem").string()};
  sources.flags["link.key"] = {(renewed.path() / "edge.key").string()};
  sources.flags["link.authority"] = {(renewed.path() / "ca.pem").string()};
  const auto edge = *EdgeNode::start(*load_edge_settings(sources), {});
  EXPECT_FALSE(edge->await_link(access_patience).connected);
  for (const char* file : {"cloud.pem", "cloud.key", "ca.pem"}) {
    std::filesystem::copy_file(renewed.path() / file, cloud.pki(file),
                               std::filesystem::copy_options::overwrite_existing);
  }
  EXPECT_TRUE(eventually(*edge, connected)) << edge->link_report().problem;
}

TEST(AllowList, LetsInWhomItNamesAndSendsTheOthersAway) {
  const tests::TemporaryDirectory directory;
  const auto config = directory.write("cloud.toml", "[link]\nallow = [\"someone\"]\n");
  tests::CloudProcess cloud({"--config", config.string()});
  const auto edge = edge_of(cloud);
  const auto refused = edge->await_link(access_patience);
  EXPECT_FALSE(refused.connected);
  EXPECT_TRUE(refused.mismatch);
  EXPECT_THAT(refused.problem, HasSubstr("link.allow does not name 'edge'"));

  directory.write("cloud.toml", "[link]\nallow = [\"someone\", \"edge\"]\n");
  cloud.process().send_signal(SIGHUP);
  ASSERT_TRUE(eventually(*edge, connected)) << edge->link_report().problem;

  directory.write("cloud.toml", "[link]\nallow = []\n");
  EXPECT_TRUE(eventually(
      *edge, [](const actors::LinkReport& link) { return !link.connected && link.mismatch; }));
}

}  // namespace
}  // namespace cecollm::apps
