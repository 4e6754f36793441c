#pragma once
// A report as one page that needs nothing else: figures, definitions and plots.

#include <string>

#include "load/load_report.hpp"

namespace cecollm::load {

std::string to_html(const LoadReport& report);

}  // namespace cecollm::load
