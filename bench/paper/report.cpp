#include "bench/paper/report.hpp"

#include <fstream>
#include <system_error>

namespace cecollm::bench {
namespace {

apps::Outcome<void> write_file(const std::filesystem::path& file, const std::string& text) {
  std::ofstream stream(file, std::ios::binary);
  stream << text;
  if (!stream.flush()) return apps::failed(file.string() + ": cannot be written");
  return {};
}

}  // namespace

apps::Outcome<void> write_report(const std::filesystem::path& directory, const Report& report,
                                 const std::vector<Trial>& trials) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  std::vector<std::pair<std::string, std::string>> files{{"paper.md", to_markdown(report)},
                                                         {"paper.json", to_json(report, trials)},
                                                         {"paper-time.svg", time_plot(report)}};
  if (auto plot = threshold_plot(report); !plot.empty()) {
    files.emplace_back("paper-thresholds.svg", std::move(plot));
  }
  for (const auto& [name, text] : files) {
    if (auto written = write_file(directory / name, text); !written) return written;
  }
  return {};
}

}  // namespace cecollm::bench
