#include "model/torch_cuda.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>

#include "model/cuda_layers.hpp"
#include "model/torch_rope.hpp"

namespace cecollm::model {
namespace {

void check(const cuda::Problem& problem) {
  TORCH_CHECK(problem.empty(), problem);
}

cuda::Stream current_stream() {
  return c10::cuda::getCurrentCUDAStream().stream();
}

class KernelPart final : public CudaPart {
 public:
  KernelPart(const ModelConfig& config, const std::vector<Stage>& stages,
             const PartWeights& weights, const cuda::LayerShape& shape)
      : config_(config), weights_(weights) {
    cuda::Problem problem;
    workspace_ = cuda::make_workspace(shape, config.vocab_size, problem);
    check(problem);
    const auto frequencies = rope_frequencies(config);
    for (const auto& stage : stages) {
      std::vector<cuda::LayerPointers> layers;
      for (int i = stage.layers.begin; i < stage.layers.end; ++i) layers.push_back(pointers(i));
      stacks_.push_back(cuda::make_layer_stack(workspace_, layers, frequencies, problem));
      check(problem);
    }
  }

  bool serves(std::int64_t rows) const override { return rows <= cuda::max_rows; }

  at::Tensor run_stage(std::size_t stage, const at::Tensor& rows,
                       std::span<const RowSpan> spans) override {
    const auto input = rows.contiguous();
    auto output = at::empty_like(input);
    cuda::Pass pass{input.data_ptr(), output.data_ptr(), 0, {}};
    for (const auto& span : spans) {
      const auto room = span.cache->room_for(span.position + span.count);
      for (std::int64_t i = 0; i < span.count; ++i) {
        pass.places[span.first_row + i] = {room.data, static_cast<std::int32_t>(room.capacity),
                                           static_cast<std::int32_t>(span.position + i)};
      }
      pass.rows += static_cast<std::int32_t>(span.count);
    }
    check(stacks_[stage]->run(pass, current_stream()));
    return output;
  }

  std::vector<GreedyToken> read_greedy(std::size_t stage, const at::Tensor& rows) override {
    const auto& head = weights_.heads[stage];
    const auto input = rows.contiguous();
    const std::int64_t d = input.size(1);
    std::vector<GreedyToken> tokens;
    std::vector<cuda::GreedyReading> readings(cuda::max_rows);
    for (std::int64_t begin = 0; begin < input.size(0); begin += cuda::max_rows) {
      const auto count = std::min<std::int64_t>(cuda::max_rows, input.size(0) - begin);
      check(cuda::read_head(*workspace_, {head.norm.data_ptr(), head.lm_head.data_ptr()},
                            input.data_ptr<at::BFloat16>() + begin * d, static_cast<int>(count),
                            readings.data(), current_stream()));
      for (std::int64_t i = 0; i < count; ++i) {
        const auto& reading = readings[static_cast<std::size_t>(i)];
        tokens.push_back({reading.token, static_cast<double>(reading.sum), reading.finite != 0});
      }
    }
    return tokens;
  }

 private:
  cuda::LayerPointers pointers(int index) const {
    const auto& layer = weights_.layer(index);
    return {layer.input_norm.data_ptr(),
            layer.qkv.data_ptr(),
            layer.output.data_ptr(),
            layer.post_attention_norm.data_ptr(),
            layer.gate_up.data_ptr(),
            layer.down.data_ptr(),
            config_.sliding_window[static_cast<std::size_t>(index)]};
  }

  const ModelConfig config_;
  const PartWeights weights_;  // handles, which keep what the pointers point to
  std::shared_ptr<cuda::Workspace> workspace_;
  std::vector<std::unique_ptr<cuda::LayerStack>> stacks_;
};

}  // namespace

Result<c10::Device> find_device(const Device& device) {
  if (device.kind == Device::Kind::cpu) return c10::Device(c10::kCPU);
  const int count = c10::cuda::device_count();
  if (device.index >= count) {
    return fail(ErrorCode::unsupported, "device " + name_of(device) + ": there are " +
                                            std::to_string(count) +
                                            " CUDA devices here, counted from 0");
  }
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(device.index));
}

std::shared_ptr<CudaPart> make_cuda_part(const ModelConfig& config,
                                         const std::vector<Stage>& stages,
                                         const PartWeights& weights) {
  const cuda::LayerShape shape{config.hidden_size, config.intermediate_size,
                               config.num_heads,   config.num_kv_heads,
                               config.head_dim,    static_cast<float>(config.rms_norm_eps)};
  const c10::DeviceGuard guard(weights.options.device());
  const bool biased = config.qkv_bias || config.output_bias || config.mlp_bias;
  const bool bf16 = at::typeMetaToScalarType(weights.options.dtype()) == at::kBFloat16;
  if (!weights.options.device().is_cuda() || !bf16 || biased || config.qk_norm ||
      !cuda::supports(shape)) {
    return nullptr;
  }
  return std::make_shared<KernelPart>(config, stages, weights, shape);
}

}  // namespace cecollm::model
