#include "model/checkpoint.hpp"

#include <algorithm>

#include "model/digest.hpp"
#include "model/json_file.hpp"
#include "model/quoting.hpp"
#include "model/split_format.hpp"

namespace cecollm::model {
namespace {

constexpr std::size_t max_index_bytes = std::size_t{4} << 20U;

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (const auto dim : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(dim);
  }
  return text + "]";
}

bool is_plain_file_name(std::string_view name) {
  // Nothing that could leave the directory.
  return name.ends_with(".safetensors") && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

/// Shard file name -> the tensors that the index expects in it.
Result<std::map<std::string, std::vector<std::string>>> read_index(
    const std::filesystem::path& path) {
  const auto index = read_json_object(path, max_index_bytes);
  if (!index) return tl::unexpected(index.error());
  const auto malformed = [&path](const std::string& reason) {
    return fail(ErrorCode::malformed, path.string() + ": weight_map: " + reason);
  };
  const auto weight_map = index->find("weight_map");
  if (weight_map == index->end() || !weight_map->is_object() || weight_map->empty()) {
    return malformed("an object of tensor names to file names was expected");
  }
  std::map<std::string, std::vector<std::string>> shards;
  for (const auto& [tensor, file] : weight_map->items()) {
    if (!file.is_string()) return malformed(in_quotes(tensor) + ": must be a file name");
    const auto& name = file.get_ref<const std::string&>();
    if (!is_plain_file_name(name)) {
      return malformed(in_quotes(tensor) + ": " + in_quotes(name) +
                       " is not the name of a .safetensors file in the same directory");
    }
    shards[name].push_back(tensor);
  }
  return shards;
}

}  // namespace

Result<void> Checkpoint::add_file(const std::filesystem::path& path,
                                  const std::vector<std::string>* wanted) {
  auto file = SafetensorsFile::open(path);
  if (!file) return tl::unexpected(file.error());
  const auto add = [&](const std::string& name, const TensorView& tensor) -> Result<void> {
    paths_.emplace(tensor.file.get(), path);
    if (tensors_.emplace(name, tensor).second) return {};
    return fail(ErrorCode::malformed, path.string() + ": tensor " + in_quotes(name) + " is in " +
                                          weights_path_.string() + " too");
  };
  if (wanted == nullptr) {
    for (const auto& [name, tensor] : file->tensors()) {
      if (auto added = add(name, tensor); !added) return added;
    }
  } else {
    for (const auto& name : *wanted) {
      const auto it = file->tensors().find(name);
      if (it == file->tensors().end()) {
        return fail(ErrorCode::malformed, path.string() + ": tensor " + in_quotes(name) +
                                              " is missing, though " + weights_path_.string() +
                                              " names it here");
      }
      if (auto added = add(name, it->second); !added) return added;
    }
  }
  if (const auto it = file->metadata().find(whole_digest_key); it != file->metadata().end()) {
    if (!is_sha256_hex(it->second)) {
      return fail(ErrorCode::malformed, path.string() + ": metadata " +
                                            std::string(whole_digest_key) +
                                            " is not a SHA-256 digest");
    }
    if (!whole_digest_.empty() && whole_digest_ != it->second) {
      return fail(ErrorCode::mismatch,
                  path.string() + ": split from another model than " + weights_path_.string());
    }
    whole_digest_ = it->second;
  }
  return {};
}

Result<void> Checkpoint::add_shards(const std::filesystem::path& index) {
  const auto shards = read_index(index);
  if (!shards) return tl::unexpected(shards.error());
  for (const auto& [name, tensors] : *shards) {
    if (auto added = add_file(dir_ / name, &tensors); !added) return added;
  }
  return {};
}

Result<Checkpoint> Checkpoint::open(const std::filesystem::path& dir,
                                    const std::vector<int>& exit_layers) {
  auto config = read_config(dir, exit_layers);
  if (!config) return tl::unexpected(config.error());
  Checkpoint checkpoint;
  checkpoint.dir_ = dir;
  checkpoint.config_ = std::move(*config);

  const auto single = dir / "model.safetensors";
  const auto index = dir / "model.safetensors.index.json";
  std::error_code code;
  Result<void> added;
  if (std::filesystem::exists(single, code)) {
    checkpoint.weights_path_ = single;
    added = checkpoint.add_file(single);
  } else if (std::filesystem::exists(index, code)) {
    checkpoint.weights_path_ = index;
    added = checkpoint.add_shards(index);
  } else {
    added = fail(ErrorCode::unreadable, dir.string() + ": neither " + single.filename().string() +
                                            " nor " + index.filename().string() + " is there");
  }
  if (!added) return tl::unexpected(added.error());

  const bool own_heads =
      checkpoint.config_.exits && checkpoint.config_.exits->head != ExitHeadKind::shared;
  const auto exits = dir / exit_weights_name;
  if (own_heads && std::filesystem::exists(exits, code)) {
    if (added = checkpoint.add_file(exits); !added) return tl::unexpected(added.error());
  }
  return checkpoint;
}

bool Checkpoint::has(std::string_view name) const {
  return tensors_.contains(name);
}

Result<TensorView> Checkpoint::require(std::string_view name,
                                       const std::vector<std::int64_t>& shape) const {
  const auto it = tensors_.find(name);
  if (it == tensors_.end()) {
    const auto file =
        name.starts_with(exit_tensor_prefix) ? dir_ / exit_weights_name : weights_path_;
    return fail(ErrorCode::mismatch, file.string() + ": tensor " + in_quotes(name) + " is missing");
  }
  const auto& tensor = it->second;
  const auto tensor_name = paths_.at(tensor.file.get()).string() + ": tensor " + in_quotes(name);
  if (tensor.shape != shape) {
    return fail(ErrorCode::mismatch, tensor_name + " has the shape " + shape_text(tensor.shape) +
                                         ", the configuration needs " + shape_text(shape));
  }
  if (tensor.dtype != "F32" && tensor.dtype != "F16" && tensor.dtype != "BF16") {
    return fail(ErrorCode::unsupported, tensor_name + " has dtype " + tensor.dtype +
                                            ", only F32, F16 and BF16 are supported");
  }
  return tensor;
}

bool Checkpoint::holds(Part part) const {
  const auto specs = tensors_of(config_, part);
  return !specs.empty() &&
         std::ranges::all_of(specs, [this](const TensorSpec& spec) { return has(spec.name); });
}

}  // namespace cecollm::model
