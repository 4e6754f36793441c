#include "apps/reload_watch.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

#include <sys/stat.h>

namespace cecollm::apps {
namespace {

/// How soon a changed file is noticed, and how long it must rest: looking is cheap.
constexpr timespec look_interval{0, 200'000'000};

/// SIGHUP came to a thread that does not block it: one that a library started before main().
std::atomic<bool> came_elsewhere{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler writes it");

void note(int) {
  came_elsewhere = true;
}

}  // namespace

ReloadWatch::ReloadWatch() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  came_elsewhere = false;
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGHUP, &action, &action_before_);
}

ReloadWatch::~ReloadWatch() {
  stop();
  sigaction(SIGHUP, &action_before_, nullptr);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void ReloadWatch::add(std::string what, std::vector<std::filesystem::path> files, Reload reload) {
  auto now = look_at(files);
  watched_.push_back({std::move(what), std::move(files), std::move(reload), now, now});
}

void ReloadWatch::start() {
  thread_ = std::thread([this] { run(); });
}

void ReloadWatch::stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void ReloadWatch::run() {
  while (!stop_) {
    const bool taken = sigtimedwait(&signals_, nullptr, &look_interval) > 0;
    const bool signalled = came_elsewhere.exchange(false) || taken;
    const std::lock_guard lock(mutex_);
    for (auto& watched : watched_) {
      auto now = look_at(watched.files);
      // A file that is being replaced may be missing for a moment.
      const bool whole =
          std::ranges::all_of(now, [](const auto& file) { return file.has_value(); });
      const bool changed = whole && now == watched.seen && now != watched.loaded;
      watched.seen = now;
      if (!signalled && !changed) continue;
      watched.loaded = std::move(now);
      // Who reloads says in the log what came of it.
      [[maybe_unused]] const auto done = watched.reload(signalled ? "SIGHUP" : "the files changed");
    }
  }
}

std::vector<Reloaded> ReloadWatch::reload_all(std::string_view cause) {
  const std::lock_guard lock(mutex_);
  std::vector<Reloaded> all;
  for (auto& watched : watched_) {
    watched.seen = watched.loaded = look_at(watched.files);
    const auto done = watched.reload(cause);
    all.push_back({watched.what, done ? "" : done.error().message});
  }
  return all;
}

std::vector<std::optional<ReloadWatch::Version>> ReloadWatch::look_at(
    const std::vector<std::filesystem::path>& files) {
  std::vector<std::optional<Version>> versions;
  for (const auto& file : files) {
    struct stat found {};
    if (::stat(file.c_str(), &found) != 0) {
      versions.emplace_back();
      continue;
    }
    constexpr std::int64_t second = 1'000'000'000;
    versions.push_back(Version{found.st_mtim.tv_sec * second + found.st_mtim.tv_nsec, found.st_ino,
                               found.st_size});
  }
  return versions;
}

}  // namespace cecollm::apps
