#pragma once
// The settings of an edge that runs for long: read anew on SIGHUP and when their file changes.

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "apps/reload_watch.hpp"
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

  /// Before start(): what else is read anew, on SIGHUP and when `files` change.
  void also(std::string what, std::vector<std::filesystem::path> files, ReloadWatch::Reload reload);
  /// Watches from now on; `apply` runs on the watch's own thread and outlives it.
  void start(Apply apply);
  /// Returns when no reload runs any more.
  void stop() { watch_.stop(); }
  /// As ReloadWatch's.
  std::vector<Reloaded> reload_all(std::string_view cause) { return watch_.reload_all(cause); }

  /// Thread-safe.
  EdgeSettings current() const;

 private:
  Outcome<void> reload(std::string_view why);

  const SettingSources sources_;
  const monitoring::Logger logger_;
  mutable std::mutex mutex_;
  EdgeSettings settings_;
  Apply apply_;
  ReloadWatch watch_;  // its thread uses all of the above
};

}  // namespace cecollm::apps
