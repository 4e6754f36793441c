#include "model/packed_weights.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "model/mapped_file.hpp"
#include "model/row_codec.hpp"

namespace cecollm::model {
namespace {

constexpr const char* embedding_name = "model.embed_tokens.weight";
constexpr std::size_t bytes_packed_at_once = std::size_t{4} << 20;

/// Reads a part's tensors. The first thing that fails is kept in `error`; what is read after it is
/// of no use.
class PackedReader {
 public:
  /// Checks name, shape and dtype of every tensor before anything is allocated: sizes come from the
  /// configuration, and only bytes in a file vouch for them.
  PackedReader(const Checkpoint& checkpoint, Part part, WeightChoice choice)
      : config_(checkpoint.config()), choice_(choice) {
    for (const auto& spec : tensors_of(config_, part)) {
      auto view = checkpoint.require(spec.name, spec.shape);
      if (!view) {
        keep(std::move(view.error()));
        return;
      }
      if (view->dtype != "F32" && view->dtype != "F16" && view->dtype != "BF16") {
        keep({ErrorCode::unsupported, checkpoint.directory().string() + ": tensor " + spec.name +
                                          " has dtype " + view->dtype +
                                          "; supported are F32, F16 and BF16"});
        return;
      }
      sources_.emplace(spec.name, *std::move(view));
    }
  }

  const std::optional<Error>& error() const { return error_; }

  std::vector<float> floats(const std::string& name) {
    std::vector<float> values;
    if (error_) return values;
    for_each_piece(sources_.at(name), 1, [&](std::span<const float> piece) {
      values.insert(values.end(), piece.begin(), piece.end());
    });
    return values;
  }

  /// Several modules' weights (and biases) stacked along their outputs.
  PackedLinear linear(const std::vector<std::string>& modules, bool biased) {
    PackedLinear result;
    std::vector<std::string> names;
    for (const auto& module : modules) {
      names.push_back(module + ".weight");
      if (!biased) continue;
      const auto bias = floats(module + ".bias");
      result.bias.insert(result.bias.end(), bias.begin(), bias.end());
    }
    result.matrix = matrix(names, choice_);
    return result;
  }

  PackedMatrix matrix(const std::vector<std::string>& names, WeightChoice choice) {
    if (error_) return {};
    std::int64_t outputs = 0;
    bool bf16 = true;
    for (const auto& name : names) {
      outputs += sources_.at(name).shape.front();
      bf16 = bf16 && sources_.at(name).dtype == "BF16";
    }
    const auto format = choice == WeightChoice::int8 ? WeightFormat::int8
                        : bf16                       ? WeightFormat::bf16
                                                     : WeightFormat::fp32;
    auto result =
        PackedMatrix::reserve(format, outputs, sources_.at(names.front()).shape.back(), memory_);
    if (!result) {
      keep(std::move(result.error()));
      return {};
    }
    std::int64_t first = 0;
    for (const auto& name : names) {
      const auto& source = sources_.at(name);
      const auto set = [&](const auto& piece) {
        result->set_rows(first, piece);
        first += static_cast<std::int64_t>(piece.size()) / result->inputs();
      };
      if (format == WeightFormat::bf16) {
        for_each_bf16_piece(source, result->inputs(), set);
      } else {
        const bool finite = for_each_piece(source, result->inputs(), set);
        if (!finite && format == WeightFormat::int8) {
          keep({ErrorCode::non_finite, "tensor " + name +
                                           " has values that are not finite, which int8 cannot "
                                           "hold; use the weights as they are stored"});
        }
      }
    }
    return *std::move(result);
  }

  PackedLayer layer(int index) {
    const std::string prefix = "model.layers." + std::to_string(index) + ".";
    const std::string attention = prefix + "self_attn.";
    const std::string mlp = prefix + "mlp.";
    PackedLayer layer;
    layer.input_norm = floats(prefix + "input_layernorm.weight");
    layer.qkv = linear({attention + "q_proj", attention + "k_proj", attention + "v_proj"},
                       config_.qkv_bias);
    if (config_.qk_norm) {
      layer.q_norm = floats(attention + "q_norm.weight");
      layer.k_norm = floats(attention + "k_norm.weight");
    }
    layer.output = linear({attention + "o_proj"}, config_.output_bias);
    layer.post_attention_norm = floats(prefix + "post_attention_layernorm.weight");
    layer.gate = linear({mlp + "gate_proj"}, config_.mlp_bias);
    layer.up = linear({mlp + "up_proj"}, config_.mlp_bias);
    layer.down = linear({mlp + "down_proj"}, config_.mlp_bias);
    return layer;
  }

  PackedHead head(const StageHead& head) {
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

  /// After the heads: of a tied embedding, their matrix.
  std::shared_ptr<const PackedLinear> embedding() {
    const auto head = heads_.find(embedding_name);
    if (head != heads_.end()) return head->second;
    return std::make_shared<const PackedLinear>(
        PackedLinear{matrix({embedding_name}, WeightChoice::stored), {}});
  }

 private:
  void keep(Error error) {
    if (!error_) error_ = std::move(error);
  }

  std::string model_head() const {
    return config_.tied_embeddings ? embedding_name : "lm_head.weight";
  }

  PackedHead head_of(const std::string& norm, const std::string& lm_head) {
    auto& linear = heads_[lm_head];
    if (!linear) {
      linear = std::make_shared<const PackedLinear>(PackedLinear{matrix({lm_head}, choice_), {}});
    }
    return {std::make_shared<const std::vector<float>>(floats(norm)), linear};
  }

  /// Calls use(bytes) on pieces of whole rows of `columns` elements, and lets go of each after it.
  template <class Use>
  static void for_each_bytes(const TensorView& source, std::int64_t columns, const Use& use) {
    const std::size_t row = element_bytes(source.dtype) * static_cast<std::size_t>(columns);
    const std::size_t rows = std::max<std::size_t>(1, bytes_packed_at_once / row);
    // Whole panels, but for the last piece.
    const std::size_t whole = std::max<std::size_t>(1, rows / panel_outputs * panel_outputs) * row;
    for (std::size_t begin = 0; begin < source.bytes.size(); begin += whole) {
      const auto piece = source.bytes.subspan(begin, std::min(whole, source.bytes.size() - begin));
      use(piece);
      release_pages(piece);
    }
  }

  template <class Use>
  static void for_each_bf16_piece(const TensorView& source, std::int64_t columns, const Use& use) {
    std::vector<std::uint16_t> values;  // the file's bytes may be unaligned
    for_each_bytes(source, columns, [&](std::span<const std::byte> bytes) {
      values.resize(bytes.size() / sizeof(std::uint16_t));
      std::memcpy(values.data(), bytes.data(), bytes.size());
      use(std::span<const std::uint16_t>(values));
    });
  }

  /// False where a value is not finite. Stored as it is, it shows when it is computed with.
  template <class Use>
  static bool for_each_piece(const TensorView& source, std::int64_t columns, const Use& use) {
    const auto* codec = find_row_codec(source.dtype == "F32"   ? "fp32"
                                       : source.dtype == "F16" ? "fp16"
                                                               : "bf16");
    const auto width = element_bytes(source.dtype);
    std::vector<float> values;
    bool finite = true;
    for_each_bytes(source, columns, [&](std::span<const std::byte> bytes) {
      values.resize(bytes.size() / width);
      // Decodes every value, and then says whether one was not finite.
      finite = codec->decode(bytes, columns, values).has_value() && finite;
      use(std::span<const float>(values));
    });
    return finite;
  }

  const ModelConfig& config_;
  WeightChoice choice_;
  std::map<std::string, TensorView> sources_;
  std::map<std::string, std::shared_ptr<const PackedLinear>> heads_;
  WeightMemory memory_;
  std::optional<Error> error_;
};

PackedShape shape_of(const ModelConfig& config) {
  PackedShape shape;
  shape.hidden_size = config.hidden_size;
  shape.heads = config.num_heads;
  shape.kv_heads = config.num_kv_heads;
  shape.head_dim = config.head_dim;
  shape.ffn = config.intermediate_size;
  shape.eps = static_cast<float>(config.rms_norm_eps);
  return shape;
}

}  // namespace

Result<PackedWeights> load_packed_weights(const Checkpoint& checkpoint, Part part,
                                          WeightChoice choice, int threads) {
  const auto& config = checkpoint.config();
  const auto stages = stages_of(config, part);
  PackedReader reader(checkpoint, part, choice);
  PackedWeights weights;
  weights.first_layer = stages.front().layers.begin;
  for (int i = stages.front().layers.begin; i < stages.back().layers.end && !reader.error(); ++i) {
    weights.layers.push_back(std::make_shared<const PackedLayer>(reader.layer(i)));
  }
  for (const auto& stage : stages) {
    if (!reader.error()) weights.heads.push_back(reader.head(stage.head));
  }
  if (part != Part::cloud && !reader.error()) weights.embedding = reader.embedding();
  if (reader.error()) return tl::unexpected(*reader.error());
  weights.executor = std::make_shared<PackedExecutor>(shape_of(config), threads);
  return weights;
}

}  // namespace cecollm::model
