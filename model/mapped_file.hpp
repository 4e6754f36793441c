#pragma once
// A whole file mapped into memory for reading.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "model/error.hpp"

namespace cecollm::model {

/// Immutable; the file descriptor is closed once the mapping exists.
class MappedFile {
 public:
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
};

/// Tells the system that mapped `bytes` of a file are not needed in memory for now; reading them
/// again reads the file again. What else lies on their pages goes with them.
void release_pages(std::span<const std::byte> bytes);

}  // namespace cecollm::model
