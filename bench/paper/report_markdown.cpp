#include <iomanip>
#include <sstream>

#include "bench/paper/report.hpp"

namespace cecollm::bench {
namespace {

std::string number(double value, int decimals) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(decimals) << value;
  return text.str();
}

/// As many decimals as three significant digits need.
std::string rounded(double value) {
  if (value == 0) return "0";
  const double size = value < 0 ? -value : value;
  return number(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

std::string with_interval(const Estimate& estimate) {
  return rounded(estimate.value) + " [" + rounded(estimate.low) + ", " + rounded(estimate.high) +
         "]";
}

std::string percent(double share) {
  return number(100 * share, 1) + " %";
}

std::string percent_with_interval(const std::optional<Estimate>& estimate) {
  if (!estimate) return "–";
  return percent(estimate->value) + " [" + number(100 * estimate->low, 1) + ", " +
         number(100 * estimate->high, 1) + "]";
}

void write_head(std::ostream& text, const Report& report) {
  text << "# The paper's table\n\n";
  for (const auto& warning : report.run.warnings) text << "**" << warning << "**\n\n";
  text << "    " << report.run.command << "\n\n"
       << report.run.machine << "; commit " << report.run.commit << ".\n\n";
  for (const auto& [name, value] : report.run.conditions) {
    text << "- " << name << ": " << value << '\n';
  }
  text
      << "\nMeans of a response with 95 % intervals, bootstrapped over the prompts. Edge and cloud "
         "times are the passes of each side, communication is how long its asks were under way "
         "less what the cloud queued and computed for them (cloud-only: all time that the cloud "
         "did not compute). What goes on while the edge computes is hidden in the total, so the "
         "parts can exceed it. Asking-ahead is collaborative, but asks the cloud when the first "
         "exit was not sure and the second will probably not be either; asked in vain is where it "
         "was.\n\n";
}

void write_times(std::ostream& text, const Report& report) {
  text << "| mode | total, ms | edge, ms | cloud, ms | communication, ms | of a request | "
          "requests to the cloud | asked in vain | KiB up | KiB down | total saved | offloaded |\n"
       << "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n";
  for (const auto& mode : report.modes) {
    text << "| " << mode.mode.name << " | " << with_interval(mode.total) << " | "
         << rounded(mode.edge.value) << " | " << rounded(mode.cloud.value) << " | "
         << rounded(mode.communication.value) << " | "
         << (mode.request_communication ? rounded(mode.request_communication->value) : "–") << " | "
         << percent(mode.request_rate.value) << " | " << percent(mode.vain_rate.value) << " | "
         << rounded(mode.up) << " | " << rounded(mode.down) << " | "
         << percent_with_interval(mode.saved_time) << " | " << percent_with_interval(mode.offloaded)
         << " |\n";
  }
  text << "\nTotal saved and offloaded: 1 − total time, and 1 − cloud time, over cloud-only's.\n\n";
}

void write_work(std::ostream& text, const Report& report) {
  text << "| mode | first token, ms | each token p50 | p99 | computation on the edge | GFLOP of "
          "layers, edge | cloud | GFLOP of heads, edge | cloud | agreement with the full model |\n"
       << "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n";
  for (const auto& mode : report.modes) {
    text << "| " << mode.mode.name << " | " << rounded(mode.first_token_p50) << " | "
         << rounded(mode.token_p50) << " | " << rounded(mode.token_p99) << " | "
         << percent(mode.edge_share.value) << " | " << rounded(mode.edge_work.layer_gflop) << " | "
         << rounded(mode.cloud_work.layer_gflop) << " | " << rounded(mode.edge_work.head_gflop)
         << " | " << rounded(mode.cloud_work.head_gflop) << " | "
         << percent_with_interval(mode.agreement) << " |\n";
  }
  text << "\nComputation on the edge: its share of all layer·row products, layers on both sides "
          "counted on both. Operations of layers and heads stand for energy. Agreement: emitted "
          "tokens that are the full model's choice after the same text.\n\n";
}

void write_quality(std::ostream& text, const Report& report) {
  bool judged = false;
  for (const auto& mode : report.modes) judged = judged || mode.rouge || mode.right_answers;
  if (!judged) return;
  text << "| mode | right answers | same answer as the full model | agreement in answers | ROUGE-L "
          "of stories |\n|---|---:|---:|---:|---:|\n";
  for (const auto& mode : report.modes) {
    text << "| " << mode.mode.name << " | " << percent_with_interval(mode.right_answers) << " | "
         << percent_with_interval(mode.same_answers) << " | "
         << percent_with_interval(mode.question_agreement) << " | "
         << percent_with_interval(mode.rouge) << " |\n";
  }
  if (report.full_model_right) {
    text << "| full model | " << percent(*report.full_model_right) << " | | | |\n";
  }
  text << "\nThe stories are the answers to the prompts, compared with what the full model writes "
          "to "
          "them.\n\n";
}

}  // namespace

std::string to_markdown(const Report& report) {
  std::ostringstream text;
  write_head(text, report);
  write_times(text, report);
  text << "![Where the time goes](paper-time.svg)\n\n";
  write_work(text, report);
  if (!threshold_plot(report).empty()) text << "![Thresholds](paper-thresholds.svg)\n\n";
  write_quality(text, report);
  return text.str();
}

}  // namespace cecollm::bench
