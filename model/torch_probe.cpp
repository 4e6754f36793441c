#include "model/torch_probe.hpp"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "model/torch_cuda.hpp"
#include "model/torch_model.hpp"
#include "model/torch_tensor.hpp"

namespace cecollm::model {
namespace {

std::vector<float> floats_of(const at::Tensor& tensor) {
  const auto host = to_host_floats(tensor);
  const auto values = host_values(host);
  return {values.begin(), values.end()};
}

}  // namespace

Result<ForwardTrace> trace_forward(const Checkpoint& checkpoint, std::span<const TokenId> ids,
                                   ComputeDType dtype, Kernels kernels, const Device& device) {
  const c10::InferenceMode guard;
  const auto found = find_device(device);
  if (!found) return tl::unexpected(found.error());
  const auto& config = checkpoint.config();
  const auto options =
      at::TensorOptions().dtype(scalar_type(resolve(dtype, device))).device(*found);
  auto weights = load_weights(checkpoint, Part::whole, options, kernels, WeightChoice::stored);
  if (!weights) return tl::unexpected(weights.error());
  RopeTable rope(config, options);

  ForwardTrace trace;
  const TorchModel model(config, Part::whole, *weights, nullptr, Kernels::libtorch);
  at::Tensor rows = model.embed(ids);
  trace.hidden.push_back(floats_of(rows));
  const auto count = static_cast<std::int64_t>(ids.size());
  for (int layer = 0; layer < config.num_layers; ++layer) {
    auto cache =
        KvCache::reserve({1, config.num_kv_heads, config.head_dim, config.max_positions}, options);
    if (!cache) return tl::unexpected(std::move(cache.error()));
    const RowSpan span{&*cache, 0, count, 0, true};
    rows =
        run_layers(rows, config, *weights, {layer, layer + 1}, rope, {&span, 1}, OutputRows::all);
    trace.hidden.push_back(floats_of(rows));
  }
  trace.logits = floats_of(model.logits(model.stages().size() - 1, rows));
  return trace;
}

}  // namespace cecollm::model
