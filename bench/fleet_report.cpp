#include "bench/fleet_report.hpp"

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <sstream>

#include "load/line_plot.hpp"
#include <nlohmann/json.hpp>

#include "bench/statistics.hpp"

namespace cecollm::bench {
namespace {

bool write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  return static_cast<bool>(out.flush());
}

std::string fixed(double value, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return out.str();
}

std::string spread(const std::vector<double>& values) {
  const auto [least, most] = std::ranges::minmax(values);
  return fixed(median(values), 0) + " (" + fixed(least, 0) + " to " + fixed(most, 0) + ")";
}

std::string mebibytes(std::int64_t bytes) {
  return fixed(static_cast<double>(bytes) / (1 << 20), 1);
}

void write_ratios(std::ostream& out, const std::vector<RatioFigures>& ratios) {
  if (ratios.empty()) return;
  out << "## A cloud against a bare loop\n\n"
      << "Tokens a second: median, and least to most, of " << ratios.front().bare.size()
      << " measurements each, taken in turn. The bare loop hands the same rows to the engine, so "
         "many contexts in each pass; the clients replay them over TLS on loopback, each "
         "generation "
         "a token after the other.\n\n"
      << "| clients | generations at a time | asks a pass | cloud | bare loop, contexts | bare "
         "loop "
         "| ratio, median of pairs |\n|---:|---:|---:|---:|---:|---:|---:|\n";
  for (const auto& ratio : ratios) {
    out << "| " << ratio.clients << " | " << ratio.generations << " | "
        << fixed(median(ratio.asks_per_pass), 1) << " | " << spread(ratio.cloud) << " | "
        << ratio.batch << " | " << spread(ratio.bare) << " | " << fixed(100 * ratio.ratio(), 1)
        << " % |\n";
  }
  const auto& least = ratios.front();
  const auto& most = ratios.back();
  if (ratios.size() > 1) {
    out << "\nOf the bare loop, " << most.batch << " contexts over " << least.batch << ": "
        << fixed(median(most.bare) / median(least.bare), 2) << "; of the cloud, "
        << most.generations << " generations over " << least.generations << ": "
        << fixed(median(most.cloud) / median(least.cloud), 2) << ".\n";
  }
  out << '\n';
}

void write_clients(std::ostream& out, const std::vector<ClientsFigures>& clients) {
  if (clients.empty()) return;
  out << "## Clients\n\nEvery client asks for every token, and asks again at once.\n\n"
      << "| clients | tokens/s | cloud wait p50, ms | p99, ms | asks a pass |\n"
      << "|---:|---:|---:|---:|---:|\n";
  for (const auto& row : clients) {
    out << "| " << row.clients << " | " << fixed(row.tokens_per_s, 0) << " | "
        << fixed(row.wait_p50_ms, 2) << " | " << fixed(row.wait_p99_ms, 2) << " | "
        << fixed(row.asks_per_pass, 1) << " |\n";
  }
  out << '\n';
}

void write_steady(std::ostream& out, const SteadyFigures& steady) {
  out << "## " << steady.edges << " edges, " << steady.generating << " generating, for "
      << fixed(steady.seconds, 0) << " s\n\n| | |\n|---|---:|\n"
      << "| requests | " << steady.requests << " |\n"
      << "| errors | " << steady.errors << " |\n"
      << "| tokens | " << steady.tokens << " |\n"
      << "| of them asked of the cloud | " << steady.asks << " |\n"
      << "| cloud wait p50 / p99, ms | " << fixed(steady.wait_p50_ms, 2) << " / "
      << fixed(steady.wait_p99_ms, 2) << " |\n"
      << "| threads of the cloud, with one edge / with all | " << steady.threads_alone << " / "
      << steady.threads << " |\n"
      << "| resident memory of the cloud after warm-up / at the end, MiB | "
      << mebibytes(steady.cloud_bytes_warm) << " / " << mebibytes(steady.cloud_bytes_end) << " |\n"
      << "| of the load generator, MiB | " << mebibytes(steady.load_bytes_warm) << " / "
      << mebibytes(steady.load_bytes_end) << " |\n";
  for (const auto& [name, micros] : steady.cloud_cpu_us) {
    out << "| the cloud's CPU in threads " << name << ", µs a token | " << fixed(micros, 1)
        << " |\n";
  }
  out << '\n';
}

nlohmann::ordered_json json_of(const FleetFigures& figures) {
  nlohmann::ordered_json json{{"conditions", figures.conditions}};
  for (const auto& ratio : figures.ratios) {
    json["ratios"].push_back({{"bare_contexts", ratio.batch},
                              {"clients", ratio.clients},
                              {"generations", ratio.generations},
                              {"asks_per_pass", ratio.asks_per_pass},
                              {"bare_tokens_per_s", ratio.bare},
                              {"cloud_tokens_per_s", ratio.cloud},
                              {"ratio", ratio.ratio()}});
  }
  for (const auto& row : figures.clients) {
    json["clients"].push_back({{"clients", row.clients},
                               {"tokens_per_s", row.tokens_per_s},
                               {"cloud_wait_p50_ms", row.wait_p50_ms},
                               {"cloud_wait_p99_ms", row.wait_p99_ms},
                               {"asks_per_pass", row.asks_per_pass}});
  }
  for (const auto& steady : figures.steady) {
    json["steady"].push_back({{"edges", steady.edges},
                              {"generating", steady.generating},
                              {"seconds", steady.seconds},
                              {"requests", steady.requests},
                              {"errors", steady.errors},
                              {"tokens", steady.tokens},
                              {"asks", steady.asks},
                              {"cloud_wait_p50_ms", steady.wait_p50_ms},
                              {"cloud_wait_p99_ms", steady.wait_p99_ms},
                              {"threads_with_one_edge", steady.threads_alone},
                              {"threads", steady.threads},
                              {"cloud_bytes_after_warm_up", steady.cloud_bytes_warm},
                              {"cloud_bytes_at_end", steady.cloud_bytes_end},
                              {"load_bytes_after_warm_up", steady.load_bytes_warm},
                              {"load_bytes_at_end", steady.load_bytes_end},
                              {"cloud_cpu_us_per_token", steady.cloud_cpu_us}});
  }
  return json;
}

/// One line over the number of clients.
std::string plot_of(const std::vector<ClientsFigures>& clients, const std::string& title,
                    const std::string& unit, const std::vector<load::PlotLine>& lines) {
  return clients.empty() ? "" : load::line_plot(title, {"clients", true}, {unit, true}, lines);
}

load::PlotLine line_of(const std::vector<ClientsFigures>& clients, std::string name,
                       double ClientsFigures::*value) {
  load::PlotLine line{std::move(name), {}};
  for (const auto& row : clients) {
    line.points.emplace_back(static_cast<double>(row.clients), row.*value);
  }
  return line;
}

}  // namespace

double median(std::vector<double> values) {
  return quantile(values, 0.5);
}

double RatioFigures::ratio() const {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < bare.size(); ++i) ratios.push_back(cloud[i] / bare[i]);
  return median(std::move(ratios));
}

bool write_fleet(const std::filesystem::path& directory, const FleetFigures& figures) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  std::ostringstream text;
  text << "# One cloud, many edges\n\n" << figures.conditions << "\n\n";
  write_ratios(text, figures.ratios);
  write_clients(text, figures.clients);
  for (const auto& steady : figures.steady) write_steady(text, steady);
  auto markdown = text.str();
  markdown.pop_back();  // the last empty line
  bool written = write(directory / "fleet.md", markdown) &&
                 write(directory / "fleet.json", json_of(figures).dump(1) + "\n");
  if (!figures.clients.empty()) {
    written =
        written &&
        write(directory / "fleet-throughput.svg",
              plot_of(figures.clients, "Cloud throughput", "tokens/s",
                      {line_of(figures.clients, "tokens/s", &ClientsFigures::tokens_per_s)})) &&
        write(directory / "fleet-wait.svg",
              plot_of(figures.clients, "Wait for the cloud's token", "ms",
                      {line_of(figures.clients, "p50", &ClientsFigures::wait_p50_ms),
                       line_of(figures.clients, "p99", &ClientsFigures::wait_p99_ms)}));
  }
  return written;
}

}  // namespace cecollm::bench
