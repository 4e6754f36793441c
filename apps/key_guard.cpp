#include "apps/key_guard.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "api/answer.hpp"
#include "apps/key_file.hpp"

namespace cecollm::apps {
namespace {

constexpr std::string_view scheme = "bearer";

/// The key of "Bearer KEY"; empty where there is none.
std::string_view secret_of(std::string_view authorization) {
  const auto space = authorization.find(' ');
  if (space != scheme.size()) return {};
  const bool bearer = std::ranges::equal(authorization.substr(0, space), scheme, {},
                                         [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  const auto begin = authorization.find_first_not_of(' ', space);
  if (!bearer || begin == std::string_view::npos) return {};
  const auto end = authorization.find_last_not_of(" \t");
  return authorization.substr(begin, end - begin + 1);
}

http::Response key_refused(std::string sentence) {
  auto response = api::error_response({401, std::move(sentence), "", "invalid_api_key"});
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace

Outcome<std::shared_ptr<KeyGuard>> KeyGuard::load(std::filesystem::path file) {
  auto keys = load_api_keys(file);
  if (!keys) return tl::unexpected(keys.error());
  return std::shared_ptr<KeyGuard>(new KeyGuard(std::move(file), *std::move(keys)));
}

std::shared_ptr<const ApiKeys> KeyGuard::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

Outcome<void> KeyGuard::reload() {
  auto fresh = load_api_keys(file_);
  if (!fresh) return tl::unexpected(fresh.error());
  auto keys = std::make_shared<const ApiKeys>(*std::move(fresh));
  const std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
  return {};
}

std::optional<http::Response> KeyGuard::admit(http::Request& request) const {
  const auto secret = secret_of(request.authorization);
  if (secret.empty()) {
    return key_refused("this server asks for a key: send the header 'Authorization: Bearer KEY'");
  }
  auto name = keys()->name_of(secret);
  if (!name) return key_refused("the key of this request is none of this server's");
  request.identity = *std::move(name);
  return std::nullopt;
}

Outcome<std::shared_ptr<KeyGuard>> guard_of(const ApiSettings& api) {
  if (!api.listen || api.keys.empty()) return std::shared_ptr<KeyGuard>();
  return KeyGuard::load(api.keys);
}

ReloadWatch::Reload renewal_of(std::shared_ptr<KeyGuard> guard, monitoring::Logger logger) {
  return [guard = std::move(guard),
          logger = std::move(logger)](std::string_view cause) -> Outcome<void> {
    if (const auto done = guard->reload(); !done) {
      logger.warning("API keys refused, the old ones stay",
                     {{"cause", cause}, {"problem", done.error().message}});
      return tl::unexpected(done.error());
    }
    logger.info("API keys reloaded", {{"cause", cause}, {"keys", guard->count()}});
    return {};
  };
}

}  // namespace cecollm::apps
