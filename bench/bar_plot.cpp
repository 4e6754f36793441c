#include "bench/bar_plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <sstream>

namespace cecollm::bench {
namespace {

constexpr double width = 720;
constexpr double left = 170;   // for the bars' names
constexpr double right = 80;   // for what a cut bar tells
constexpr double top = 70;     // for title and legend
constexpr double bottom = 45;  // for the axis
constexpr double bar_height = 22;
constexpr double bar_gap = 10;
constexpr std::array colours{"#1b6ca8", "#edae49", "#d1495b", "#2e8b57"};

double length_of(const Bar& bar) {
  return std::accumulate(bar.parts.begin(), bar.parts.end(), 0.0);
}

void text(std::ostream& svg, double x, double y, const std::string& what,
          const std::string& attributes = {}) {
  svg << "<text x=\"" << x << "\" y=\"" << y << "\" " << attributes << ">" << what << "</text>\n";
}

void rectangle(std::ostream& svg, double x, double y, double length, double height,
               const std::string& colour) {
  svg << "<rect x=\"" << x << "\" y=\"" << y << "\" width=\"" << length << "\" height=\"" << height
      << "\" fill=\"" << colour << "\"/>\n";
}

/// 1, 2 or 5 times a power of ten, so that some six steps make `most`.
double step_for(double most) {
  constexpr double wanted = 6;
  const double power = std::pow(10.0, std::floor(std::log10(most / wanted)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (most / (factor * power) <= wanted) return factor * power;
  }
  return 10 * power;
}

}  // namespace

std::string bar_plot(const std::string& title, const std::string& unit,
                     const std::vector<std::string>& part_names, const std::vector<Bar>& bars,
                     double most) {
  double end = most;
  if (end <= 0) {
    for (const auto& bar : bars) end = std::max(end, length_of(bar) * 1.02);
  }
  if (end <= 0) end = 1;
  const double height = top + bottom + static_cast<double>(bars.size()) * (bar_height + bar_gap);
  const double scale = (width - left - right) / end;
  std::ostringstream svg;
  svg << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" << width << "\" height=\"" << height
      << "\" font-family=\"sans-serif\" font-size=\"12\">\n"
      << "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  text(svg, 12, 24, title, "font-size=\"15\"");
  double legend = left;
  for (std::size_t i = 0; i < part_names.size(); ++i) {
    rectangle(svg, legend, 42, 12, 12, colours[i % colours.size()]);
    text(svg, legend + 17, 52, part_names[i]);
    legend += 45 + 7 * static_cast<double>(part_names[i].size());
  }
  const double step = step_for(end);
  for (int i = 0; step * i <= end; ++i) {
    std::ostringstream label;
    label << step * i;
    const double x = left + step * i * scale;
    svg << "<line x1=\"" << x << "\" x2=\"" << x << "\" y1=\"" << top << "\" y2=\""
        << height - bottom << "\" stroke=\"#ddd\"/>\n";
    text(svg, x, height - bottom + 16, label.str(), "text-anchor=\"middle\"");
  }
  text(svg, left + (width - left - right) / 2, height - 10, unit, "text-anchor=\"middle\"");
  double y = top + bar_gap / 2;
  for (const auto& bar : bars) {
    text(svg, left - 8, y + bar_height - 6, bar.name, "text-anchor=\"end\"");
    double begin = 0;
    for (std::size_t i = 0; i < bar.parts.size(); ++i) {
      const double stop = std::min(begin + bar.parts[i], end);
      rectangle(svg, left + begin * scale, y, (stop - begin) * scale, bar_height,
                colours[i % colours.size()]);
      begin = stop;
    }
    if (length_of(bar) > end) {
      std::ostringstream length;
      length << "→ " << std::llround(length_of(bar));
      text(svg, width - right + 6, y + bar_height - 6, length.str());
    }
    y += bar_height + bar_gap;
  }
  svg << "</svg>\n";
  return svg.str();
}

}  // namespace cecollm::bench
