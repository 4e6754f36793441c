#include "model/safetensors.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include <nlohmann/json.hpp>

#include "model/mapped_file.hpp"
#include "model/safetensors_header.hpp"

namespace cecollm::model {
namespace {

constexpr std::size_t prefix_bytes = 8;
constexpr std::uint64_t max_header_bytes = 100'000'000;  // the reference implementation's bound

std::uint64_t read_little_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = prefix_bytes; i-- > 0;) {
    value = value << 8U | std::to_integer<std::uint64_t>(bytes[i]);
  }
  return value;
}

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

std::size_t element_bytes(std::string_view name) {
  struct Known {
    std::string_view name;
    std::size_t bytes;
  };
  constexpr std::array known = {
      Known{"BOOL", 1},    Known{"U8", 1},      Known{"I8", 1},  Known{"F8_E4M3", 1},
      Known{"F8_E5M2", 1}, Known{"F8_E8M0", 1}, Known{"I16", 2}, Known{"U16", 2},
      Known{"F16", 2},     Known{"BF16", 2},    Known{"I32", 4}, Known{"U32", 4},
      Known{"F32", 4},     Known{"I64", 8},     Known{"U64", 8}, Known{"F64", 8},
      Known{"C64", 8},
  };
  const auto* found = std::ranges::find(known, name, &Known::name);
  return found == known.end() ? 0 : found->bytes;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  auto mapping = MappedFile::open(path);
  if (!mapping) return tl::unexpected(mapping.error());
  const auto bytes = (*mapping)->bytes();
  const auto truncated = [&path](const std::string& reason) {
    return fail(ErrorCode::malformed, path.string() + ": " + reason);
  };
  if (bytes.size() < prefix_bytes) {
    return truncated(std::to_string(bytes.size()) +
                     " bytes long, shorter than a safetensors header");
  }
  const auto header_bytes = read_little_endian(bytes);
  if (header_bytes > max_header_bytes) {
    return truncated("header length " + std::to_string(header_bytes) + " is more than " +
                     std::to_string(max_header_bytes));
  }
  if (header_bytes > bytes.size() - prefix_bytes) {
    return truncated("header length " + std::to_string(header_bytes) +
                     " is beyond the end of the file of " + std::to_string(bytes.size()) +
                     " bytes");
  }
  const auto text = bytes.subspan(prefix_bytes, static_cast<std::size_t>(header_bytes));
  const auto data = bytes.subspan(prefix_bytes + text.size());
  auto header = parse_safetensors_header({reinterpret_cast<const char*>(text.data()), text.size()},
                                         data.size(), path.string());
  if (!header) return tl::unexpected(header.error());

  SafetensorsFile file;
  file.metadata_ = std::move(header->metadata);
  for (auto& [name, entry] : header->entries) {
    file.tensors_.emplace(
        name, TensorView{std::move(entry.dtype), std::move(entry.shape),
                         data.subspan(static_cast<std::size_t>(entry.begin),
                                      static_cast<std::size_t>(entry.end - entry.begin)),
                         *mapping});
  }
  return file;
}

Result<void> write_safetensors(const std::filesystem::path& path,
                               const std::map<std::string, TensorView, std::less<>>& tensors,
                               const std::map<std::string, std::string, std::less<>>& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const auto end = offset + tensor.bytes.size();
    header[name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  auto text = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  text.append((prefix_bytes - text.size() % prefix_bytes) % prefix_bytes, ' ');
  std::array<char, prefix_bytes> prefix{};
  for (std::size_t i = 0; i < prefix.size(); ++i) {
    prefix[i] = static_cast<char>(text.size() >> (8 * i) & 0xffU);
  }

  std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "wbx"));
  if (!file) {
    return fail(ErrorCode::unreadable,
                path.string() + ": cannot be created: " + std::generic_category().message(errno));
  }
  const auto write = [&file](const void* data, std::size_t size) {
    return size == 0 || std::fwrite(data, 1, size, file.get()) == size;
  };
  bool written = write(prefix.data(), prefix.size()) && write(text.data(), text.size());
  for (const auto& [name, tensor] : tensors) {
    written = written && write(tensor.bytes.data(), tensor.bytes.size());
  }
  // Closing flushes; only then is it known that everything found room.
  written = std::fclose(file.release()) == 0 && written;
  if (!written) {
    const int error = errno;
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    return fail(ErrorCode::unreadable,
                path.string() + ": cannot be written: " + std::generic_category().message(error));
  }
  return {};
}

}  // namespace cecollm::model
