#include "apps/api_keys.hpp"

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

namespace cecollm::apps {
namespace {

constexpr std::string_view secret_prefix = "cecollm-";
constexpr std::string_view hash_label = "hmac-sha256:";
constexpr std::size_t secret_bytes = 32;
/// Longer ones are no keys; hashing them would only cost time.
constexpr std::size_t max_secret_length = 256;
constexpr std::size_t max_name_length = 64;
constexpr std::size_t max_time_length = 32;
constexpr std::string_view hex_digits = "0123456789abcdef";

template <std::size_t size>
std::string to_hexadecimal(const std::array<std::uint8_t, size>& bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += hex_digits[byte >> 4U];
    text += hex_digits[byte & 15U];
  }
  return text;
}

template <std::size_t size>
bool from_hexadecimal(std::string_view text, std::array<std::uint8_t, size>& bytes) {
  if (text.size() != 2 * size) return false;
  for (std::size_t i = 0; i < size; ++i) {
    const auto high = hex_digits.find(text[2 * i]);
    const auto low = hex_digits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    bytes[i] = static_cast<std::uint8_t>(high << 4U | low);
  }
  return true;
}

std::array<std::uint8_t, 32> hash_of(const std::array<std::uint8_t, 16>& salt,
                                     std::string_view secret) {
  std::array<std::uint8_t, 32> hash{};
  // Fails only where SHA-256 is not there; then the hash stays a constant that no salt gives.
  HMAC(EVP_sha256(), salt.data(), static_cast<int>(salt.size()),
       reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), hash.data(), nullptr);
  return hash;
}

/// "NAME TIME hmac-sha256:SALT:HASH"; nothing where the line is none such.
std::optional<ApiKey> read_key(const std::string& line) {
  std::istringstream words(line);
  ApiKey key;
  std::string hash;
  std::string more;
  if (!(words >> key.name >> key.created >> hash) || words >> more) return std::nullopt;
  if (problem_with_key_name(key.name) || key.created.size() > max_time_length) return std::nullopt;
  if (!hash.starts_with(hash_label)) return std::nullopt;
  const std::string_view parts = std::string_view(hash).substr(hash_label.size());
  const auto colon = parts.find(':');
  if (colon == std::string_view::npos || !from_hexadecimal(parts.substr(0, colon), key.salt) ||
      !from_hexadecimal(parts.substr(colon + 1), key.hash)) {
    return std::nullopt;
  }
  return key;
}

}  // namespace

std::optional<std::string> problem_with_key_name(std::string_view name) {
  const bool plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (plain && !name.empty() && name.size() <= max_name_length) return std::nullopt;
  return "the name of a key has 1 to " + std::to_string(max_name_length) +
         " letters, digits, dots, underscores and hyphens";
}

Outcome<FreshApiKey> make_api_key(std::string name, std::string created) {
  FreshApiKey fresh;
  fresh.kept.name = std::move(name);
  fresh.kept.created = std::move(created);
  std::array<std::uint8_t, secret_bytes> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1 ||
      RAND_bytes(fresh.kept.salt.data(), static_cast<int>(fresh.kept.salt.size())) != 1) {
    return failed("the system has no random numbers for a key");
  }
  fresh.secret = std::string(secret_prefix) + to_hexadecimal(random);
  fresh.kept.hash = hash_of(fresh.kept.salt, fresh.secret);
  return fresh;
}

std::string line_of(const ApiKey& key) {
  return key.name + " " + key.created + " " + std::string(hash_label) + to_hexadecimal(key.salt) +
         ":" + to_hexadecimal(key.hash);
}

Outcome<ApiKeys> ApiKeys::parse(std::string_view text, const std::string& file) {
  ApiKeys keys;
  std::map<std::string, int> lines;
  std::istringstream stream{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    const auto begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos || line[begin] == '#') continue;
    const std::string place = file + ":" + std::to_string(number) + ": ";
    auto key = read_key(line);
    if (!key) return misused(place + "this is no key; make keys with 'cecollm keys add'");
    const auto [known, added] = lines.emplace(key->name, number);
    if (!added) {
      return misused(place + key->name + " has a key already, in line " +
                     std::to_string(known->second));
    }
    if (keys.keys_.size() == max_keys) {
      return misused(place + "more than " + std::to_string(max_keys) + " keys");
    }
    keys.keys_.push_back(*std::move(key));
  }
  return keys;
}

std::optional<std::string> ApiKeys::name_of(std::string_view secret) const {
  if (secret.size() > max_secret_length) return std::nullopt;
  const ApiKey* found = nullptr;
  // All of them, wherever the right one stands.
  for (const auto& key : keys_) {
    const auto hash = hash_of(key.salt, secret);
    if (CRYPTO_memcmp(hash.data(), key.hash.data(), hash.size()) == 0) found = &key;
  }
  if (found == nullptr) return std::nullopt;
  return found->name;
}

}  // namespace cecollm::apps
