#pragma once
// A report for people in front of a terminal.

#include <string>

#include "load/load_messages.hpp"
#include "load/load_report.hpp"

namespace cecollm::load {

/// Lines of at most 100 characters, with a line break at the end.
std::string to_table(const LoadReport& report);

/// "[=====>    ] 12.3 s  512 sent, 480 ended, 0 errors, 1234 tokens/s", without a line break.
/// `share` of the run that is over, from 0 to 1; below 0: unknown.
std::string progress_line(const LoadProgress& progress, double share);

}  // namespace cecollm::load
