#include "apps/key_guard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/key_file.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::apps {
namespace {

using testing::HasSubstr;
using testing::Not;

class KeyGuarding : public ::testing::Test {
 protected:
  KeyGuarding() : alice_(add("alice")), guard_(*KeyGuard::load(file())) {}
  std::filesystem::path file() const { return directory_.path() / "api-keys"; }
  std::string add(const std::string& name) const {
    return *add_api_key(file(), name, std::chrono::system_clock::now());
  }
  /// Whose request with that header it is; empty where it was refused.
  std::string sender(const std::string& authorization) const {
    http::Request request;
    request.authorization = authorization;
    const auto refused = guard_->admit(request);
    EXPECT_EQ(refused.has_value(), request.identity.empty());
    return request.identity;
  }

  tests::TemporaryDirectory directory_;
  const std::string alice_;
  const std::shared_ptr<KeyGuard> guard_;
};

TEST_F(KeyGuarding, KnowsASenderByTheKey) {
  EXPECT_EQ(sender("Bearer " + alice_), "alice");
  EXPECT_EQ(sender("bearer  " + alice_ + " "), "alice");
  for (const std::string& wrong :
       {std::string(), std::string("Bearer"), std::string("Bearer "), "Basic " + alice_, alice_,
        "Bearer" + alice_, "Bearer " + alice_ + "x", std::string("Bearer alice")}) {
    EXPECT_EQ(sender(wrong), "") << wrong;
  }
}

TEST_F(KeyGuarding, RefusesInTheShapeOfOpenAI) {
  for (const std::string& header : {std::string(), std::string("Bearer guessed-secret")}) {
    http::Request request;
    request.authorization = header;
    const auto refused = guard_->admit(request);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 401);
    EXPECT_EQ(refused->content_type, "application/json");
    const auto error = nlohmann::json::parse(refused->body).at("error");
    EXPECT_EQ(error.at("type"), "invalid_request_error");
    EXPECT_EQ(error.at("code"), "invalid_api_key");
    EXPECT_TRUE(error.at("param").is_null());
    EXPECT_THAT(refused->headers, testing::Contains(testing::Pair("WWW-Authenticate", "Bearer")));
    EXPECT_THAT(refused->body, Not(HasSubstr("guessed-secret")));
  }
}

TEST_F(KeyGuarding, TakesNewKeysAndForgetsOldOnes) {
  const auto bob = add("bob");
  EXPECT_EQ(sender("Bearer " + bob), "");
  ASSERT_TRUE(guard_->reload());
  EXPECT_EQ(sender("Bearer " + bob), "bob");
  ASSERT_TRUE(remove_api_key(file(), "alice"));
  ASSERT_TRUE(guard_->reload());
  EXPECT_EQ(sender("Bearer " + alice_), "");
  EXPECT_EQ(guard_->count(), 1U);
}

TEST_F(KeyGuarding, KeepsTheOldKeysWhereTheFileIsWrong) {
  directory_.write("api-keys", "alice " + alice_ + "\n");
  const auto done = guard_->reload();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("api-keys:1: this is no key"));
  EXPECT_EQ(sender("Bearer " + alice_), "alice");
  std::filesystem::remove(file());
  EXPECT_FALSE(guard_->reload());
  EXPECT_EQ(sender("Bearer " + alice_), "alice");
}

TEST_F(KeyGuarding, LetsNobodyInWithoutKeys) {
  directory_.write("api-keys", "# nobody\n");
  ASSERT_TRUE(guard_->reload());
  EXPECT_EQ(sender("Bearer " + alice_), "");
}

TEST(KeyGuard, DoesNotStartWithAFileThatItCannotUse) {
  const auto guard = KeyGuard::load("/nowhere/keys");
  ASSERT_FALSE(guard);
  EXPECT_EQ(guard.error().code, ExitCode::misused);
}

}  // namespace
}  // namespace cecollm::apps
