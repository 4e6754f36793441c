#include "model/torch_weights.hpp"

#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <ATen/ATen.h>

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

  /// In the dtype of the file.
  at::Tensor read_stored(const std::string& name) const {
    const auto& source = sources_.at(name);
    const auto result = at::empty(source.view.shape, options_.dtype(scalar_type(source.stored)));
    copy_from_bytes(result, source.view.bytes, source.stored);
    return result;
  }

  std::vector<float> read_floats(const std::string& name) const {
    const auto values = read(name);
    return {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()};
  }

  /// Several tensors stacked along their first dimension, and packed in the dtype of the file where
  /// that is bf16.
  PackedMatrix read_packed(const std::vector<std::string>& names) const {
    std::int64_t outputs = 0;
    bool bf16 = true;
    for (const auto& name : names) {
      outputs += sources_.at(name).view.shape.front();
      bf16 = bf16 && sources_.at(name).stored == DType::bf16;
    }
    if (!bf16) {
      const auto values = read_stacked(names);
      return PackedMatrix::of_floats(host_values(values), outputs);
    }
    std::vector<std::uint16_t> bits;
    for (const auto& name : names) {
      const auto bytes = sources_.at(name).view.bytes;
      const std::size_t begin = bits.size();
      bits.resize(begin + bytes.size() / sizeof(std::uint16_t));
      std::memcpy(bits.data() + begin, bytes.data(), bytes.size());
    }
    return PackedMatrix::of_bf16(bits, outputs);
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

PackedLayer read_packed_layer(const WeightReader& reader, const ModelConfig& config, int index) {
  const std::string prefix = "model.layers." + std::to_string(index) + ".";
  const std::string attention = prefix + "self_attn.";
  const std::string mlp = prefix + "mlp.";
  const auto linear = [&](const std::vector<std::string>& modules, bool biased) {
    PackedLinear result;
    std::vector<std::string> names;
    for (const auto& module : modules) {
      names.push_back(module + ".weight");
      if (!biased) continue;
      const auto bias = reader.read_floats(module + ".bias");
      result.bias.insert(result.bias.end(), bias.begin(), bias.end());
    }
    result.matrix = reader.read_packed(names);
    return result;
  };

  PackedLayer layer;
  layer.input_norm = reader.read_floats(prefix + "input_layernorm.weight");
  layer.qkv =
      linear({attention + "q_proj", attention + "k_proj", attention + "v_proj"}, config.qkv_bias);
  if (config.qk_norm) {
    layer.q_norm = reader.read_floats(attention + "q_norm.weight");
    layer.k_norm = reader.read_floats(attention + "k_norm.weight");
  }
  layer.output = linear({attention + "o_proj"}, config.output_bias);
  layer.post_attention_norm = reader.read_floats(prefix + "post_attention_layernorm.weight");
  layer.gate_up = linear({mlp + "gate_proj", mlp + "up_proj"}, config.mlp_bias);
  layer.down = linear({mlp + "down_proj"}, config.mlp_bias);
  return layer;
}

/// Tensors that several heads (and the embedding) share are read once.
class HeadReader {
 public:
  HeadReader(const WeightReader& reader, const ModelConfig& config, bool packed)
      : reader_(reader), config_(config), packed_(packed) {}

  at::Tensor embedding() {
    return packed_ ? reader_.read_stored(embedding_name) : shared(embedding_name);
  }

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
    HeadWeights head;
    if (!packed_) {
      head.norm = shared(norm);
      head.lm_head = shared(lm_head);
      return head;
    }
    head.packed_norm = std::make_shared<const std::vector<float>>(reader_.read_floats(norm));
    auto& linear = packed_heads_[lm_head];
    if (!linear) {
      linear =
          std::make_shared<const PackedLinear>(PackedLinear{reader_.read_packed({lm_head}), {}});
    }
    head.packed_lm_head = linear;
    return head;
  }
  at::Tensor shared(const std::string& name) {
    auto& tensor = tensors_[name];
    if (!tensor.defined()) tensor = reader_.read(name);
    return tensor;
  }

  const WeightReader& reader_;
  const ModelConfig& config_;
  bool packed_;
  std::map<std::string, at::Tensor> tensors_;
  std::map<std::string, std::shared_ptr<const PackedLinear>> packed_heads_;
};

}  // namespace

Result<PartWeights> load_weights(const Checkpoint& checkpoint, Part part,
                                 const at::TensorOptions& options, Kernels kernels) {
  const bool packed = kernels == Kernels::packed && options.device().is_cpu() &&
                      at::typeMetaToScalarType(options.dtype()) == at::kFloat;
  const auto& config = checkpoint.config();
  const auto stages = stages_of(config, part);
  const auto reader = WeightReader::open(checkpoint, part, options);
  if (!reader) return tl::unexpected(reader.error());
  HeadReader heads(*reader, config, packed);
  PartWeights weights;
  weights.options = options;
  weights.first_layer = stages.front().layers.begin;
  if (part != Part::cloud) weights.embedding = heads.embedding();
  for (int i = stages.front().layers.begin; i < stages.back().layers.end; ++i) {
    if (packed) {
      weights.packed_layers.push_back(
          std::make_shared<const PackedLayer>(read_packed_layer(*reader, config, i)));
    } else {
      weights.layers.push_back(read_layer(*reader, config, i));
    }
  }
  for (const auto& stage : stages) weights.heads.push_back(heads.read(stage.head));
  return weights;
}

}  // namespace cecollm::model
