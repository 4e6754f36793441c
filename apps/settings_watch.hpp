#pragma once
// The settings of an edge that runs for long: read anew on SIGHUP and when their file changes.

#include <atomic>
#include <csignal>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "apps/settings.hpp"
#include "monitoring/log.hpp"

namespace cecollm::apps {

class SettingsWatch {
 public:
  /// Puts the new settings to use; a failure keeps the old ones.
  using Apply = std::function<Outcome<void>(const EdgeSettings&)>;

  /// Blocks SIGHUP for this thread and every thread that starts later, so construct it before any
  /// actor system. `settings` are what `sources` gave.
  SettingsWatch(SettingSources sources, EdgeSettings settings, monitoring::Logger logger);
  ~SettingsWatch();
  SettingsWatch(const SettingsWatch&) = delete;
  SettingsWatch& operator=(const SettingsWatch&) = delete;

  /// Watches from now on; `apply` runs on the watch's own thread and outlives it.
  void start(Apply apply);

  /// Thread-safe.
  EdgeSettings current() const;

 private:
  void run();
  void reload(std::string_view why);
  std::optional<std::filesystem::file_time_type> file_time() const;

  const SettingSources sources_;
  const monitoring::Logger logger_;
  mutable std::mutex mutex_;
  EdgeSettings settings_;
  std::optional<std::filesystem::file_time_type> seen_;
  Apply apply_;
  sigset_t signals_{};
  sigset_t before_{};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace cecollm::apps
