#pragma once
// The figures of a run, from what its edges saw: a pure aggregation. Every figure has its
// definition beside it in the report (`definitions`); those that vLLM's serving benchmark has too
// mean the same.

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "load/request_log.hpp"
#include "load/service_objectives.hpp"
#include "load/summary.hpp"

namespace cecollm::load {

/// A distribution that the cloud's metrics hold as buckets.
struct BucketCount {
  double up_to = 0;  // inclusive; infinity for the last
  double count = 0;  // in this bucket alone
};

/// What the run was, in words; shown as it is.
using RunDescription = std::vector<std::pair<std::string, std::string>>;

struct RunLog {
  RunDescription description;
  std::vector<RequestRecord> requests;
  RunTime duration{0};  // from the first request's time to the end of the last one
  bool interrupted = false;
  std::size_t edges = 0;
  ServiceObjectives objectives;
  /// Asks in one pass of the cloud, over the run; empty where its metrics were not read.
  std::vector<BucketCount> batch_sizes;
};

struct ErrorCount {
  std::int64_t count = 0;
  std::string example;
};

/// What happened in one interval of the run.
struct Interval {
  double start = 0;      // seconds
  double tokens = 0;     // a second
  double in_flight = 0;  // requests, at its start
};

/// Times in seconds.
struct LoadReport {
  RunDescription description;
  double duration = 0;
  bool interrupted = false;
  std::size_t edges = 0;
  std::int64_t requests = 0;
  std::int64_t completed = 0;
  std::int64_t failed = 0;
  std::int64_t cut_off = 0;
  std::int64_t prompt_tokens = 0;  // of completed requests
  std::int64_t output_tokens = 0;  // likewise

  Summary ttft;
  Summary tpot;
  Summary itl;
  Summary e2e;
  Summary cloud_wait;
  Summary cloud_queue;
  Summary cloud_compute;
  Summary start_lag;

  double request_rate = 0;  // completed a second
  double output_rate = 0;   // tokens a second
  double token_rate = 0;    // with the prompts'
  ServiceObjectives objectives;
  std::int64_t good = 0;  // completed requests within all objectives
  double good_rate = 0;   // a second
  double good_share = 0;  // of completed requests

  policy::SourceCounts sources;
  std::int64_t asks = 0;
  std::int64_t replies_checked = 0;
  std::int64_t replies_tolerated = 0;
  std::map<ErrorKind, ErrorCount> errors;  // kinds that occurred
  actors::UploadStats bytes;
  std::vector<BucketCount> batch_sizes;

  /// Samples behind the summaries, rising, for plots.
  std::vector<std::pair<std::string, std::vector<double>>> samples;
  std::vector<Interval> intervals;

  /// Why the run is not good: a reply outside the audit's tolerance, too many within it, nothing
  /// completed. Empty: it is.
  std::vector<std::string> verdict;
};

LoadReport report_on(const RunLog& log);

/// A latency's name in JSON and tables, its figures, and what it means.
struct NamedSummary {
  std::string_view key;
  std::string_view title;
  const Summary* summary;
  std::string_view definition;
};
std::vector<NamedSummary> summaries_of(const LoadReport& report);

/// Of all other figures, by their name.
std::span<const std::pair<std::string_view, std::string_view>> definitions();

/// Good: all objectives are met.
bool is_good(const RequestRecord& request, const ServiceObjectives& objectives);

double seconds_of(RunTime time);
double time_to_first_token(const RequestRecord& request);    // needs a token
double time_per_output_token(const RequestRecord& request);  // 0 with fewer than two
double end_to_end(const RequestRecord& request);             // needs a token

}  // namespace cecollm::load
