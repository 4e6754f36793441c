#include "apps/monitoring_server.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/counter.h>

#include "apps/metrics_page.hpp"
#include "tests/support/raw_socket.hpp"

namespace cecollm::apps {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class MonitoringServer : public ::testing::Test {
 protected:
  MonitoringServer() {
    prometheus::BuildCounter()
        .Name("cecollm_things_total")
        .Help("Things.")
        .Register(*registry_)
        .Add({})
        .Increment(7);
  }

  void start() {
    MonitoringSettings settings;
    settings.metrics_listen = transport::Endpoint{"127.0.0.1", 0};
    auto started = start_monitoring_server(settings, registry_, health_);
    ASSERT_TRUE(started) << started.error().message;
    ASSERT_TRUE(*started);
    server_ = std::move(*started);
  }
  std::string get(const std::string& path) const {
    tests::RawSocket socket;
    socket.connect(server_->bound().port);
    socket.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    std::string all;
    EXPECT_TRUE(socket.read_to_end(&all));
    return all;
  }

  std::shared_ptr<prometheus::Registry> registry_ = std::make_shared<prometheus::Registry>();
  std::shared_ptr<NodeHealth> health_ = std::make_shared<NodeHealth>();
  std::optional<http::Server> server_;
};

// This program links libtorch, whose thread-local storage once left a server's threads no stack.
TEST_F(MonitoringServer, ServesMetricsInAProgramWithLibtorch) {
  start();
  const std::string reply = get("/metrics");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(reply, HasSubstr("Content-Type: text/plain; version=0.0.4\r\n"));
  EXPECT_THAT(reply, EndsWith("cecollm_things_total 7\n"));
  const auto page = fetch_metrics(server_->bound());
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_THAT(*page, HasSubstr("cecollm_things_total 7\n"));
}

TEST_F(MonitoringServer, SaysWhetherTheNodeIsReady) {
  start();
  EXPECT_THAT(get("/readyz"), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(get("/health"), EndsWith("{\"status\":\"loading\"}"));
  health_->enter(NodeState::ready);
  EXPECT_THAT(get("/readyz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(get("/health"), StartsWith("HTTP/1.1 200 "));
  health_->enter(NodeState::draining);
  EXPECT_THAT(get("/readyz"), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(get("/readyz"), EndsWith("{\"status\":\"draining\"}"));
}

TEST_F(MonitoringServer, IsAliveWhateverTheNodeDoes) {
  start();
  for (const auto state : {NodeState::loading, NodeState::ready, NodeState::draining}) {
    health_->enter(state);
    EXPECT_THAT(get("/livez"), StartsWith("HTTP/1.1 200 "));
  }
}

TEST_F(MonitoringServer, NamesTheVersion) {
  start();
  EXPECT_THAT(get("/version"), HasSubstr("{\"version\":\""));
}

TEST_F(MonitoringServer, ServesNothingElse) {
  start();
  EXPECT_THAT(get("/etc/passwd"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(MonitoringServer, IsNotThereWhereNoAddressIsSet) {
  const auto none = start_monitoring_server({}, registry_, health_);
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

TEST_F(MonitoringServer, NamesAnAddressThatIsTaken) {
  start();
  MonitoringSettings settings;
  settings.metrics_listen = server_->bound();
  const auto second = start_monitoring_server(settings, registry_, health_);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("cannot serve metrics on 127.0.0.1:"));
  EXPECT_THAT(second.error().message, HasSubstr("in use"));
}

}  // namespace
}  // namespace cecollm::apps
