#include <algorithm>

#include "load/line_plot.hpp"

#include "bench/bar_plot.hpp"
#include "bench/paper/report.hpp"

namespace cecollm::bench {

std::string time_plot(const Report& report) {
  std::vector<Bar> bars;
  double most = 0;
  for (const auto& mode : report.modes) {
    // What the edge waited for of the cloud's passes: hidden ones are not in the total.
    const double waited = std::clamp(mode.total.value - mode.edge.value - mode.communication.value,
                                     0.0, mode.cloud.value);
    const double rest =
        std::max(0.0, mode.total.value - mode.edge.value - mode.communication.value - waited);
    bars.push_back({mode.mode.name, {mode.edge.value, waited, mode.communication.value, rest}});
    if (mode.mode.strategy != Strategy::naive) most = std::max(most, mode.total.value * 1.02);
  }
  return bar_plot("Where the time of a response goes", "ms",
                  {"edge", "cloud", "communication", "rest"}, bars, most);
}

std::string threshold_plot(const Report& report) {
  load::PlotLine requests{"requests to the cloud", {}};
  load::PlotLine agreement{"agreement", {}};
  load::PlotLine edge{"on the edge", {}};
  for (const auto& mode : report.modes) {
    if (mode.mode.strategy != Strategy::collaborative) continue;
    const double threshold = mode.mode.threshold;
    requests.points.emplace_back(threshold, 100 * mode.request_rate.value);
    edge.points.emplace_back(threshold, 100 * mode.edge_share.value);
    if (mode.agreement) agreement.points.emplace_back(threshold, 100 * mode.agreement->value);
  }
  if (requests.points.size() < 2) return {};
  std::vector<load::PlotLine> lines{requests, edge};
  if (!agreement.points.empty()) lines.push_back(agreement);
  for (auto& line : lines) std::ranges::sort(line.points);
  return load::line_plot("Collaborative, by threshold", {"threshold"}, {"%"}, lines);
}

}  // namespace cecollm::bench
