#include "load/report_table.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

namespace cecollm::load {
namespace {

constexpr int title_width = 30;
constexpr int figure_width = 11;

void line(std::ostream& out, std::string_view title, const std::string& value) {
  out << std::left << std::setw(title_width) << title << value << '\n';
}

std::string number(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string source_line(const policy::SourceCounts& counts) {
  std::ostringstream text;
  const auto all = static_cast<double>(std::max<std::int64_t>(counts.total(), 1));
  const auto add = [&](const std::string& name, std::int64_t count) {
    text << name << ' ' << count << " (" << number(100 * static_cast<double>(count) / all, 1)
         << " %)  ";
  };
  for (std::size_t exit = 0; exit < counts.exits(); ++exit) {
    add(name_of(policy::Source{policy::Source::Kind::exit, exit}), counts.of_exit(exit));
  }
  add("cloud", counts.cloud());
  if (counts.fallback() > 0) add("fallback", counts.fallback());
  return text.str();
}

void latencies(std::ostream& out, const LoadReport& report) {
  out << '\n' << std::left << std::setw(title_width) << "Milliseconds" << std::right;
  for (const auto* head : {"mean", "p50", "p90", "p95", "p99", "max"}) {
    out << std::setw(figure_width) << head;
  }
  out << '\n';
  for (const auto& latency : summaries_of(report)) {
    const auto& s = *latency.summary;
    if (s.count == 0) continue;
    out << std::left << std::setw(title_width) << latency.title << std::right;
    for (const double value : {s.mean, s.p50, s.p90, s.p95, s.p99, s.max}) {
      out << std::setw(figure_width) << number(value * 1e3, 2);
    }
    out << '\n';
  }
}

}  // namespace

std::string to_table(const LoadReport& report) {
  std::ostringstream out;
  out << (report.interrupted ? "Interrupted; what there was until then.\n" : "");
  line(out, "Virtual edges", std::to_string(report.edges));
  line(out, "Duration", number(report.duration, 2) + " s");
  line(out, "Requests",
       std::to_string(report.completed) + " completed, " + std::to_string(report.failed) +
           " failed, " + std::to_string(report.cut_off) + " cut off");
  line(out, "Tokens, prompt and output",
       std::to_string(report.prompt_tokens) + " and " + std::to_string(report.output_tokens));
  line(out, "Request throughput", number(report.request_rate, 2) + " a second");
  line(out, "Output token throughput", number(report.output_rate, 1) + " a second");
  line(out, "Total token throughput", number(report.token_rate, 1) + " a second");
  if (report.objectives.any()) {
    line(out, "Request goodput",
         number(report.good_rate, 2) + " a second, " + number(100 * report.good_share, 1) +
             " % within " + to_string(report.objectives));
  }
  line(out, "Sources", source_line(report.sources));
  line(out, "Bytes",
       std::to_string(report.bytes.bytes_up) + " up, " + std::to_string(report.bytes.bytes_down) +
           " down, " + std::to_string(report.bytes.rows_resent) + " rows resent");
  if (report.replies_checked > 0) {
    line(out, "Replies checked",
         std::to_string(report.replies_checked) +
             ", of them within the tolerance only: " + std::to_string(report.replies_tolerated));
  }
  latencies(out, report);
  if (!report.batch_sizes.empty()) out << "\nAsks in one pass of the cloud, passes:";
  for (const auto& bucket : report.batch_sizes) {
    if (bucket.count <= 0) continue;
    out << "  " << (std::isfinite(bucket.up_to) ? "up to " + number(bucket.up_to, 0) : "more")
        << ": " << number(bucket.count, 0);
  }
  if (!report.batch_sizes.empty()) out << '\n';
  out << '\n';
  if (report.errors.empty()) out << "No errors.\n";
  for (const auto& [kind, error] : report.errors) {
    line(out, "Errors, " + std::string(name_of(kind)),
         std::to_string(error.count) + ", first: " + error.example);
  }
  return out.str();
}

std::string progress_line(const LoadProgress& progress, double share) {
  std::ostringstream out;
  if (!progress.started) {
    out << progress.connected << " of " << progress.edges << " edges connected";
    return out.str();
  }
  if (share >= 0) {
    constexpr std::size_t width = 20;
    const auto done = static_cast<std::size_t>(std::min(share, 1.0) * width);
    std::string bar(width, ' ');
    std::fill_n(bar.begin(), done, '=');
    if (done < width) bar[done] = '>';
    out << '[' << bar << "] ";
  }
  const double seconds = seconds_of(progress.elapsed);
  out << number(seconds, 1) << " s  " << progress.sent << " sent, " << progress.ended << " ended, "
      << progress.errors << " errors";
  if (seconds > 0)
    out << ", " << number(static_cast<double>(progress.tokens) / seconds, 0) << " tokens/s";
  return out.str();
}

}  // namespace cecollm::load
