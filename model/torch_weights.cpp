#include "model/torch_weights.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "model/torch_tensor.hpp"

namespace cecollm::model {
namespace {

std::optional<DType> dtype_in_file(const std::string& name) {
  if (name == "F32") return DType::f32;
  if (name == "F16") return DType::f16;
  if (name == "BF16") return DType::bf16;
  return std::nullopt;
}

/// The tensors of a part, checked; reading them cannot fail.
class WeightReader {
 public:
  /// Checks name, shape and dtype of every tensor before anything is allocated: sizes come from the
  /// configuration, and only bytes in a file vouch for them.
  static Result<WeightReader> open(const Checkpoint& checkpoint, Part part,
                                   const at::TensorOptions& options) {
    WeightReader reader(options);
    for (const auto& spec : tensors_of(checkpoint.config(), part)) {
      const auto view = checkpoint.require(spec.name, spec.shape);
      if (!view) return tl::unexpected(view.error());
      const auto stored = dtype_in_file(view->dtype);
      if (!stored) {
        return fail(ErrorCode::unsupported, checkpoint.directory().string() + ": tensor " +
                                                spec.name + " has dtype " + view->dtype +
                                                "; supported are F32, F16 and BF16");
      }
      reader.sources_.emplace(spec.name, Source{*view, *stored});
    }
    return reader;
  }

  at::Tensor read(const std::string& name) const {
    const auto& source = sources_.at(name);
    const auto result = at::empty(source.view.shape, options_);
    copy_from_bytes(result, source.view.bytes, source.stored);
    return result;
  }

  /// Several tensors stacked along their first dimension.
  at::Tensor read_stacked(const std::vector<std::string>& names) const {
    auto shape = sources_.at(names.front()).view.shape;
    shape.front() = 0;
    for (const auto& name : names) shape.front() += sources_.at(name).view.shape.front();
    const auto result = at::empty(shape, options_);
    std::int64_t begin = 0;
    for (const auto& name : names) {
      const auto& source = sources_.at(name);
      const std::int64_t rows = source.view.shape.front();
      copy_from_bytes(result.narrow(0, begin, rows), source.view.bytes, source.stored);
      begin += rows;
    }
    return result;
  }

 private:
  explicit WeightReader(const at::TensorOptions& options) : options_(options) {}

  struct Source {
    TensorView view;
    DType stored;
  };
  at::TensorOptions options_;
  std::map<std::string, Source> sources_;
};

LayerWeights read_layer(const WeightReader& reader, const ModelConfig& config, int index) {
  const std::string prefix = "model.layers." + std::to_string(index) + ".";
  const std::string attention = prefix + "self_attn.";
  const std::string mlp = prefix + "mlp.";
  const auto qkv = [&](const std::string& suffix) {
    return reader.read_stacked({attention + "q_proj" + suffix, attention + "k_proj" + suffix,
                                attention + "v_proj" + suffix});
  };
  const auto gate_up = [&](const std::string& suffix) {
    return reader.read_stacked({mlp + "gate_proj" + suffix, mlp + "up_proj" + suffix});
  };

  LayerWeights layer;
  layer.input_norm = reader.read(prefix + "input_layernorm.weight");
  layer.qkv = qkv(".weight");
  if (config.qkv_bias) layer.qkv_bias = qkv(".bias");
  if (config.qk_norm) {
    const auto q_norm = reader.read(attention + "q_norm.weight");
    const auto k_norm = reader.read(attention + "k_norm.weight");
    layer.qk_norm = at::cat({q_norm.expand({config.num_heads, config.head_dim}),
                             k_norm.expand({config.num_kv_heads, config.head_dim})});
  }
  layer.output = reader.read(attention + "o_proj.weight");
  if (config.output_bias) layer.output_bias = reader.read(attention + "o_proj.bias");
  layer.post_attention_norm = reader.read(prefix + "post_attention_layernorm.weight");
  layer.gate_up = gate_up(".weight");
  if (config.mlp_bias) layer.gate_up_bias = gate_up(".bias");
  layer.down = reader.read(mlp + "down_proj.weight");
  if (config.mlp_bias) layer.down_bias = reader.read(mlp + "down_proj.bias");
  return layer;
}

/// Tensors that several heads (and the embedding) share are read once.
class HeadReader {
 public:
  HeadReader(const WeightReader& reader, const ModelConfig& config)
      : reader_(reader), config_(config) {}

  at::Tensor embedding() { return shared(embedding_name); }

  HeadWeights read(const StageHead& head) {
    if (head.kind == StageHead::Kind::none) return {};
    const bool own =
        head.kind == StageHead::Kind::exit && config_.exits->head != ExitHeadKind::shared;
    if (!own) return head_of("model.norm.weight", model_head());
    const int layer = config_.exits->layers[static_cast<std::size_t>(head.exit)];
    const std::string prefix = "early_exit." + std::to_string(layer) + ".";
    return head_of(prefix + "norm.weight", config_.exits->head == ExitHeadKind::linear
                                               ? prefix + "lm_head.weight"
                                               : model_head());
  }

 private:
  static constexpr const char* embedding_name = "model.embed_tokens.weight";

  std::string model_head() const {
    return config_.tied_embeddings ? embedding_name : "lm_head.weight";
  }
  HeadWeights head_of(const std::string& norm, const std::string& lm_head) {
    return {shared(norm), shared(lm_head)};
  }
  at::Tensor shared(const std::string& name) {
    auto& tensor = tensors_[name];
    if (!tensor.defined()) tensor = reader_.read(name);
    return tensor;
  }

  const WeightReader& reader_;
  const ModelConfig& config_;
  std::map<std::string, at::Tensor> tensors_;
};

}  // namespace

Result<PartWeights> load_weights(const Checkpoint& checkpoint, Part part,
                                 const at::TensorOptions& options, Kernels kernels,
                                 WeightChoice choice) {
  const bool packed = kernels == Kernels::packed && options.device().is_cpu() &&
                      at::typeMetaToScalarType(options.dtype()) == at::kFloat;
  const auto& config = checkpoint.config();
  const auto stages = stages_of(config, part);
  if (choice == WeightChoice::int8 && !packed) {
    return fail(ErrorCode::unsupported,
                "weights in int8 are computed with in fp32 on a CPU: use dtype fp32 or auto, or "
                "the weights as they are stored");
  }
  PartWeights weights;
  weights.options = options;
  weights.first_layer = stages.front().layers.begin;
  if (packed) {
    auto loaded = load_packed_weights(checkpoint, part, choice, at::get_num_threads());
    if (!loaded) return tl::unexpected(std::move(loaded.error()));
    weights.packed = *std::move(loaded);
    return weights;
  }
  const auto reader = WeightReader::open(checkpoint, part, options);
  if (!reader) return tl::unexpected(reader.error());
  HeadReader heads(*reader, config);
  if (part != Part::cloud) weights.embedding = heads.embedding();
  for (int i = stages.front().layers.begin; i < stages.back().layers.end; ++i) {
    weights.layers.push_back(read_layer(*reader, config, i));
  }
  for (const auto& stage : stages) weights.heads.push_back(heads.read(stage.head));
  return weights;
}

}  // namespace cecollm::model
