#pragma once
// A line plot as SVG, both axes logarithmic.

#include <string>
#include <utility>
#include <vector>

namespace cecollm::bench {

struct PlotLine {
  std::string name;
  std::vector<std::pair<double, double>> points;  // positive; x rising
};

/// Needs at least one point.
std::string line_plot(const std::string& title, const std::string& x_label,
                      const std::string& y_label, const std::vector<PlotLine>& lines);

}  // namespace cecollm::bench
