#pragma once
// One loaded part of a model and the operations that a pass is made of. Internal to model/torch_*.

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/config.hpp"
#include "model/engine.hpp"
#include "model/partition.hpp"
#include "model/torch_cuda.hpp"
#include "model/torch_layer.hpp"
#include "model/torch_rope.hpp"
#include "model/torch_weights.hpp"

namespace cecollm::model {

/// Rows of one session for one stage.
struct StageInput {
  KvCache* cache = nullptr;
  std::int64_t length = 0;         // positions that the cache holds
  std::vector<at::Tensor> pieces;  // [n, d] each, in order; together at least one row
  std::int64_t rows() const;
};

/// Rows at E1 as they travel, and as the layers above see them.
struct CodedRows {
  Rows encoded;
  at::Tensor decoded;
};

class TorchModel {
 public:
  /// `codec` null: rows are encoded as fp32 and the layers above E1 start from the computed values.
  TorchModel(ModelConfig config, Part part, PartWeights weights, const RowCodec* codec,
             Kernels kernels);

  /// The cloud part over the same tensors as this cloud_only part.
  TorchModel cloud_part() const;

  const ModelConfig& config() const { return config_; }
  const std::vector<Stage>& stages() const { return stages_; }
  const at::TensorOptions& options() const { return weights_.options; }
  const RowCodec& codec() const { return *codec_; }
  bool begins_with_ids() const;
  /// Whether the output of `stage` are the rows at E1.
  bool ends_at_first_exit(std::size_t stage) const;
  /// What a pass needs of the output of `stage`.
  OutputRows outputs_of(std::size_t stage) const;

  at::Tensor embed(std::span<const TokenId> ids) const;
  /// Runs `stage` over all rows of `inputs` in one batched pass (in blocks where they are many).
  at::Tensor run_stage(std::size_t stage, std::span<const StageInput> inputs, OutputRows output);
  /// fp32 logits [n, vocab] of the head of `stage` over its output rows [n, d].
  at::Tensor logits(std::size_t stage, const at::Tensor& rows) const;

  /// What the head of `stage` says of its output rows [n, d] where nothing is sampled; none where
  /// the device has no kernel for it, and logits() has to be read.
  std::optional<std::vector<GreedyToken>> read_greedy(std::size_t stage, const at::Tensor& rows);

  /// Encodes rows [n, d] and decodes them again.
  Result<CodedRows> code(const at::Tensor& rows) const;
  /// Checks and decodes received rows, by their own codec where they name one: [rows.count, d].
  Result<at::Tensor> decode(const Rows& rows) const;

 private:
  /// Whether rows come out of the codec as they went in.
  bool is_exact() const;

  ModelConfig config_;
  std::vector<Stage> stages_;
  PartWeights weights_;
  RopeTable rope_;
  const RowCodec* codec_;
  Kernels kernels_;
  std::shared_ptr<CudaPart> cuda_;  // null: through libtorch
};

}  // namespace cecollm::model
