#include "apps/settings_watch.hpp"

#include <condition_variable>
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_directory.hpp"

namespace cecollm::apps {
namespace {

using ::testing::ElementsAre;

constexpr auto config = "[model]\ndirectory = \"m\"\n[generation]\nthresholds = [0.5]\n";
constexpr std::chrono::seconds reload_patience{60};

/// What the watch applied; refuses thresholds above one.
class Applied {
 public:
  SettingsWatch::Apply sink() {
    return [this](const EdgeSettings& settings) -> Outcome<void> {
      const std::lock_guard lock(mutex_);
      thresholds_ = settings.generation.thresholds;
      ++count_;
      changed_.notify_all();
      if (thresholds_.front() > 1.0F) return misused("too high for this test");
      return {};
    };
  }
  /// Waits until something was applied for the `count`-th time.
  std::vector<float> wait(int count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, reload_patience, [&] { return count_ >= count; }));
    return thresholds_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
  std::vector<float> thresholds_;
};

class Watching : public ::testing::Test {
 protected:
  Watching() {
    write(config);
    sources_.file = file();
  }
  std::filesystem::path file() const { return directory_.path() / "edge.toml"; }
  /// Gives every version a time of its own, however fast they follow each other.
  void write(const std::string& text) {
    directory_.write("edge.toml", text);
    time_ += std::chrono::seconds(10);
    std::filesystem::last_write_time(file(), time_);
  }

  tests::TemporaryDirectory directory_;
  std::filesystem::file_time_type time_ = std::filesystem::file_time_type::clock::now();
  SettingSources sources_;
  Applied applied_;
};

TEST_F(Watching, AppliesAChangedFile) {
  SettingsWatch watch(sources_, *load_edge_settings(sources_), {});
  watch.start(applied_.sink());
  EXPECT_THAT(watch.current().generation.thresholds, ElementsAre(0.5F));
  write("[model]\ndirectory = \"m\"\n[generation]\nthresholds = [0.9]\n");
  EXPECT_THAT(applied_.wait(1), ElementsAre(0.9F));
}

TEST_F(Watching, KeepsTheOldSettingsWhereTheFileIsWrong) {
  SettingsWatch watch(sources_, *load_edge_settings(sources_), {});
  watch.start(applied_.sink());
  write("[model]\ndirectory = \"m\"\n[generation]\nthreshold = [0.9]\n");
  write("[model]\ndirectory = \"m\"\n[generation]\nthresholds = [0.7]\n");
  EXPECT_THAT(applied_.wait(1), ElementsAre(0.7F)) << "only the correct file was applied";
}

TEST_F(Watching, KeepsTheOldSettingsWhereTheNodeRefusesThem) {
  SettingsWatch watch(sources_, *load_edge_settings(sources_), {});
  watch.start(applied_.sink());
  write("[model]\ndirectory = \"m\"\n[generation]\nthresholds = [2]\n");
  EXPECT_THAT(applied_.wait(1), ElementsAre(2.0F));
  write("[model]\ndirectory = \"m\"\n[generation]\nthresholds = [2.5]\n");
  applied_.wait(2);
  // By the second refusal the first is over.
  EXPECT_THAT(watch.current().generation.thresholds, ElementsAre(0.5F));
}

TEST_F(Watching, GoesOnWithTheOldSettingsWhileTheFileIsMissing) {
  SettingsWatch watch(sources_, *load_edge_settings(sources_), {});
  watch.start(applied_.sink());
  std::filesystem::remove(file());
  write("[model]\ndirectory = \"m\"\n[generation]\nthresholds = [0.6]\n");
  EXPECT_THAT(applied_.wait(1), ElementsAre(0.6F));
}

TEST_F(Watching, ReloadsOnSighup) {
  // In a process of its own: there every thread blocks the signal.
  const auto reloads = [&] {
    sources_.environment["CECOLLM_GENERATION_THRESHOLDS"] = "0.5";
    SettingsWatch watch(sources_, *load_edge_settings(sources_), {});
    watch.start(applied_.sink());
    kill(getpid(), SIGHUP);
    applied_.wait(1);
    std::_Exit(::testing::Test::HasFailure() ? 1 : 0);
  };
  EXPECT_EXIT(reloads(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace cecollm::apps
