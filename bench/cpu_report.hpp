#pragma once
// What bench/cpu_decode measured, and how it is written down.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bench/decode_timing.hpp"
#include "bench/weight_accuracy.hpp"

namespace cecollm::bench {

/// One checkpoint's decode, against the memory that it reads.
struct CheckpointTiming {
  std::string name;
  std::int64_t weight_bytes = 0;  // that a step reads, as stored
  std::vector<DecodeCell> decode;
  std::vector<PrefillCell> prefill;
};

struct CpuReport {
  std::string conditions;
  std::string machine;
  std::string commit;
  std::vector<std::string> instruction_sets;
  int threads = 0;
  std::int64_t positions = 0;
  double read_bytes_per_second = 0;  // of a plain loop, over memory beyond the caches' size
  std::vector<CheckpointTiming> checkpoints;
  std::optional<AccuracyReport> accuracy;
};

/// DIRECTORY/cpu_decode.md and .json. False where a file cannot be written.
bool write_report(const std::filesystem::path& directory, const CpuReport& report);

}  // namespace cecollm::bench
