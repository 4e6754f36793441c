#pragma once
// Stacked horizontal bars as SVG.

#include <string>
#include <vector>

namespace cecollm::bench {

struct Bar {
  std::string name;
  std::vector<double> parts;  // not negative, in the order of the parts' names
};

/// The axis ends a little beyond the longest bar, or at `most` where that is not 0: a bar that is
/// longer is cut there and tells its length. Needs at least one bar. Texts go into the SVG as they
/// are.
std::string bar_plot(const std::string& title, const std::string& unit,
                     const std::vector<std::string>& part_names, const std::vector<Bar>& bars,
                     double most = 0);

}  // namespace cecollm::bench
