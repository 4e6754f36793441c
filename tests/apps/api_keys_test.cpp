#include "apps/api_keys.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cecollm::apps {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr auto key_time = "2026-01-31T12:00:00Z";

FreshApiKey fresh_key(const std::string& name) {
  return *make_api_key(name, key_time);
}
ApiKeys keys_in(const std::string& text) {
  auto keys = ApiKeys::parse(text, "keys");
  EXPECT_TRUE(keys) << keys.error().message;
  return keys.value_or(ApiKeys());
}
std::string problem_of_keys(const std::string& text) {
  const auto keys = ApiKeys::parse(text, "keys");
  return keys ? "" : keys.error().message;
}

TEST(ApiKeys, KnowEveryKeyByItsName) {
  const auto alice = fresh_key("alice");
  const auto bob = fresh_key("bob");
  const auto keys = keys_in(line_of(alice.kept) + "\n" + line_of(bob.kept) + "\n");
  EXPECT_EQ(keys.name_of(alice.secret), "alice");
  EXPECT_EQ(keys.name_of(bob.secret), "bob");
}

TEST(ApiKeys, KnowNothingElse) {
  const auto alice = fresh_key("alice");
  const auto keys = keys_in(line_of(alice.kept));
  EXPECT_EQ(keys.name_of(""), std::nullopt);
  EXPECT_EQ(keys.name_of("alice"), std::nullopt);
  EXPECT_EQ(keys.name_of(alice.secret + "0"), std::nullopt);
  EXPECT_EQ(keys.name_of(alice.secret.substr(1)), std::nullopt);
  EXPECT_EQ(keys.name_of(std::string(100'000, 'x')), std::nullopt);
  EXPECT_EQ(keys.name_of(fresh_key("alice").secret), std::nullopt) << "another key of that name";
  EXPECT_EQ(ApiKeys().name_of(alice.secret), std::nullopt);
}

TEST(ApiKeys, AreNeverTheSameTwice) {
  std::set<std::string> secrets;
  std::set<std::string> lines;
  for (int i = 0; i < 100; ++i) {
    const auto key = fresh_key("alice");
    EXPECT_EQ(key.secret.size(), 8U + 64U);
    secrets.insert(key.secret);
    lines.insert(line_of(key.kept));
  }
  EXPECT_EQ(secrets.size(), 100U);
  EXPECT_EQ(lines.size(), 100U);
}

TEST(ApiKeys, AreKeptAsAHashWithASaltOfItsOwn) {
  auto key = fresh_key("alice");
  const auto line = line_of(key.kept);
  EXPECT_THAT(line, testing::MatchesRegex(
                        "alice 2026-01-31T12:00:00Z hmac-sha256:[0-9a-f]{32}:[0-9a-f]{64}"));
  EXPECT_THAT(line, Not(HasSubstr(key.secret.substr(8, 16))));
  key.kept.salt[0] ^= 1U;
  EXPECT_EQ(keys_in(line_of(key.kept)).name_of(key.secret), std::nullopt);
}

TEST(ApiKeys, MatchAHashThatWasComputedElsewhere) {
  // printf 'cecollm-test' | openssl dgst -sha256 -mac HMAC -macopt
  // hexkey:000102030405060708090a0b0c0d0e0f
  const auto keys = keys_in(
      "bob then hmac-sha256:000102030405060708090a0b0c0d0e0f:"
      "86144cb31ccd0aa3022d8cace0eecd48d6b5e25386de756d0cc534de15db3d87\n");
  EXPECT_EQ(keys.name_of("cecollm-test"), "bob");
}

TEST(ApiKeys, AreReadPastCommentsAndEmptyLines) {
  const auto key = fresh_key("alice");
  const auto keys = keys_in("# mine\n\n  \t\n" + line_of(key.kept) + "\r\n  # the end");
  EXPECT_EQ(keys.all().size(), 1U);
  EXPECT_EQ(keys.name_of(key.secret), "alice");
  EXPECT_TRUE(keys_in("").all().empty());
}

TEST(ApiKeys, AreRefusedWithTheirLineAndWithoutShowingIt) {
  const auto key = fresh_key("alice");
  const auto good = line_of(key.kept);
  for (const auto& bad :
       {key.secret, "alice " + key.secret, good + " more", good.substr(0, good.size() - 1),
        good + "0", "al/ice" + good.substr(5), good.substr(0, good.rfind(':')),
        "alice now md5:" + good.substr(good.find(':')), good.substr(0, good.size() - 1) + "g"}) {
    const auto problem = problem_of_keys("# keys\n" + bad + "\n");
    EXPECT_EQ(problem, "keys:2: this is no key; make keys with 'cecollm keys add'") << bad;
  }
}

TEST(ApiKeys, HaveOneNameEach) {
  const auto text = line_of(fresh_key("alice").kept) + "\n\n" + line_of(fresh_key("alice").kept);
  EXPECT_EQ(problem_of_keys(text), "keys:3: alice has a key already, in line 1");
}

TEST(ApiKeys, AreNotMoreThanARequestCanBeComparedWith) {
  const auto key = fresh_key("k").kept;
  std::string text;
  for (std::size_t i = 0; i < ApiKeys::max_keys; ++i) {
    auto next = key;
    next.name += std::to_string(i);
    text += line_of(next) + "\n";
  }
  EXPECT_EQ(problem_of_keys(text), "");
  EXPECT_EQ(problem_of_keys(text + line_of(key)), "keys:4097: more than 4096 keys");
}

TEST(ApiKeys, AreNamedInPlainLetters) {
  for (const char* good : {"alice", "a", "team-7.eu_west", "0"}) {
    EXPECT_EQ(problem_with_key_name(good), std::nullopt) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("a b"), std::string("é"), std::string("a\n"), std::string("#a"),
        std::string(65, 'a'), std::string("a\0b", 3)}) {
    EXPECT_TRUE(problem_with_key_name(bad)) << bad;
  }
}

}  // namespace
}  // namespace cecollm::apps
