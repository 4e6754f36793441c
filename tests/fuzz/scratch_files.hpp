#pragma once
// Files for code that reads files, written anew for each input.

#include <filesystem>
#include <string>
#include <string_view>

namespace cecollm::fuzz {

/// A directory in memory where the system has one; gone at the program's end.
class ScratchFiles {
 public:
  ScratchFiles();
  ScratchFiles(const ScratchFiles&) = delete;
  ScratchFiles& operator=(const ScratchFiles&) = delete;
  ~ScratchFiles();

  const std::filesystem::path& directory() const { return directory_; }
  /// Writes or overwrites.
  std::filesystem::path write(const std::string& name, std::string_view content) const;

 private:
  std::filesystem::path directory_;
};

}  // namespace cecollm::fuzz
