#pragma once
// A report for programs.

#include <string>

#include "load/load_report.hpp"

namespace cecollm::load {

/// One indented JSON object; times in milliseconds. docs/load.md describes it.
std::string to_json(const LoadReport& report);

/// One line a request, with a line of column names; times in milliseconds from the run's start.
std::string to_csv(const RunLog& log);

}  // namespace cecollm::load
