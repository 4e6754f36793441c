#include "apps/settings_watch.hpp"

#include <ctime>
#include <utility>

namespace cecollm::apps {
namespace {

/// How soon a changed file is noticed; its time is cheap to look at.
constexpr timespec look_interval{0, 200'000'000};

}  // namespace

SettingsWatch::SettingsWatch(SettingSources sources, EdgeSettings settings,
                             monitoring::Logger logger)
    : sources_(std::move(sources)),
      logger_(std::move(logger)),
      settings_(std::move(settings)),
      seen_(file_time()) {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
}

SettingsWatch::~SettingsWatch() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void SettingsWatch::start(Apply apply) {
  apply_ = std::move(apply);
  thread_ = std::thread([this] { run(); });
}

EdgeSettings SettingsWatch::current() const {
  const std::lock_guard lock(mutex_);
  return settings_;
}

void SettingsWatch::run() {
  while (!stop_) {
    const bool signalled = sigtimedwait(&signals_, nullptr, &look_interval) > 0;
    const auto time = file_time();
    // A file that is being replaced may be missing for a moment.
    const bool changed = time && time != seen_;
    if (changed) seen_ = time;
    if (signalled) {
      reload("SIGHUP");
    } else if (changed) {
      reload("the file changed");
    }
  }
}

void SettingsWatch::reload(std::string_view why) {
  auto fresh = load_edge_settings(sources_);
  Outcome<void> done;
  if (!fresh) {
    done = tl::unexpected(fresh.error());
  } else {
    done = apply_(*fresh);
  }
  if (!done) {
    logger_.warning("settings refused, the old ones stay",
                    {{"cause", why}, {"problem", done.error().message}});
    return;
  }
  const std::lock_guard lock(mutex_);
  settings_ = std::move(*fresh);
  logger_.info("settings reloaded", {{"cause", why}});
}

std::optional<std::filesystem::file_time_type> SettingsWatch::file_time() const {
  if (!sources_.file) return std::nullopt;
  std::error_code error;
  const auto time = std::filesystem::last_write_time(*sources_.file, error);
  if (error) return std::nullopt;
  return time;
}

}  // namespace cecollm::apps
