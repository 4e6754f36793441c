#pragma once
// A child of this process with its standard output in our hands. It gets SIGTERM when this object
// or this process ends, so nothing is left running.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "apps/failure.hpp"

namespace cecollm::apps {

class ChildProcess {
 public:
  /// Starts the file `arguments[0]` with `arguments`.
  static Outcome<ChildProcess> start(const std::vector<std::string>& arguments);
  ChildProcess(ChildProcess&& other) noexcept;
  /// Ends the child that was here.
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  /// Ends the child: SIGTERM, then SIGKILL if it takes longer than five seconds; waits for it.
  ~ChildProcess();

  /// -1 after its end was waited for.
  pid_t pid() const { return pid_; }

  /// The next line of its output; nothing when `limit` passes or the output ends first.
  std::optional<std::string> read_line(std::chrono::milliseconds limit);

  /// Nothing after its end was waited for.
  void send_signal(int number);

  /// Waits for its end and gives the exit status; nothing when `limit` passes first.
  std::optional<int> wait(std::chrono::milliseconds limit);

 private:
  ChildProcess(pid_t pid, int output) : pid_(pid), output_(output) {}
  void end();
  pid_t pid_ = -1;
  int output_ = -1;
  std::string buffer_;
};

/// The running program's own file, to start it again as another node.
std::string own_executable();

}  // namespace cecollm::apps
