#include <array>
#include <fstream>
#include <utility>

#include "model/checkpoint.hpp"
#include "model/identity.hpp"
#include "model/json_file.hpp"
#include "model/split_format.hpp"

namespace cecollm::model {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_config_bytes = std::size_t{1} << 20U;

// Copied where the checkpoint has them. Only the edge turns text into tokens and back.
constexpr std::array edge_files = {"tokenizer.json",          "tokenizer_config.json",
                                   "special_tokens_map.json", "added_tokens.json",
                                   "chat_template.jinja",     "generation_config.json"};
constexpr std::array cloud_files = {"generation_config.json"};

std::string_view name_of(ExitHeadKind head) {
  switch (head) {
    case ExitHeadKind::shared:
      return "shared";
    case ExitHeadKind::norm:
      return "norm";
    case ExitHeadKind::linear:
      return "linear";
  }
  return "";
}

tl::unexpected<Error> not_written(const fs::path& path, const std::string& reason) {
  return fail(ErrorCode::unreadable, path.string() + ": cannot be written: " + reason);
}

/// A directory in the making; what is in it is gone again unless `keep` is called.
class NewDirectory {
 public:
  /// `path` must not exist or be an empty directory.
  static Result<NewDirectory> create(const fs::path& path) {
    std::error_code code;
    const bool existed = fs::exists(path, code);
    if (existed && (!fs::is_directory(path, code) || !fs::is_empty(path, code))) {
      return fail(ErrorCode::out_of_range,
                  path.string() + ": exists and is not an empty directory");
    }
    fs::create_directories(path, code);
    if (code) return not_written(path, code.message());
    return NewDirectory(path, existed);
  }
  NewDirectory(NewDirectory&& other) noexcept
      : path_(std::exchange(other.path_, {})), existed_(other.existed_) {}
  NewDirectory& operator=(NewDirectory&&) = delete;
  ~NewDirectory() {
    if (path_.empty()) return;
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    if (existed_) fs::create_directory(path_, ignored);
  }

  void keep() { path_.clear(); }

 private:
  NewDirectory(fs::path path, bool existed) : path_(std::move(path)), existed_(existed) {}
  fs::path path_;
  bool existed_;
};

/// The checkpoint's config.json with the exits in use.
Result<std::string> config_text(const Checkpoint& whole) {
  auto object = read_json_object(whole.directory() / "config.json", max_config_bytes);
  if (!object) return tl::unexpected(object.error());
  const auto& exits = *whole.config().exits;
  (*object)["early_exit"] = {{"layers", exits.layers}, {"head", name_of(exits.head)}};
  return object->dump(2) + "\n";
}

Result<void> write_text(const fs::path& path, const std::string& text) {
  std::ofstream stream(path, std::ios::binary);
  stream << text;
  stream.close();
  if (!stream) return not_written(path, "no space or no permission");
  return {};
}

Result<void> write_tensors(const Checkpoint& whole, Part part, const fs::path& dir,
                           const std::string& whole_digest) {
  std::map<std::string, TensorView, std::less<>> weights;
  std::map<std::string, TensorView, std::less<>> exit_weights;
  for (const auto& spec : tensors_of(whole.config(), part)) {
    auto tensor = whole.require(spec.name, spec.shape);
    if (!tensor) return tl::unexpected(tensor.error());
    auto& target = spec.name.starts_with(exit_tensor_prefix) ? exit_weights : weights;
    target.emplace(spec.name, std::move(*tensor));
  }
  const std::map<std::string, std::string, std::less<>> metadata = {
      {"format", "pt"}, {std::string(whole_digest_key), whole_digest}};
  if (auto done = write_safetensors(dir / "model.safetensors", weights, metadata); !done) {
    return done;
  }
  if (exit_weights.empty()) return {};
  return write_safetensors(dir / exit_weights_name, exit_weights, metadata);
}

Result<void> write_part(const Checkpoint& whole, Part part, const fs::path& dir,
                        std::span<const char* const> copied, const std::string& config,
                        const std::string& whole_digest) {
  if (auto done = write_tensors(whole, part, dir, whole_digest); !done) return done;
  for (const char* name : copied) {
    const auto source = whole.directory() / name;
    std::error_code code;
    if (!fs::exists(source, code)) continue;
    if (!fs::copy_file(source, dir / name, code)) return not_written(dir / name, code.message());
  }
  return write_text(dir / "config.json", config);
}

}  // namespace

Result<void> split(const Checkpoint& whole, const fs::path& edge_dir, const fs::path& cloud_dir) {
  if (!whole.config().exits) {
    return fail(ErrorCode::mismatch, (whole.directory() / "config.json").string() +
                                         ": early_exit: the model has no early exits to cut at");
  }
  const auto config = config_text(whole);
  if (!config) return tl::unexpected(config.error());
  const auto digest = digest_of(whole, tensors_of(whole.config(), Part::whole));
  if (!digest) return tl::unexpected(digest.error());

  auto edge = NewDirectory::create(edge_dir);
  if (!edge) return tl::unexpected(edge.error());
  auto cloud = NewDirectory::create(cloud_dir);
  if (!cloud) return tl::unexpected(cloud.error());
  std::error_code code;
  if (fs::equivalent(edge_dir, cloud_dir, code)) {
    return fail(ErrorCode::out_of_range,
                edge_dir.string() + ": edge and cloud need directories of their own");
  }
  if (auto done = write_part(whole, Part::edge, edge_dir, edge_files, *config, *digest); !done) {
    return done;
  }
  if (auto done = write_part(whole, Part::cloud, cloud_dir, cloud_files, *config, *digest); !done) {
    return done;
  }
  edge->keep();
  cloud->keep();
  return {};
}

}  // namespace cecollm::model
