#pragma once
// The keys of an edge's HTTP API as values: who may use it, and under which name. A key is 32
// random bytes in hexadecimal and is shown once, when it is made; what is kept is a salted hash of
// it. Nobody guesses 32 random bytes, so a fast hash keeps them as well as a slow one, which every
// request would wait for.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/failure.hpp"

namespace cecollm::apps {

/// A key as it is kept.
struct ApiKey {
  std::string name;     // of its requests' sender: letters, digits, '.', '_' and '-'
  std::string created;  // "2026-01-31T12:00:00Z"
  std::array<std::uint8_t, 16> salt{};
  std::array<std::uint8_t, 32> hash{};  // HMAC-SHA-256 of the key under the salt
};

/// A new key and its only copy in clear.
struct FreshApiKey {
  std::string secret;
  ApiKey kept;
};

/// Why `name` cannot name a key, in a sentence; nothing where it can.
std::optional<std::string> problem_with_key_name(std::string_view name);

/// Fails where the system has no random numbers.
Outcome<FreshApiKey> make_api_key(std::string name, std::string created);

/// The key's line in a file, without its end: "NAME TIME hmac-sha256:SALT:HASH".
std::string line_of(const ApiKey& key);

/// The keys of one file. Immutable, so any thread may ask.
class ApiKeys {
 public:
  static constexpr std::size_t max_keys = 4096;

  ApiKeys() = default;
  /// Reads the text of `file`: a key a line; empty lines and those that begin with '#' say nothing.
  /// Failures name file and line and never show what stands there: it may be a key in clear.
  static Outcome<ApiKeys> parse(std::string_view text, const std::string& file);

  /// The name of the key that `secret` is; nothing where it is none. Takes as long for one key as
  /// for another, and for a wrong one.
  std::optional<std::string> name_of(std::string_view secret) const;

  const std::vector<ApiKey>& all() const { return keys_; }

 private:
  std::vector<ApiKey> keys_;
};

}  // namespace cecollm::apps
