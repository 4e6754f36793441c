#include "load/load_report.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace cecollm::load {
namespace {

constexpr double most_tolerated = 0.01;  // of replies, as in every parity test
constexpr std::size_t most_intervals = 120;

/// The samples of every latency.
struct Samples {
  std::vector<double> ttft, tpot, itl, e2e, wait, queue, compute, lag;

  void add(const RequestRecord& request) {
    lag.push_back(seconds_of(request.sent - request.due));
    for (const auto& ask : request.asks) {
      if (ask.outcome != monitoring::AskOutcome::answered) continue;
      wait.push_back(seconds_of(ask.wait));
      queue.push_back(seconds_of(ask.queue));
      compute.push_back(seconds_of(ask.compute));
    }
    if (request.end != RequestEnd::completed || request.tokens.empty()) return;
    ttft.push_back(time_to_first_token(request));
    e2e.push_back(end_to_end(request));
    if (request.tokens.size() > 1) tpot.push_back(time_per_output_token(request));
    for (std::size_t i = 1; i < request.tokens.size(); ++i) {
      itl.push_back(seconds_of(request.tokens[i].at - request.tokens[i - 1].at));
    }
  }
};

void count(LoadReport& report, const RequestRecord& request) {
  switch (request.end) {
    case RequestEnd::completed:
      ++report.completed;
      report.prompt_tokens += request.prompt_tokens;
      report.output_tokens += static_cast<std::int64_t>(request.tokens.size());
      break;
    case RequestEnd::failed:
      ++report.failed;
      break;
    case RequestEnd::cut_off:
      ++report.cut_off;
      break;
  }
  for (const auto& token : request.tokens) report.sources.add(token.source);
  report.asks += static_cast<std::int64_t>(request.asks.size());
  report.replies_checked += request.replies_checked;
  report.replies_tolerated += request.replies_tolerated;
  for (const auto& error : request.errors) {
    auto& known = report.errors[error.kind];
    if (++known.count == 1) known.example = error.sentence;
  }
  report.bytes.bytes_up += request.upload.bytes_up;
  report.bytes.bytes_down += request.upload.bytes_down;
  report.bytes.rows_up += request.upload.rows_up;
  report.bytes.row_payload_bytes += request.upload.row_payload_bytes;
  report.bytes.rows_resent += request.upload.rows_resent;
}

double rate(std::int64_t count, double duration) {
  return duration > 0 ? static_cast<double>(count) / duration : 0;
}

RunTime end_of(const RequestRecord& request) {
  return request.tokens.empty() ? request.sent : request.tokens.back().at;
}

/// Tokens and requests over the run, in at most most_intervals pieces of a round length.
std::vector<Interval> intervals_of(const RunLog& log) {
  const double duration = seconds_of(log.duration);
  if (duration <= 0) return {};
  double length = 0.1;
  for (const double step : {0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 1e4, 1e5}) {
    if (duration / length <= static_cast<double>(most_intervals)) break;
    length = step;
  }
  const auto pieces = static_cast<std::size_t>(std::ceil(duration / length));
  std::vector<Interval> intervals(std::clamp<std::size_t>(pieces, 1, 10'000));
  const auto piece_of = [&](RunTime time) {
    const auto piece = static_cast<std::size_t>(std::max(0.0, seconds_of(time) / length));
    return std::min(piece, intervals.size() - 1);
  };
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    intervals[i].start = length * static_cast<double>(i);
  }
  for (const auto& request : log.requests) {
    for (const auto& token : request.tokens) intervals[piece_of(token.at)].tokens += 1 / length;
    for (auto i = piece_of(request.sent); i <= piece_of(end_of(request)); ++i) {
      const double start = intervals[i].start;
      if (seconds_of(request.sent) <= start && start < seconds_of(end_of(request))) {
        ++intervals[i].in_flight;
      }
    }
  }
  return intervals;
}

std::vector<std::string> verdict_of(const LoadReport& report) {
  std::vector<std::string> verdict;
  for (const auto kind : {ErrorKind::wrong_reply, ErrorKind::wrong_source}) {
    if (const auto found = report.errors.find(kind); found != report.errors.end()) {
      verdict.push_back(std::to_string(found->second.count) + " times " +
                        std::string(name_of(kind)) + ", first: " + found->second.example);
    }
  }
  const auto tolerated = static_cast<double>(report.replies_tolerated);
  if (tolerated > most_tolerated * static_cast<double>(report.replies_checked)) {
    verdict.push_back(std::to_string(report.replies_tolerated) + " of " +
                      std::to_string(report.replies_checked) +
                      " replies were right only within the tolerance, more than 1 %");
  }
  if (report.requests > 0 && report.completed == 0 && !report.interrupted) {
    std::string reason;
    if (const auto found = report.errors.find(ErrorKind::failed); found != report.errors.end()) {
      reason = ": " + found->second.example;
    }
    verdict.push_back("no request was completed" + reason);
  }
  return verdict;
}

}  // namespace

double seconds_of(RunTime time) {
  return std::chrono::duration<double>(time).count();
}

double time_to_first_token(const RequestRecord& request) {
  return seconds_of(request.tokens.front().at - request.sent);
}

double end_to_end(const RequestRecord& request) {
  return seconds_of(request.tokens.back().at - request.sent);
}

double time_per_output_token(const RequestRecord& request) {
  if (request.tokens.size() < 2) return 0;
  return (end_to_end(request) - time_to_first_token(request)) /
         static_cast<double>(request.tokens.size() - 1);
}

bool is_good(const RequestRecord& request, const ServiceObjectives& objectives) {
  if (request.end != RequestEnd::completed || request.tokens.empty()) return false;
  const auto within = [](double value, const std::optional<double>& limit) {
    return !limit || value <= *limit;
  };
  return within(time_to_first_token(request), objectives.ttft) &&
         within(time_per_output_token(request), objectives.tpot) &&
         within(end_to_end(request), objectives.e2e) &&
         std::ranges::all_of(request.asks, [&](const AskRecord& ask) {
           return within(seconds_of(ask.wait), objectives.cloud_wait);
         });
}

LoadReport report_on(const RunLog& log) {
  LoadReport report;
  report.description = log.description;
  report.duration = seconds_of(log.duration);
  report.interrupted = log.interrupted;
  report.edges = log.edges;
  report.objectives = log.objectives;
  report.batch_sizes = log.batch_sizes;
  report.requests = static_cast<std::int64_t>(log.requests.size());
  Samples samples;
  for (const auto& request : log.requests) {
    samples.add(request);
    count(report, request);
    if (is_good(request, log.objectives)) ++report.good;
  }
  report.request_rate = rate(report.completed, report.duration);
  report.output_rate = rate(report.output_tokens, report.duration);
  report.token_rate = rate(report.prompt_tokens + report.output_tokens, report.duration);
  report.good_rate = rate(report.good, report.duration);
  report.good_share = rate(report.good, static_cast<double>(report.completed));
  report.intervals = intervals_of(log);
  for (const auto& [summary, values] : {std::pair{&report.ttft, &samples.ttft},
                                        {&report.tpot, &samples.tpot},
                                        {&report.itl, &samples.itl},
                                        {&report.e2e, &samples.e2e},
                                        {&report.cloud_wait, &samples.wait},
                                        {&report.cloud_queue, &samples.queue},
                                        {&report.cloud_compute, &samples.compute},
                                        {&report.start_lag, &samples.lag}}) {
    std::ranges::sort(*values);
    *summary = summarize(*values);
  }
  report.samples = {{"TTFT", std::move(samples.ttft)},
                    {"TPOT", std::move(samples.tpot)},
                    {"inter-token", std::move(samples.itl)},
                    {"end to end", std::move(samples.e2e)},
                    {"cloud wait", std::move(samples.wait)}};
  report.verdict = verdict_of(report);
  return report;
}

std::vector<NamedSummary> summaries_of(const LoadReport& report) {
  return {
      {"ttft", "Time to first token", &report.ttft,
       "From sending a request to its first token. Completed requests."},
      {"tpot", "Time per output token", &report.tpot,
       "(end-to-end latency - TTFT) / (output tokens - 1) of a request. Completed requests of two "
       "tokens and more."},
      {"itl", "Inter-token latency", &report.itl,
       "Gap between two consecutive tokens of a request, over all gaps of completed requests."},
      {"e2e", "End-to-end latency", &report.e2e,
       "From sending a request to its last token. Completed requests."},
      {"cloud_wait", "Cloud wait", &report.cloud_wait,
       "From an edge's decision to ask the cloud to the cloud's token. Every answered ask."},
      {"cloud_queue", "  of it in the cloud's queue", &report.cloud_queue,
       "From an ask's arrival at the cloud to the start of its pass, as the reply says."},
      {"cloud_compute", "  of it in the cloud's pass", &report.cloud_compute,
       "The pass of the deep layers that answered, as the reply says."},
      {"start_lag", "Start lag", &report.start_lag,
       "From the time at which a request was due to when its edge sent it. Where it is not small, "
       "the load generator itself is the bottleneck."}};
}

std::span<const std::pair<std::string_view, std::string_view>> definitions() {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 10> all{{
      {"duration", "From the start of the run to the last token of the last request."},
      {"completed",
       "Requests whose tokens all came, whatever decided them; failed ended with an "
       "error, cut off ran when the run was stopped."},
      {"request throughput", "Completed requests / duration."},
      {"output token throughput", "Output tokens of completed requests / duration."},
      {"total token throughput", "Prompt and output tokens of completed requests / duration."},
      {"request goodput",
       "Completed requests that met every stated limit / duration; the share is "
       "of the completed ones. A request of one token has a TPOT of 0."},
      {"sources",
       "Where tokens were decided: an early exit, the cloud, or the last exit as a "
       "fallback because the cloud was late or gone. All requests."},
      {"errors",
       "Tokens and requests, by kind. A wrong reply is one outside the audit's tolerance; "
       "it fails the run, and so do tolerated replies above 1 % of those checked."},
      {"bytes",
       "Frames of all requests with their length prefix, before TLS; without handshakes "
       "and heartbeats."},
      {"batch size",
       "Asks answered by one pass of the cloud, by its metrics before and after the "
       "run."},
  }};
  return all;
}

}  // namespace cecollm::load
