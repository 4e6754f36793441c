#pragma once
// A line plot as SVG.

#include <string>
#include <utility>
#include <vector>

namespace cecollm::load {

struct PlotLine {
  std::string name;
  std::vector<std::pair<double, double>> points;  // x rising; positive on logarithmic axes
};

struct PlotAxis {
  std::string label;
  bool logarithmic = false;  // else linear
};

/// Needs at least one point. Texts go into the SVG as they are. `marked`: a dot at each point.
std::string line_plot(const std::string& title, const PlotAxis& across, const PlotAxis& up,
                      const std::vector<PlotLine>& lines, bool marked = true);

}  // namespace cecollm::load
