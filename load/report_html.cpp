#include "load/report_html.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "load/line_plot.hpp"

namespace cecollm::load {
namespace {

/// Points of a curve; more would not be seen.
constexpr std::size_t most_points = 200;

constexpr const char* style =
    "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;margin:1em 0}"
    "th,td{padding:.2em .8em;border-bottom:1px solid #ddd;text-align:right}"
    "th:first-child,td:first-child{text-align:left}"
    "dt{font-weight:bold}dd{margin:0 0 .5em 1em}"
    ".bar{background:#1b6ca8;height:1em}.bad{color:#b00020}svg{max-width:100%}";

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

std::string number(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

void row(std::ostream& html, std::string_view name, const std::string& value) {
  html << "<tr><td>" << escaped(name) << "</td><td>" << escaped(value) << "</td></tr>\n";
}

void figures(std::ostream& html, const LoadReport& report) {
  html << "<h2>Figures</h2>\n<table>\n";
  row(html, "virtual edges", std::to_string(report.edges));
  row(html, "duration", number(report.duration, 2) + " s");
  row(html, "completed", std::to_string(report.completed));
  row(html, "failed", std::to_string(report.failed));
  row(html, "cut off", std::to_string(report.cut_off));
  row(html, "prompt tokens", std::to_string(report.prompt_tokens));
  row(html, "output tokens", std::to_string(report.output_tokens));
  row(html, "request throughput", number(report.request_rate, 2) + " /s");
  row(html, "output token throughput", number(report.output_rate, 1) + " /s");
  row(html, "total token throughput", number(report.token_rate, 1) + " /s");
  if (report.objectives.any()) {
    row(html, "request goodput (" + to_string(report.objectives) + ")",
        number(report.good_rate, 2) + " /s, " + number(100 * report.good_share, 1) + " %");
  }
  row(html, "replies checked", std::to_string(report.replies_checked));
  row(html, "  right within the tolerance only", std::to_string(report.replies_tolerated));
  row(html, "bytes up", std::to_string(report.bytes.bytes_up));
  row(html, "bytes down", std::to_string(report.bytes.bytes_down));
  row(html, "rows resent", std::to_string(report.bytes.rows_resent));
  for (std::size_t exit = 0; exit < report.sources.exits(); ++exit) {
    row(html, "tokens from exit " + std::to_string(exit + 1),
        std::to_string(report.sources.of_exit(exit)));
  }
  row(html, "tokens from the cloud", std::to_string(report.sources.cloud()));
  row(html, "tokens from the fallback", std::to_string(report.sources.fallback()));
  html << "</table>\n";
}

void latencies(std::ostream& html, const LoadReport& report) {
  html << "<h2>Latencies, milliseconds</h2>\n<table>\n<tr><th></th><th>mean</th><th>p50</th>"
          "<th>p90</th><th>p95</th><th>p99</th><th>max</th><th>samples</th></tr>\n";
  for (const auto& latency : summaries_of(report)) {
    const auto& s = *latency.summary;
    if (s.count == 0) continue;
    html << "<tr><td>" << escaped(latency.title) << "</td>";
    for (const double value : {s.mean, s.p50, s.p90, s.p95, s.p99, s.max}) {
      html << "<td>" << number(value * 1e3, 2) << "</td>";
    }
    html << "<td>" << s.count << "</td></tr>\n";
  }
  html << "</table>\n";
}

/// The share of samples (rising) up to each value, over milliseconds.
PlotLine distribution(const std::string& name, const std::vector<double>& sorted) {
  constexpr double least_ms = 1e-3;  // what has no logarithm is drawn at the edge
  PlotLine line{name, {}};
  const auto points = std::min(sorted.size(), most_points);
  for (std::size_t i = 0; i < points; ++i) {
    const auto at = points == 1 ? 0 : i * (sorted.size() - 1) / (points - 1);
    const double share = 100.0 * static_cast<double>(at + 1) / static_cast<double>(sorted.size());
    line.points.emplace_back(std::max(sorted[at] * 1e3, least_ms), share);
  }
  return line;
}

void plots(std::ostream& html, const LoadReport& report) {
  std::vector<PlotLine> distributions;
  for (const auto& [name, samples] : report.samples) {
    if (!samples.empty()) distributions.push_back(distribution(name, samples));
  }
  if (!distributions.empty()) {
    html << "<h2>Distributions</h2>\n"
         << line_plot("Share of samples up to a latency", {"ms", true}, {"%", false}, distributions,
                      false);
  }
  PlotLine tokens{"tokens/s", {}};
  PlotLine in_flight{"in flight", {}};
  for (const auto& interval : report.intervals) {
    tokens.points.emplace_back(interval.start, interval.tokens);
    in_flight.points.emplace_back(interval.start, interval.in_flight);
  }
  if (tokens.points.empty()) return;
  html << "<h2>Over time</h2>\n"
       << line_plot("Output tokens a second", {"s", false}, {"tokens/s", false}, {tokens}, false)
       << line_plot("Requests in flight", {"s", false}, {"requests", false}, {in_flight}, false);
}

void batches(std::ostream& html, const LoadReport& report) {
  double all = 0;
  for (const auto& bucket : report.batch_sizes) all += bucket.count;
  html << "<h2>Batch sizes of the cloud</h2>\n";
  if (all <= 0) {
    html << "<p>Not read: give --cloud-metrics for them.</p>\n";
    return;
  }
  html << "<table><tr><th>asks in one pass, up to</th><th>passes</th><th></th></tr>\n";
  for (const auto& bucket : report.batch_sizes) {
    html << "<tr><td>" << (std::isfinite(bucket.up_to) ? number(bucket.up_to, 0) : "more")
         << "</td><td>" << number(bucket.count, 0)
         << "</td><td><div class=\"bar\" style=\"width:" << number(20 * bucket.count / all, 2)
         << "em\"></div></td></tr>\n";
  }
  html << "</table>\n";
}

void errors(std::ostream& html, const LoadReport& report) {
  html << "<h2>Errors</h2>\n";
  if (report.errors.empty()) {
    html << "<p>None.</p>\n";
    return;
  }
  html << "<table><tr><th>kind</th><th>count</th><th>first</th></tr>\n";
  for (const auto& [kind, error] : report.errors) {
    html << "<tr><td>" << name_of(kind) << "</td><td>" << error.count << "</td><td>"
         << escaped(error.example) << "</td></tr>\n";
  }
  html << "</table>\n";
}

void explain(std::ostream& html, const LoadReport& report) {
  html << "<h2>Definitions</h2>\n<dl>\n";
  for (const auto& latency : summaries_of(report)) {
    html << "<dt>" << escaped(latency.title) << "</dt><dd>" << escaped(latency.definition)
         << "</dd>\n";
  }
  for (const auto& [name, text] : definitions()) {
    html << "<dt>" << escaped(name) << "</dt><dd>" << escaped(text) << "</dd>\n";
  }
  html << "</dl>\n<p>Percentiles interpolate linearly between samples.</p>\n";
}

}  // namespace

std::string to_html(const LoadReport& report) {
  std::ostringstream html;
  html << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
          "<title>cecollm load</title><style>"
       << style << "</style></head><body>\n<h1>cecollm load</h1>\n";
  if (report.interrupted) html << "<p class=\"bad\">Interrupted; what there was until then.</p>\n";
  for (const auto& sentence : report.verdict) {
    html << "<p class=\"bad\">" << escaped(sentence) << "</p>\n";
  }
  html << "<table>\n";
  for (const auto& [name, value] : report.description) row(html, name, value);
  html << "</table>\n";
  figures(html, report);
  latencies(html, report);
  plots(html, report);
  batches(html, report);
  errors(html, report);
  explain(html, report);
  html << "</body></html>\n";
  return html.str();
}

}  // namespace cecollm::load
