#include "model/mapped_file.hpp"

#include <cerrno>
#include <cstdint>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/reserved_memory.hpp"

namespace cecollm::model {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int value) : value_(value) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int value() const { return value_; }

 private:
  int value_;
};

tl::unexpected<Error> unreadable(const std::filesystem::path& path, int error) {
  return fail(ErrorCode::unreadable, path.string() + ": " + std::generic_category().message(error));
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a pipe must not wait for its writer; it is refused below.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.value() < 0) return unreadable(path, errno);
  struct stat status {};
  if (::fstat(file.value(), &status) != 0) return unreadable(path, errno);
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::unreadable, path.string() + ": not a regular file");
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  std::span<const std::byte> bytes;
  if (size > 0) {  // an empty range cannot be mapped
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.value(), 0);
    if (data == MAP_FAILED) return unreadable(path, errno);
    bytes = {static_cast<const std::byte*>(data), size};
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(bytes));
}

MappedFile::~MappedFile() {
  if (bytes_.empty()) return;
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void release_pages(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  // Whole pages: they may begin before the bytes, where the file is mapped as well.
  const auto before = reinterpret_cast<std::uintptr_t>(bytes.data()) % page_bytes();
  // Only advice: where it is refused, the pages stay until the file is unmapped.
  static_cast<void>(::madvise(const_cast<std::byte*>(bytes.data()) - before, before + bytes.size(),
                              MADV_DONTNEED));
}

}  // namespace cecollm::model
