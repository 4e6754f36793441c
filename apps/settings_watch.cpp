#include "apps/settings_watch.hpp"

#include <utility>

namespace cecollm::apps {

SettingsWatch::SettingsWatch(SettingSources sources, EdgeSettings settings,
                             monitoring::Logger logger)
    : sources_(std::move(sources)), logger_(std::move(logger)), settings_(std::move(settings)) {
  std::vector<std::filesystem::path> files;
  if (sources_.file) files.push_back(*sources_.file);
  watch_.add("settings", std::move(files), [this](std::string_view why) { return reload(why); });
}

void SettingsWatch::also(std::string what, std::vector<std::filesystem::path> files,
                         ReloadWatch::Reload reload) {
  watch_.add(std::move(what), std::move(files), std::move(reload));
}

void SettingsWatch::start(Apply apply) {
  apply_ = std::move(apply);
  watch_.start();
}

EdgeSettings SettingsWatch::current() const {
  const std::lock_guard lock(mutex_);
  return settings_;
}

Outcome<void> SettingsWatch::reload(std::string_view why) {
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
    return done;
  }
  const std::lock_guard lock(mutex_);
  settings_ = std::move(*fresh);
  logger_.info("settings reloaded", {{"cause", why}});
  return {};
}

}  // namespace cecollm::apps
