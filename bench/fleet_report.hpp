#pragma once
// What bench/fleet measured, and how it is written down.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace cecollm::bench {

/// Tokens a second of a bare loop and of a cloud, measured in turn.
struct RatioFigures {
  int batch = 0;  // contexts in each pass of the bare loop
  int clients = 0;
  int generations = 0;  // of all clients, at a time
  std::vector<double> bare;
  std::vector<double> cloud;
  std::vector<double> asks_per_pass;  // of the cloud
  /// Median of cloud over bare, pair by pair.
  double ratio() const;
};

/// A cloud under so many clients that ask for every token, as fast as they can.
struct ClientsFigures {
  int clients = 0;
  double tokens_per_s = 0;
  double wait_p50_ms = 0;
  double wait_p99_ms = 0;
  double asks_per_pass = 0;
};

/// Many connected edges, some of them generating, for minutes.
struct SteadyFigures {
  int edges = 0;
  int generating = 0;
  double seconds = 0;
  std::int64_t requests = 0;
  std::int64_t errors = 0;
  std::int64_t tokens = 0;
  std::int64_t asks = 0;
  double wait_p50_ms = 0;
  double wait_p99_ms = 0;
  /// The cloud's threads with one edge, and with all.
  std::int64_t threads_alone = 0;
  std::int64_t threads = 0;
  /// Of cloud and load generator: after warm-up, and at the end.
  std::int64_t cloud_bytes_warm = 0;
  std::int64_t cloud_bytes_end = 0;
  std::int64_t load_bytes_warm = 0;
  std::int64_t load_bytes_end = 0;
  /// The cloud's CPU by thread name, in microseconds for each token that the edges emitted.
  std::map<std::string, double> cloud_cpu_us;
};

struct FleetFigures {
  std::string conditions;
  std::vector<RatioFigures> ratios;
  std::vector<ClientsFigures> clients;
  std::vector<SteadyFigures> steady;
};

double median(std::vector<double> values);

/// fleet.md, fleet.json and, of the clients, fleet-throughput.svg and fleet-wait.svg. False where a
/// file cannot be written.
bool write_fleet(const std::filesystem::path& directory, const FleetFigures& figures);

}  // namespace cecollm::bench
