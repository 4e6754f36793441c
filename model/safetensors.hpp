#pragma once
// Memory-mapped reader (and writer) of the safetensors format
// (https://huggingface.co/docs/safetensors): 8-byte little-endian header length, JSON header, data.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.hpp"
#include "model/error.hpp"

namespace cecollm::model {

/// One tensor inside a mapped file. `bytes` stays valid as long as `file` lives; touching it is
/// what makes the kernel read it from disk.
struct TensorView {
  std::string dtype;  // as in the file: "F32", "F16", "BF16", "I64", …
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> file;  // keeps the mapping alive
};

/// An immutable mapped file; safe to share between threads.
class SafetensorsFile {
 public:
  /// Maps `path` and checks its header completely: sizes, overlaps, shapes against byte counts.
  /// Allocates nothing by a size that the file claims but does not have.
  static Result<SafetensorsFile> open(const std::filesystem::path& path);

  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }

 private:
  std::map<std::string, TensorView, std::less<>> tensors_;
};

/// Writes `tensors` in name order, with `metadata` as the header's `__metadata__`.
Result<void> write_safetensors(const std::filesystem::path& path,
                               const std::map<std::string, TensorView, std::less<>>& tensors,
                               const std::map<std::string, std::string>& metadata);

}  // namespace cecollm::model
