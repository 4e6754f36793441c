#pragma once
// What the link and the mode are at this moment, below a text that is being written: the last line
// of a terminal, elsewhere a line of its own whenever the mode changes.

#include <chrono>
#include <optional>
#include <ostream>
#include <string>

#include "actors/edge_messages.hpp"
#include "policy/source.hpp"

namespace cecollm::apps {

class StatusBar {
 public:
  /// `terminal`: `out` is standard output and a terminal, at least two lines high.
  StatusBar(std::ostream& out, bool terminal);
  /// Leaves the cursor below the text.
  ~StatusBar();
  StatusBar(const StatusBar&) = delete;
  StatusBar& operator=(const StatusBar&) = delete;

  void show(std::chrono::milliseconds elapsed, const actors::LinkReport& link,
            const policy::SourceCounts& counts);

 private:
  std::ostream& out_;
  int rows_ = 0;  // of the terminal; 0: none
  std::optional<policy::SupervisorState> state_;
};

/// "12.3 s  collaborative (probe-passed)  rtt 31 ms  up 1.2 Mbit/s  exits 81 %  cloud 19 %".
std::string status_line(std::chrono::milliseconds elapsed, const actors::LinkReport& link,
                        const policy::SourceCounts& counts);

}  // namespace cecollm::apps
