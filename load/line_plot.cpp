#include "load/line_plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <sstream>

namespace cecollm::load {
namespace {

constexpr double width = 640;
constexpr double height = 400;
constexpr double left = 70;
constexpr double right = 150;  // for the names of the lines
constexpr double top = 40;
constexpr double bottom = 50;

/// Positions on an axis, with its ticks.
class Axis {
 public:
  Axis(bool logarithmic, double least, double most, double from, double to)
      : logarithmic_(logarithmic), from_(from), to_(to) {
    if (logarithmic) {
      least_ = std::log10(least / 1.2);
      most_ = std::log10(most * 1.2);
    } else {
      least_ = std::min(least, 0.0);
      most_ = most > least_ ? most * 1.02 : least_ + 1;
    }
  }
  double at(double value) const {
    const double place = logarithmic_ ? std::log10(value) : value;
    return from_ + (to_ - from_) * (place - least_) / (most_ - least_);
  }
  std::vector<double> ticks() const { return logarithmic_ ? log_ticks() : even_ticks(); }

 private:
  /// At 1, 2 and 5 times powers of ten.
  std::vector<double> log_ticks() const {
    std::vector<double> values;
    for (auto power = static_cast<int>(std::floor(least_)); power <= static_cast<int>(most_) + 1;
         ++power) {
      for (const double step : {1.0, 2.0, 5.0}) {
        const double value = step * std::pow(10.0, power);
        if (std::log10(value) >= least_ && std::log10(value) <= most_) values.push_back(value);
      }
    }
    return values;
  }
  /// At multiples of 1, 2 or 5 times a power of ten, some six of them.
  std::vector<double> even_ticks() const {
    constexpr double wanted = 6;
    const double power = std::pow(10.0, std::floor(std::log10((most_ - least_) / wanted)));
    double step = power;
    for (const double factor : {2.0, 5.0, 10.0}) {
      if ((most_ - least_) / step > wanted) step = factor * power;
    }
    std::vector<double> values;
    for (int i = 0; least_ + step * i <= most_ && i < 100; ++i) values.push_back(least_ + step * i);
    return values;
  }

  bool logarithmic_;
  double least_ = 0;
  double most_ = 0;
  double from_;
  double to_;
};

void text(std::ostream& svg, double x, double y, const std::string& what,
          const std::string& attributes) {
  svg << "<text x=\"" << x << "\" y=\"" << y << "\" " << attributes << ">" << what << "</text>\n";
}

}  // namespace

std::string line_plot(const std::string& title, const PlotAxis& x_axis, const PlotAxis& y_axis,
                      const std::vector<PlotLine>& lines, bool marked) {
  constexpr double none = std::numeric_limits<double>::infinity();
  std::array<double, 4> box{none, -none, none, -none};
  for (const auto& line : lines) {
    for (const auto& [x, y] : line.points) {
      box = {std::min(box[0], x), std::max(box[1], x), std::min(box[2], y), std::max(box[3], y)};
    }
  }
  const Axis across(x_axis.logarithmic, box[0], box[1], left, width - right);
  const Axis up(y_axis.logarithmic, box[2], box[3], height - bottom, top);
  std::ostringstream svg;
  svg << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" << width << "\" height=\"" << height
      << "\" font-family=\"sans-serif\" font-size=\"12\">\n"
      << "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  text(svg, left, 22, title, "font-size=\"15\"");
  for (const double tick : across.ticks()) {
    std::ostringstream label;
    label << tick;
    svg << "<line x1=\"" << across.at(tick) << "\" x2=\"" << across.at(tick) << "\" y1=\"" << top
        << "\" y2=\"" << height - bottom << "\" stroke=\"#ddd\"/>\n";
    text(svg, across.at(tick), height - bottom + 18, label.str(), "text-anchor=\"middle\"");
  }
  for (const double tick : up.ticks()) {
    std::ostringstream label;
    label << tick;
    svg << "<line x1=\"" << left << "\" x2=\"" << width - right << "\" y1=\"" << up.at(tick)
        << "\" y2=\"" << up.at(tick) << "\" stroke=\"#ddd\"/>\n";
    text(svg, left - 6, up.at(tick) + 4, label.str(), "text-anchor=\"end\"");
  }
  text(svg, (left + width - right) / 2, height - 12, x_axis.label, "text-anchor=\"middle\"");
  text(svg, 16, (top + height - bottom) / 2, y_axis.label,
       "text-anchor=\"middle\" transform=\"rotate(-90 16 " +
           std::to_string((top + height - bottom) / 2) + ")\"");
  constexpr std::array colours{"#1b6ca8", "#d1495b", "#2e8b57", "#8d5fd3", "#edae49"};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string colour = colours[i % colours.size()];
    svg << "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"" << colour << "\" points=\"";
    for (const auto& [x, y] : lines[i].points) svg << across.at(x) << ',' << up.at(y) << ' ';
    svg << "\"/>\n";
    for (const auto& [x, y] : lines[i].points) {
      if (!marked) break;
      svg << "<circle r=\"3\" fill=\"" << colour << "\" cx=\"" << across.at(x) << "\" cy=\""
          << up.at(y) << "\"/>\n";
    }
    text(svg, width - right + 12, top + 16 + 20 * static_cast<double>(i), lines[i].name,
         "fill=\"" + colour + "\"");
  }
  svg << "</svg>\n";
  return svg.str();
}

}  // namespace cecollm::load
