#pragma once
// Waits for SIGHUP and for files that change, on a thread of its own.

#include <atomic>
#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace cecollm::apps {

class ReloadWatch {
 public:
  /// Runs on the watch's thread; `cause` is "SIGHUP" or "the files changed".
  using Reload = std::function<void(std::string_view cause)>;

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
  void add(std::vector<std::filesystem::path> files, Reload reload);
  void start();
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
    std::vector<std::filesystem::path> files;
    Reload reload;
    std::vector<std::optional<Version>> loaded;  // what was there at the last reload
    std::vector<std::optional<Version>> seen;    // at the last look
  };
  static std::vector<std::optional<Version>> look_at(const std::vector<std::filesystem::path>&);
  void run();

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
