#pragma once
// Lets only requests with a key of a file into the HTTP API, and knows them by the key's name.

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>

#include "apps/api_keys.hpp"
#include "apps/reload_watch.hpp"
#include "apps/settings.hpp"
#include "http/message.hpp"
#include "monitoring/log.hpp"

namespace cecollm::apps {

/// Thread-safe.
class KeyGuard {
 public:
  /// Fails where the file cannot be used.
  static Outcome<std::shared_ptr<KeyGuard>> load(std::filesystem::path file);

  const std::filesystem::path& file() const { return file_; }
  std::size_t count() const { return keys()->all().size(); }

  /// Reads the file anew; where it cannot be used, the old keys go on.
  Outcome<void> reload();

  /// Notes who sends `request` by its header "Authorization: Bearer KEY", or gives the response
  /// that refuses it, in OpenAI's shape.
  std::optional<http::Response> admit(http::Request& request) const;

 private:
  KeyGuard(std::filesystem::path file, ApiKeys keys)
      : file_(std::move(file)), keys_(std::make_shared<const ApiKeys>(std::move(keys))) {}
  std::shared_ptr<const ApiKeys> keys() const;

  const std::filesystem::path file_;
  mutable std::mutex mutex_;
  std::shared_ptr<const ApiKeys> keys_;
};

/// Null where the API asks nobody for a key.
Outcome<std::shared_ptr<KeyGuard>> guard_of(const ApiSettings& api);

/// Reloads the guard's file and logs what came of it.
ReloadWatch::Reload renewal_of(std::shared_ptr<KeyGuard> guard, monitoring::Logger logger);

}  // namespace cecollm::apps
