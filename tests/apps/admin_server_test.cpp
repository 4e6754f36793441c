#include "apps/admin_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/raw_socket.hpp"

namespace cecollm::apps {
namespace {

using nlohmann::json;
using policy::Mode;
using testing::HasSubstr;
using testing::StartsWith;

class AdminServer : public ::testing::Test {
 protected:
  AdminServer() {
    actions_.status = [] {
      return nlohmann::ordered_json{{"state", "ready"}};
    };
    actions_.reload = [this] {
      return reloaded_;
    };
    actions_.drain = [this] {
      ++drained_;
    };
    actions_.set_mode = [this](std::optional<Mode> mode) -> Outcome<void> {
      if (mode == Mode::cloud_only) return misused("this edge has no cloud");
      mode_ = mode;
      return {};
    };
  }

  std::string ask(const std::string& request) {
    if (!server_) {
      auto started = start_admin_server({"127.0.0.1", 0}, actions_);
      EXPECT_TRUE(started) << started.error().message;
      server_.emplace(std::move(*started));
    }
    tests::RawSocket socket;
    socket.connect(server_->bound().port);
    socket.send(request);
    std::string all;
    EXPECT_TRUE(socket.read_to_end(&all));
    return all;
  }
  std::string post(const std::string& path, const std::string& body = "",
                   const std::string& headers = "") {
    return ask("POST " + path + " HTTP/1.0\r\n" + headers +
               "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  static json body_of(const std::string& reply) {
    return json::parse(reply.substr(reply.find("\r\n\r\n") + 4));
  }

  AdminActions actions_;
  std::vector<Reloaded> reloaded_;
  int drained_ = 0;
  std::optional<Mode> mode_ = Mode::cloud_only;  // as no request may leave it
  std::optional<http::Server> server_;
};

TEST_F(AdminServer, ShowsTheNodesState) {
  const auto reply = ask("GET /status HTTP/1.1\r\nHost: localhost:7081\r\n\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(body_of(reply), json({{"state", "ready"}}));
}

TEST_F(AdminServer, SetsAModeAndLeavesItToTheEdgeAgain) {
  const auto reply = post("/mode", R"({"mode": "standalone"})");
  EXPECT_EQ(body_of(reply), json({{"state", "ready"}}));
  EXPECT_EQ(mode_, Mode::standalone);
  post("/mode", R"({"mode": "collaborative"})");
  EXPECT_EQ(mode_, Mode::collaborative);
  post("/mode", R"({"mode": "auto"})");
  EXPECT_EQ(mode_, std::nullopt);
}

TEST_F(AdminServer, SaysWhyAModeIsRefused) {
  const auto refused = post("/mode", R"({"mode": "cloud-only"})");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 409 "));
  EXPECT_EQ(body_of(refused).at("error"), "this edge has no cloud");
  for (const char* body : {"", "{", "[]", "{}", R"({"mode": 7})", R"({"mode": "full"})"}) {
    const auto reply = post("/mode", body);
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 400 ")) << body;
    EXPECT_THAT(body_of(reply).at("error").get<std::string>(), HasSubstr("\"standalone\""));
  }
  EXPECT_EQ(mode_, Mode::cloud_only) << "nothing was set";
}

TEST_F(AdminServer, SaysWhatWasReadAnewAndWhatWasNot) {
  reloaded_ = {{"settings", ""}};
  const auto good = post("/reload");
  EXPECT_THAT(good, StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(body_of(good).at("files")[0],
            json({{"what", "settings"}, {"reloaded", true}, {"problem", nullptr}}));
  reloaded_.push_back({"API keys", "api-keys:3: this is no key"});
  const auto bad = post("/reload");
  EXPECT_THAT(bad, StartsWith("HTTP/1.1 422 "));
  EXPECT_EQ(body_of(bad).at("files")[0].at("reloaded"), true);
  EXPECT_EQ(body_of(bad).at("files")[1].at("problem"), "api-keys:3: this is no key");
}

TEST_F(AdminServer, BeginsADrain) {
  const auto reply = post("/drain");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 202 "));
  EXPECT_EQ(body_of(reply).at("state"), "draining");
  EXPECT_EQ(drained_, 1);
}

TEST_F(AdminServer, HasNoRouteForWhatANodeCannotDo) {
  actions_.drain = nullptr;
  actions_.set_mode = nullptr;
  EXPECT_THAT(post("/drain"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(post("/mode", R"({"mode": "auto"})"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(post("/status"), StartsWith("HTTP/1.1 405 "));
  EXPECT_TRUE(body_of(post("/drain")).contains("error"));
}

TEST_F(AdminServer, TakesNoOrdersFromWebPages) {
  EXPECT_THAT(post("/drain", "", "Origin: http://page.example\r\n"), StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(post("/drain", "", "Origin: null\r\n"), StartsWith("HTTP/1.1 403 "));
  for (const char* host : {"page.example", "page.example:7081", "10.0.0.7", "127.0.0.1.example",
                           "localhost.example:1", "[::2]", "a b", "::1"}) {
    EXPECT_THAT(post("/drain", "", std::string("Host: ") + host + "\r\n"),
                StartsWith("HTTP/1.1 403 "))
        << host;
  }
  EXPECT_EQ(drained_, 0);
  for (const char* host :
       {"localhost", "localhost:7081", "127.0.0.1", "127.0.0.1:7081", "[::1]", "[::1]:7081"}) {
    EXPECT_THAT(post("/drain", "", std::string("Host: ") + host + "\r\n"),
                StartsWith("HTTP/1.1 202 "))
        << host;
  }
}

TEST_F(AdminServer, BoundsWhatItReads) {
  EXPECT_THAT(post("/mode", std::string(5000, ' ')), StartsWith("HTTP/1.1 413 "));
}

TEST_F(AdminServer, NamesAnAddressThatIsTaken) {
  ask("GET /status HTTP/1.0\r\n\r\n");
  const auto second = start_admin_server(server_->bound(), actions_);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("cannot serve the admin address on 127.0.0.1:"));
}

}  // namespace
}  // namespace cecollm::apps
