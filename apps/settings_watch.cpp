#include "apps/settings_watch.hpp"

#include <utility>

namespace cecollm::apps {

SettingsWatch::SettingsWatch(SettingSources sources, EdgeSettings settings,
                             monitoring::Logger logger)
    : sources_(std::move(sources)), logger_(std::move(logger)), settings_(std::move(settings)) {
  std::vector<std::filesystem::path> files;
  if (sources_.file) files.push_back(*sources_.file);
  watch_.add(std::move(files), [this](std::string_view why) { reload(why); });
}

void SettingsWatch::also(std::vector<std::filesystem::path> files, ReloadWatch::Reload reload) {
  watch_.add(std::move(files), std::move(reload));
}

void SettingsWatch::start(Apply apply) {
  apply_ = std::move(apply);
  watch_.start();
}

EdgeSettings SettingsWatch::current() const {
  const std::lock_guard lock(mutex_);
  return settings_;
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

}  // namespace cecollm::apps
