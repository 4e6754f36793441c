#pragma once
// What one side of the cut has computed so far. The totals lie in memory that two processes can
// share, so that the benchmark reads its cloud's meter while the cloud goes on.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "apps/failure.hpp"

namespace cecollm::bench {

struct ComputeTotals {
  std::chrono::nanoseconds busy{0};  // in passes
  std::int64_t passes = 0;
  std::int64_t layer_rows = 0;
  std::int64_t layer_flops = 0;
  std::int64_t head_flops = 0;
  friend bool operator==(const ComputeTotals&, const ComputeTotals&) = default;
};

ComputeTotals operator-(const ComputeTotals& later, const ComputeTotals& earlier);

/// Adding and reading are safe in several threads and processes at a time; who reads while a pass
/// is added may see a part of it.
class ComputeMeter {
 public:
  /// Of this process alone.
  static apps::Outcome<std::shared_ptr<ComputeMeter>> make();
  /// In `file`, which is made where there is none: all meters of one file are one.
  static apps::Outcome<std::shared_ptr<ComputeMeter>> in_file(const std::filesystem::path& file);

  ~ComputeMeter();
  ComputeMeter(const ComputeMeter&) = delete;
  ComputeMeter& operator=(const ComputeMeter&) = delete;

  void begin_pass();
  void end_pass(const ComputeTotals& pass);
  ComputeTotals totals() const;
  /// Whether a pass is under way.
  bool busy() const;

 private:
  struct Cells;
  explicit ComputeMeter(Cells* cells) : cells_(cells) {}
  static apps::Outcome<std::shared_ptr<ComputeMeter>> map(int file);
  Cells* cells_;
};

}  // namespace cecollm::bench
