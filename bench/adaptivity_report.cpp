#include "bench/adaptivity_report.hpp"

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <sstream>

#include "load/line_plot.hpp"
#include <nlohmann/json.hpp>

namespace cecollm::bench {
namespace {

bool write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  return static_cast<bool>(out.flush());
}

std::string markdown(const std::string& conditions, const std::vector<AdaptivityCell>& cells) {
  std::ostringstream text;
  text << "# Adaptivity\n\n"
       << conditions << "\n\n"
       << "| link | mode | ms/token mean | p50 | p99 | max | own p99 | p99 of bound | exits | "
          "cloud | fallback | agreement | bytes up/token | mode changes | tokens |\n"
       << "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
       << std::fixed;
  const auto percent = [](double share) {
    std::ostringstream out;
    out << std::fixed << std::setprecision(1) << 100 * share << " %";
    return out.str();
  };
  for (const auto& cell : cells) {
    text << "| " << cell.link << " | " << cell.mode << " | " << std::setprecision(2) << cell.mean_ms
         << " | " << cell.p50_ms << " | " << cell.p99_ms << " | " << cell.max_ms << " | "
         << cell.own_p99_ms << " | " << (cell.p99_of_bound ? percent(*cell.p99_of_bound) : "")
         << " | " << percent(cell.from_exits) << " | " << percent(cell.from_cloud) << " | "
         << percent(cell.fallback) << " | " << percent(cell.agreement) << " | "
         << std::setprecision(0) << cell.bytes_up_per_token << " | " << cell.mode_switches << " | "
         << cell.tokens << " |\n";
  }
  return text.str();
}

std::string json(const std::string& conditions, const std::vector<AdaptivityCell>& cells) {
  auto rows = nlohmann::ordered_json::array();
  for (const auto& cell : cells) {
    rows.push_back({{"link", cell.link},
                    {"rtt_ms", cell.rtt_ms},
                    {"mode", cell.mode},
                    {"tokens", cell.tokens},
                    {"mean_ms", cell.mean_ms},
                    {"p50_ms", cell.p50_ms},
                    {"p99_ms", cell.p99_ms},
                    {"max_ms", cell.max_ms},
                    {"own_p99_ms", cell.own_p99_ms},
                    {"p99_of_bound", cell.p99_of_bound ? nlohmann::ordered_json(*cell.p99_of_bound)
                                                       : nlohmann::ordered_json(nullptr)},
                    {"exits", cell.from_exits},
                    {"cloud", cell.from_cloud},
                    {"fallback", cell.fallback},
                    {"agreement", cell.agreement},
                    {"bytes_up_per_token", cell.bytes_up_per_token},
                    {"bytes_down_per_token", cell.bytes_down_per_token},
                    {"mode_switches", cell.mode_switches}});
  }
  return nlohmann::ordered_json{{"conditions", conditions}, {"cells", std::move(rows)}}.dump(1) +
         "\n";
}

/// One line a mode over the constant links.
std::vector<load::PlotLine> lines_of(const std::vector<AdaptivityCell>& cells,
                                     double AdaptivityCell::*value) {
  std::vector<load::PlotLine> lines;
  for (const auto& cell : cells) {
    if (cell.rtt_ms <= 0 || cell.*value <= 0) continue;
    auto line = std::ranges::find(lines, cell.mode, &load::PlotLine::name);
    if (line == lines.end()) line = lines.insert(lines.end(), load::PlotLine{cell.mode, {}});
    line->points.emplace_back(cell.rtt_ms, cell.*value);
  }
  return lines;
}

}  // namespace

bool write_adaptivity(const std::filesystem::path& directory, const std::string& conditions,
                      const std::vector<AdaptivityCell>& cells) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  bool written = write(directory / "adaptivity.md", markdown(conditions, cells)) &&
                 write(directory / "adaptivity.json", json(conditions, cells));
  const auto means = lines_of(cells, &AdaptivityCell::mean_ms);
  if (!means.empty()) {
    const load::PlotAxis across{"round trip, ms", true};
    const load::PlotAxis up{"ms", true};
    written = written &&
              write(directory / "adaptivity-mean.svg",
                    load::line_plot("Time per token, mean", across, up, means)) &&
              write(directory / "adaptivity-p99.svg",
                    load::line_plot("Time per token, 99th percentile", across, up,
                                    lines_of(cells, &AdaptivityCell::p99_ms)));
  }
  return written;
}

}  // namespace cecollm::bench
