#pragma once
// CUDA devices, and passes of few rows on them through the kernels of cuda_layers.hpp:
// torch_cuda.cpp in builds with CUDA, torch_without_cuda.cpp in others. Internal to model/torch_*.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "model/config.hpp"
#include "model/device.hpp"
#include "model/partition.hpp"
#include "model/torch_attention.hpp"
#include "model/torch_weights.hpp"

namespace cecollm::model {

/// `device` as libtorch's, once it is known to be there: `unsupported` in a build without CUDA and
/// where the machine has no such device.
Result<c10::Device> find_device(const Device& device);

/// What a head says of a row without sampling: the lowest id among its largest logits.
struct GreedyToken {
  TokenId token = 0;
  double sum = 0.0;  // of exp(logit - largest) over the vocabulary
  bool finite = false;
};

/// The stages and heads of one part. What CUDA refuses is thrown as a c10::Error.
class CudaPart {
 public:
  virtual ~CudaPart() = default;
  virtual bool serves(std::int64_t rows) const = 0;
  /// As run_layers: `rows` [n, d] that `spans` describe, to [n, d]; n is served.
  virtual at::Tensor run_stage(std::size_t stage, const at::Tensor& rows,
                               std::span<const RowSpan> spans) = 0;
  /// Of any number of rows [n, d]; waits for the device.
  virtual std::vector<GreedyToken> read_greedy(std::size_t stage, const at::Tensor& rows) = 0;
};

/// Null where the kernels are not made for the part: off CUDA, in fp32, with biases or QK norm, or
/// of sizes that do not divide.
std::shared_ptr<CudaPart> make_cuda_part(const ModelConfig& config,
                                         const std::vector<Stage>& stages,
                                         const PartWeights& weights);

}  // namespace cecollm::model
