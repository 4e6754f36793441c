#pragma once
// Waits for SIGHUP and for files that change, on a thread of its own.

#include <atomic>
#include <csignal>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "apps/failure.hpp"

namespace cecollm::apps {

/// What came of reading something anew.
struct Reloaded {
  std::string what;
  std::string problem;  // empty: it is in use; else the old one stays
};

class ReloadWatch {
 public:
  /// Reads something anew; a failure keeps the old. One at a time, on the watch's thread or that of
  /// reload_all(); `cause` is "SIGHUP", "the files changed" or reload_all()'s.
  using Reload = std::function<Outcome<void>(std::string_view cause)>;

  /// SIGHUP is for this watch from here on, whichever thread gets it; one watch at a time. Blocks
  /// it for this thread and every thread that starts later, so construct it before any actor
  /// system.
  ReloadWatch();
  ~ReloadWatch();
  ReloadWatch(const ReloadWatch&) = delete;
  ReloadWatch& operator=(const ReloadWatch&) = delete;

  /// Before start(): `reload` is called at SIGHUP, and once `files` have changed and then stay as
  /// they are for a moment: who renews several writes them one after the other. Changes count from
  /// here on.
  void add(std::string what, std::vector<std::filesystem::path> files, Reload reload);
  void start();
  /// Reads everything anew at once, as SIGHUP would; between start() and stop(), from any thread.
  std::vector<Reloaded> reload_all(std::string_view cause);
  /// Returns when no reload runs any more.
  void stop();

 private:
  /// What tells one version of a file from another; a file that a link names counts.
  struct Version {
    std::int64_t modified_ns = 0;
    std::uint64_t inode = 0;
    std::int64_t bytes = 0;
    friend bool operator==(const Version&, const Version&) = default;
  };
  struct Watched {
    std::string what;
    std::vector<std::filesystem::path> files;
    Reload reload;
    std::vector<std::optional<Version>> loaded;  // what was there at the last reload
    std::vector<std::optional<Version>> seen;    // at the last look
  };
  static std::vector<std::optional<Version>> look_at(const std::vector<std::filesystem::path>&);
  void run();

  std::mutex mutex_;  // of the next, after start()
  std::vector<Watched> watched_;
  sigset_t signals_{};
  sigset_t before_{};
  struct sigaction action_before_ {};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

/// Ends a watch with its scope: declare it after what the reloads use.
template <class Watch>
class WatchScope {
 public:
  explicit WatchScope(Watch& watch) : watch_(watch) {}
  WatchScope(const WatchScope&) = delete;
  WatchScope& operator=(const WatchScope&) = delete;
  ~WatchScope() { watch_.stop(); }

 private:
  Watch& watch_;
};

}  // namespace cecollm::apps
