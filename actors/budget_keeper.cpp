#include "actors/budget_keeper.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace cecollm::actors {
namespace {

/// Writes a small file to the disk, not only to the system's memory: an edge may lose its power.
bool write_through(const char* file, const std::string& text) {
  const int descriptor = ::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return false;
  const bool written =
      ::write(descriptor, text.data(), text.size()) == std::ssize(text) && ::fsync(descriptor) == 0;
  const int problem = errno;
  ::close(descriptor);
  errno = problem;
  return written;
}

}  // namespace

tl::expected<void, std::string> write_spent_budget(const std::filesystem::path& file,
                                                   const policy::SpentBudget& spent) {
  auto fresh = file;
  fresh += ".part";
  if (!write_through(fresh.c_str(), policy::to_text(spent)) ||
      std::rename(fresh.c_str(), file.c_str()) != 0) {
    return tl::unexpected(file.string() + " cannot be written: " + std::strerror(errno));
  }
  return {};
}

budget_keeper_actor::behavior_type budget_keeper(
    budget_keeper_actor::stateful_pointer<BudgetKeeperState> self, const BudgetFile& file,
    const caf::actor& owner) {
  self->monitor(owner);
  // Down messages come before what the link has sent; its last word is to be written.
  self->set_down_handler([self](const caf::down_msg&) { self->send(self, EndBudget{}); });
  return {
      [file](const KeepBudget& record) {
        if (const auto written = write_spent_budget(file.path, record.spent); !written) {
          file.logger.error("the upload budget is not kept", {{"why", written.error()}});
        }
      },
      [self](const EndBudget&) { self->quit(); },
  };
}

}  // namespace cecollm::actors
