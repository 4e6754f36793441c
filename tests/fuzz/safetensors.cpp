// A checkpoint's tensors lie within its file, whatever the header claims. The input is the file;
// and the JSON of a header with 64 bytes of data, since a fuzzer hardly ever finds the right
// length.

#include "model/safetensors.hpp"

#include <cstddef>
#include <cstdint>

#include "model/safetensors_header.hpp"
#include "tests/fuzz/scratch_files.hpp"
#include "tests/fuzz/targets.hpp"

namespace cecollm::fuzz {
namespace {

void check_view(const model::TensorView& tensor) {
  std::uint64_t bytes = model::element_bytes(tensor.dtype);
  require(bytes > 0, "a tensor's dtype is known");
  for (const auto extent : tensor.shape) {
    require(extent >= 0, "no extent is negative");
    bytes *= static_cast<std::uint64_t>(extent);
  }
  require(bytes == tensor.bytes.size(), "a tensor has the bytes of its shape");
  // Read, so that a view outside the mapping is noticed.
  static volatile unsigned checksum = 0;
  for (const auto byte : tensor.bytes) checksum = checksum ^ std::to_integer<unsigned>(byte);
}

void check_header(std::string_view json) {
  constexpr std::uint64_t data_bytes = 64;
  const auto header = model::parse_safetensors_header(json, data_bytes, "header");
  if (!header) return;
  std::uint64_t covered = 0;
  for (const auto& [name, entry] : header->entries) {
    require(entry.begin <= entry.end && entry.end <= data_bytes, "entries lie within the data");
    covered += entry.end - entry.begin;
  }
  require(covered == data_bytes, "entries cover the data");
}

}  // namespace

void safetensors(std::string_view input) {
  static const ScratchFiles files;
  check_header(input);
  const auto file = model::SafetensorsFile::open(files.write("model.safetensors", input));
  if (!file) return;
  for (const auto& [name, tensor] : file->tensors()) check_view(tensor);
}

}  // namespace cecollm::fuzz
