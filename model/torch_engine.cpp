#include "model/torch_engine.hpp"

#include <new>
#include <utility>

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>

#include "model/torch_cuda.hpp"
#include "model/torch_model.hpp"
#include "model/torch_pass.hpp"
#include "model/torch_score.hpp"
#include "model/torch_session.hpp"
#include "model/torch_tensor.hpp"

namespace cecollm::model {
namespace {

Error out_of_memory(const std::string& what) {
  return {ErrorCode::exhausted, what + " failed: out of memory"};
}

class TorchEngine final : public Engine {
 public:
  explicit TorchEngine(TorchModel model) : model_(std::move(model)) {}

  const TorchModel& model() const { return model_; }
  const ModelConfig& config() const override { return model_.config(); }
  const std::vector<Stage>& stages() const override { return model_.stages(); }
  const RowCodec& row_codec() const override { return model_.codec(); }

  Result<std::unique_ptr<Session>> open(const SamplingParams& sampling) override {
    if (const auto valid = validate(sampling); !valid) return tl::unexpected(valid.error());
    const c10::InferenceMode guard;
    return TorchSession::open(this, config(), stages(), model_.options(), sampling);
  }

  std::int64_t kv_bytes_at(std::int64_t positions) const override {
    std::int64_t total = 0;
    for (const auto& stage : stages()) {
      total += model::kv_bytes_at(positions, kv_shape(config(), stage), model_.options());
    }
    return total;
  }

  std::vector<Result<StepResult>> run(std::span<const Step> batch) override {
    const c10::InferenceMode guard;
    const c10::DeviceGuard device(model_.options().device());
    TorchPass pass(model_, this, batch);
    Error unfinished{ErrorCode::exhausted, "the pass did not finish"};
    try {
      pass.run();
    } catch (const c10::Error& error) {
      unfinished = torch_error(error, "the pass");
    } catch (const std::bad_alloc&) {
      unfinished = out_of_memory("the pass");
    }
    return pass.take_results(unfinished);
  }

  Result<std::vector<std::vector<HeadScore>>> score(std::span<const TokenId> ids,
                                                    std::span<const TokenId> targets) override {
    const c10::InferenceMode guard;
    const c10::DeviceGuard device(model_.options().device());
    try {
      auto session = TorchSession::open(this, config(), stages(), model_.options(), {});
      if (!session) return tl::unexpected(std::move(session.error()));
      return score_text(model_, **session, ids, targets);
    } catch (const c10::Error& error) {
      return tl::unexpected(torch_error(error, "scoring"));
    } catch (const std::bad_alloc&) {
      return tl::unexpected(out_of_memory("scoring"));
    }
  }

 private:
  TorchModel model_;
};

}  // namespace

Result<std::unique_ptr<Engine>> share_with_cloud_part(const Engine& cloud_only) {
  const auto* engine = dynamic_cast<const TorchEngine*>(&cloud_only);
  if (engine == nullptr ||
      cloud_only.stages() != stages_of(cloud_only.config(), Part::cloud_only) ||
      !cloud_only.config().exits) {
    return fail(ErrorCode::mismatch, "only a cloud-only part can share its weights with the cloud");
  }
  return std::make_unique<TorchEngine>(engine->model().cloud_part());
}

Result<std::unique_ptr<Engine>> load_engine(const Checkpoint& checkpoint, Part part,
                                            const EngineOptions& options) {
  const c10::InferenceMode guard;
  const std::string name = checkpoint.directory().string();
  if (stages_of(checkpoint.config(), part).empty()) {
    return fail(ErrorCode::mismatch,
                name + ": a model without early exits cannot be cut; name its exit layers");
  }
  const auto device = find_device(options.device);
  if (!device) return tl::unexpected(device.error());
  const auto tensor_options = at::TensorOptions()
                                  .dtype(scalar_type(resolve(options.dtype, options.device)))
                                  .device(*device);
  try {
    const c10::DeviceGuard device_guard(*device);
    auto weights = load_weights(checkpoint, part, tensor_options, options.kernels, options.weights);
    if (!weights) return tl::unexpected(weights.error());
    return std::make_unique<TorchEngine>(TorchModel(checkpoint.config(), part, *std::move(weights),
                                                    options.row_codec, options.kernels));
  } catch (const c10::Error& error) {
    return tl::unexpected(torch_error(error, "loading " + name));
  } catch (const std::bad_alloc&) {
    return tl::unexpected(out_of_memory("loading " + name));
  }
}

}  // namespace cecollm::model
