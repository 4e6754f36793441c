#include "model/partition.hpp"

namespace cecollm::model {
namespace {

/// Collects tensor specifications of one configuration.
class TensorList {
 public:
  explicit TensorList(const ModelConfig& config) : config_(config) {}

  void embedding() { add("model.embed_tokens.weight", {config_.vocab_size, config_.hidden_size}); }
  void final_norm() { add("model.norm.weight", {config_.hidden_size}); }
  /// The tied case reads the embedding, which the part may hold already.
  void lm_head(bool has_embedding) {
    if (!config_.tied_embeddings) {
      add("lm_head.weight", {config_.vocab_size, config_.hidden_size});
    } else if (!has_embedding) {
      embedding();
    }
  }

  void layer(int index) {
    const std::int64_t d = config_.hidden_size;
    const std::int64_t ffn = config_.intermediate_size;
    const std::int64_t q = std::int64_t{config_.num_heads} * config_.head_dim;
    const std::int64_t kv = std::int64_t{config_.num_kv_heads} * config_.head_dim;
    const std::string prefix = "model.layers." + std::to_string(index) + ".";
    add(prefix + "input_layernorm.weight", {d});
    linear(prefix + "self_attn.q_proj", q, d, config_.qkv_bias);
    linear(prefix + "self_attn.k_proj", kv, d, config_.qkv_bias);
    linear(prefix + "self_attn.v_proj", kv, d, config_.qkv_bias);
    if (config_.qk_norm) {
      add(prefix + "self_attn.q_norm.weight", {config_.head_dim});
      add(prefix + "self_attn.k_norm.weight", {config_.head_dim});
    }
    linear(prefix + "self_attn.o_proj", d, q, config_.output_bias);
    add(prefix + "post_attention_layernorm.weight", {d});
    linear(prefix + "mlp.gate_proj", ffn, d, config_.mlp_bias);
    linear(prefix + "mlp.up_proj", ffn, d, config_.mlp_bias);
    linear(prefix + "mlp.down_proj", d, ffn, config_.mlp_bias);
  }

  void own_exit_heads(const EarlyExits& exits) {
    if (exits.head == ExitHeadKind::shared) return;
    for (const int exit : exits.layers) {
      const std::string prefix = "early_exit." + std::to_string(exit) + ".";
      add(prefix + "norm.weight", {config_.hidden_size});
      if (exits.head == ExitHeadKind::linear) {
        add(prefix + "lm_head.weight", {config_.vocab_size, config_.hidden_size});
      }
    }
  }

  std::vector<TensorSpec> take() { return std::move(list_); }

 private:
  void add(std::string name, std::vector<std::int64_t> shape) {
    list_.push_back({std::move(name), std::move(shape)});
  }
  void linear(const std::string& name, std::int64_t out, std::int64_t in, bool bias) {
    add(name + ".weight", {out, in});
    if (bias) add(name + ".bias", {out});
  }

  const ModelConfig& config_;
  std::vector<TensorSpec> list_;
};

std::vector<Stage> exit_stages(const EarlyExits& exits) {
  std::vector<Stage> stages;
  int begin = 0;
  for (std::size_t i = 0; i < exits.layers.size(); ++i) {
    const int end = exits.layers[i];
    stages.push_back({{begin, end}, {StageHead::Kind::exit, static_cast<int>(i)}});
    begin = end;
  }
  return stages;
}

}  // namespace

std::vector<Stage> stages_of(const ModelConfig& config, Part part) {
  const StageHead final{StageHead::Kind::final, 0};
  const int last = config.num_layers;
  if (!config.exits) {
    if (part == Part::edge || part == Part::cloud) return {};
    return {{{0, last}, final}};
  }
  const int first_exit = config.exits->layers.front();
  switch (part) {
    case Part::edge:
      return exit_stages(*config.exits);
    case Part::cloud:
      return {{{first_exit, last}, final}};
    case Part::cloud_only:
      return {{{0, first_exit}, {}}, {{first_exit, last}, final}};
    case Part::whole: {
      auto stages = exit_stages(*config.exits);
      stages.push_back({{config.exits->layers.back(), last}, final});
      return stages;
    }
  }
  return {};
}

std::vector<TensorSpec> tensors_of(const ModelConfig& config, Part part) {
  const auto stages = stages_of(config, part);
  if (stages.empty()) return {};
  TensorList list(config);
  const bool has_embedding = part != Part::cloud;
  if (has_embedding) list.embedding();
  for (int i = stages.front().layers.begin; i < stages.back().layers.end; ++i) list.layer(i);

  const bool runs_exits = config.exits && (part == Part::edge || part == Part::whole);
  const bool runs_final = part != Part::edge;
  if (runs_exits) list.own_exit_heads(*config.exits);
  if (runs_final || (runs_exits && config.exits->head == ExitHeadKind::shared)) list.final_norm();
  if (runs_final || (runs_exits && config.exits->head != ExitHeadKind::linear)) {
    list.lm_head(has_embedding);
  }
  return list.take();
}

std::int64_t kv_bytes_per_token(const ModelConfig& config, Part part, DType compute) {
  std::int64_t layers = 0;
  for (const auto& stage : stages_of(config, part)) layers += stage.layers.end - stage.layers.begin;
  return layers * 2 * config.num_kv_heads * config.head_dim *
         static_cast<std::int64_t>(size_of(compute));
}

}  // namespace cecollm::model
