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
/// what makes the kernel read it from disk. A file that another process shortens meanwhile ends
/// this one by SIGBUS, as with every mapping.
struct TensorView {
  std::string dtype;  // as in the file: "F32", "F16", "BF16", "I64", …
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;  // little-endian, row-major, aligned to nothing
  std::shared_ptr<const void> file;  // keeps the mapping alive
};

/// An immutable mapped file; safe to share between threads.
class SafetensorsFile {
 public:
  /// Maps `path` and checks its header completely: sizes, overlaps, shapes against byte counts.
  /// Allocates nothing by a size that the file claims but does not have.
  static Result<SafetensorsFile> open(const std::filesystem::path& path);

  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  /// The header's `__metadata__`; empty where there is none.
  const std::map<std::string, std::string, std::less<>>& metadata() const { return metadata_; }

 private:
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::map<std::string, std::string, std::less<>> metadata_;
};

/// Bytes of one element of the safetensors dtype `name`, or 0 where it is unknown.
std::size_t element_bytes(std::string_view name);

/// Writes `tensors` in name order to the new file `path`, with `metadata` as the header's
/// `__metadata__`. Where it fails (the file exists, no space is left), no file stays behind.
Result<void> write_safetensors(const std::filesystem::path& path,
                               const std::map<std::string, TensorView, std::less<>>& tensors,
                               const std::map<std::string, std::string, std::less<>>& metadata);

}  // namespace cecollm::model
