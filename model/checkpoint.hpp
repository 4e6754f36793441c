#pragma once
// A checkpoint directory: configuration plus every tensor by name, over one or many files.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.hpp"
#include "model/partition.hpp"
#include "model/safetensors.hpp"

namespace cecollm::model {

/// What two nodes compare before they work together (docs/checkpoints.md).
/// All digests are lower-case SHA-256 in hexadecimal.
struct ModelIdentity {
  std::string config_digest;  // of canonical_text(config)
  std::vector<int> exit_layers;
  std::string shared_digest;  // of the tensors that both sides of the cut hold
  std::string whole_digest;   // of all tensors; only known to directories made by split, else empty
};

class Checkpoint {
 public:
  /// Opens config.json, model.safetensors (or the shards of its index) and, where the exits need
  /// it, early_exit.safetensors. Maps files but reads no weights. Tensors that a partial
  /// checkpoint lacks are absent here and reported by `require`.
  static Result<Checkpoint> open(const std::filesystem::path& dir,
                                 const std::vector<int>& exit_layers = {});

  const std::filesystem::path& directory() const { return dir_; }
  const ModelConfig& config() const { return config_; }

  /// The tensor `name` with exactly `shape`, of dtype F32, F16 or BF16; an error names file, tensor
  /// and both shapes.
  Result<TensorView> require(std::string_view name, const std::vector<std::int64_t>& shape) const;
  bool has(std::string_view name) const;
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }

  /// True if all tensors of `part` are present.
  bool holds(Part part) const;

  /// Reads and hashes the tensors that both sides hold. Fails on a model without exits.
  Result<ModelIdentity> identity() const;

 private:
  /// Maps the file and takes over its tensors: all, or those that `wanted` names.
  Result<void> add_file(const std::filesystem::path& path,
                        const std::vector<std::string>* wanted = nullptr);
  Result<void> add_shards(const std::filesystem::path& index);

  std::filesystem::path dir_;
  ModelConfig config_;
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::map<const void*, std::filesystem::path> paths_;  // of the mappings, for messages
  std::filesystem::path weights_path_;                  // the file or index of the model's weights
  std::string whole_digest_;
};

/// Writes the edge's and the cloud's share of `whole` as two checkpoint directories that each load
/// on their own side only; both carry the digest of the whole model. Refuses an output directory
/// that exists and is not empty.
Result<void> split(const Checkpoint& whole, const std::filesystem::path& edge_dir,
                   const std::filesystem::path& cloud_dir);

}  // namespace cecollm::model
