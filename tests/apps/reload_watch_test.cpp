#include "apps/reload_watch.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_directory.hpp"

namespace cecollm::apps {
namespace {

using ::testing::ElementsAre;

constexpr std::chrono::seconds notice_patience{60};

/// Counts the reloads of one group of files.
class Noticed {
 public:
  ReloadWatch::Reload sink() {
    return [this](std::string_view cause) -> Outcome<void> {
      const std::lock_guard lock(mutex_);
      causes_.emplace_back(cause);
      changed_.notify_all();
      return {};
    };
  }
  std::vector<std::string> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, notice_patience, [&] { return causes_.size() >= count; }));
    return causes_;
  }
  std::vector<std::string> causes() {
    const std::lock_guard lock(mutex_);
    return causes_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> causes_;
};

class ReloadWatching : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text) {
    return directory_.write(name, text);
  }
  tests::TemporaryDirectory directory_;
  Noticed certificates_;
  Noticed settings_;
};

TEST_F(ReloadWatching, ReloadsWhoseFilesChanged) {
  ReloadWatch watch;
  watch.add("certificates", {write("a.pem", "1"), write("a.key", "1")}, certificates_.sink());
  watch.add("settings", {write("node.toml", "1")}, settings_.sink());
  watch.start();
  write("a.key", "22");
  EXPECT_THAT(certificates_.wait(1), ElementsAre("the files changed"));
  write("node.toml", "22");
  EXPECT_THAT(settings_.wait(1), ElementsAre("the files changed"));
  watch.stop();
  EXPECT_EQ(certificates_.causes().size(), 1U) << "others' files are no reason";
}

TEST_F(ReloadWatching, SeesWhatHappenedBeforeItStarted) {
  ReloadWatch watch;
  watch.add("certificates", {write("a.pem", "1")}, certificates_.sink());
  write("a.pem", "22");
  watch.start();
  certificates_.wait(1);
}

TEST_F(ReloadWatching, WaitsForAFileThatIsMissing) {
  ReloadWatch watch;
  const auto file = write("a.pem", "1");
  watch.add("certificates", {file, write("a.key", "1")}, certificates_.sink());
  watch.add("settings", {write("node.toml", "1")}, settings_.sink());
  watch.start();
  std::filesystem::remove(file);
  write("a.key", "22");
  write("node.toml", "22");
  settings_.wait(1);  // by then the other change has been seen as well
  EXPECT_TRUE(certificates_.causes().empty());
  write("a.pem", "22");
  EXPECT_EQ(certificates_.wait(1).size(), 1U);
}

TEST_F(ReloadWatching, FollowsALinkThatNamesAnotherFile) {
  // As Kubernetes renews a secret: the new file may have the age and size of the old.
  const auto first = write("first", "1");
  const auto second = write("second", "2");
  std::filesystem::last_write_time(second, std::filesystem::last_write_time(first));
  const auto link = directory_.path() / "tls.crt";
  std::filesystem::create_symlink(first, link);
  ReloadWatch watch;
  watch.add("certificates", {link}, certificates_.sink());
  watch.start();
  std::filesystem::create_symlink(second, directory_.path() / "next");
  std::filesystem::rename(directory_.path() / "next", link);
  certificates_.wait(1);
}

TEST_F(ReloadWatching, ReloadsEverythingWhenItIsAskedTo) {
  ReloadWatch watch;
  watch.add("settings", {write("node.toml", "1")}, settings_.sink());
  watch.add("certificates", {},
            [](std::string_view) { return misused("a.pem is no certificate"); });
  watch.start();
  const auto reloaded = watch.reload_all("a test");
  ASSERT_EQ(reloaded.size(), 2U);
  EXPECT_EQ(reloaded[0].what, "settings");
  EXPECT_EQ(reloaded[0].problem, "");
  EXPECT_EQ(reloaded[1].what, "certificates");
  EXPECT_EQ(reloaded[1].problem, "a.pem is no certificate");
  EXPECT_THAT(settings_.causes(), ElementsAre("a test"));
}

TEST_F(ReloadWatching, DoesNotReloadAChangeTwice) {
  ReloadWatch watch;
  watch.add("settings", {write("node.toml", "1")}, settings_.sink());
  watch.add("certificates", {write("a.pem", "1")}, certificates_.sink());
  watch.start();
  write("node.toml", "22");
  watch.reload_all("a test");
  const auto causes = settings_.causes();
  EXPECT_EQ(causes.back(), "a test");
  write("a.pem", "22");
  certificates_.wait(2);  // by then the other change would have been seen as well
  EXPECT_EQ(certificates_.causes().back(), "the files changed");
  EXPECT_EQ(settings_.causes(), causes);
}

TEST_F(ReloadWatching, ReloadsEverythingOnSighup) {
  // In a process of its own: there every thread blocks the signal.
  const auto reloads = [&] {
    ReloadWatch watch;
    watch.add("settings", {}, settings_.sink());
    watch.add("certificates", {write("a.pem", "1")}, certificates_.sink());
    watch.start();
    kill(getpid(), SIGHUP);
    EXPECT_THAT(settings_.wait(1), ElementsAre("SIGHUP"));
    EXPECT_THAT(certificates_.wait(1), ElementsAre("SIGHUP"));
    std::_Exit(::testing::Test::HasFailure() ? 1 : 0);
  };
  EXPECT_EXIT(reloads(), ::testing::ExitedWithCode(0), "");
}

TEST_F(ReloadWatching, ReloadsWhereALibrarysThreadGetsTheSignal) {
  const auto reloads = [&] {
    std::atomic<bool> end{false};
    // Older than the watch, it does not block the signal, as the threads of BLAS.
    std::thread library([&] {
      while (!end) std::this_thread::yield();
    });
    {
      ReloadWatch watch;
      watch.add("settings", {}, settings_.sink());
      watch.start();
      pthread_kill(library.native_handle(), SIGHUP);
      EXPECT_THAT(settings_.wait(1), ElementsAre("SIGHUP"));
    }
    end = true;
    library.join();
    std::_Exit(::testing::Test::HasFailure() ? 1 : 0);
  };
  EXPECT_EXIT(reloads(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace cecollm::apps
