#include "model/torch_model.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <ATen/ATen.h>

#include "model/torch_linear.hpp"
#include "model/torch_packed.hpp"
#include "model/torch_tensor.hpp"

namespace cecollm::model {
namespace {

// Rows that go through the layers at a time: enough for efficient products, few enough that a long
// prompt does not need memory in proportion to its length times the widest layer.
constexpr std::int64_t max_rows_at_once = 512;

constexpr std::string_view exact_codec = "fp32";

/// Rows begin .. end - 1 of the batch that `spans` describe, as spans of their own.
std::vector<RowSpan> slice(std::span<const RowSpan> spans, std::int64_t begin, std::int64_t end) {
  std::vector<RowSpan> result;
  for (const auto& span : spans) {
    const std::int64_t first = std::max(begin, span.first_row);
    const std::int64_t last = std::min(end, span.first_row + span.count);
    if (first >= last) continue;
    result.push_back({span.cache, first - begin, last - first,
                      span.position + first - span.first_row, last == span.first_row + span.count});
  }
  return result;
}

}  // namespace

std::int64_t StageInput::rows() const {
  std::int64_t total = 0;
  for (const auto& piece : pieces) total += piece.size(0);
  return total;
}

TorchModel::TorchModel(ModelConfig config, Part part, PartWeights weights, const RowCodec* codec,
                       Kernels kernels)
    : config_(std::move(config)),
      stages_(stages_of(config_, part)),
      weights_(std::move(weights)),
      rope_(config_, weights_.options),
      codec_(codec != nullptr ? codec : find_row_codec(exact_codec)),
      kernels_(kernels) {
  if (kernels == Kernels::packed) cuda_ = make_cuda_part(config_, stages_, weights_);
}

TorchModel TorchModel::cloud_part() const {
  PartWeights shared = weights_;  // handles: the tensors themselves are not copied
  shared.embedding = at::Tensor();
  if (shared.packed) {
    shared.packed->embedding = nullptr;
    shared.packed->heads = {shared.packed->heads.back()};
  } else {
    shared.heads = {weights_.heads.back()};
  }
  return {config_, Part::cloud, std::move(shared), codec_, kernels_};
}

bool TorchModel::ends_at_first_exit(std::size_t stage) const {
  return config_.exits && stages_[stage].layers.end == config_.exits->layers.front();
}

OutputRows TorchModel::outputs_of(std::size_t stage) const {
  const bool feeds_others = stage + 1 < stages_.size() || ends_at_first_exit(stage);
  return feeds_others ? OutputRows::all : OutputRows::last_of_session;
}

bool TorchModel::begins_with_ids() const {
  return weights_.packed ? weights_.packed->embedding != nullptr : weights_.embedding.defined();
}

at::Tensor TorchModel::embed(std::span<const TokenId> ids) const {
  if (weights_.packed) return packed_rows(ids, weights_.packed->embedding->matrix);
  return weights_.embedding.index_select(0, tensor_of_ids(ids, weights_.options))
      .to(weights_.options.dtype());
}

at::Tensor TorchModel::run_stage(std::size_t stage, std::span<const StageInput> inputs,
                                 OutputRows output) {
  std::vector<RowSpan> spans;
  std::vector<at::Tensor> pieces;
  std::int64_t total = 0;
  for (const auto& input : inputs) {
    const std::int64_t count = input.rows();
    spans.push_back({input.cache, total, count, input.length, true});
    pieces.insert(pieces.end(), input.pieces.begin(), input.pieces.end());
    total += count;
  }
  const auto rows = pieces.size() == 1 ? pieces.front() : at::cat(pieces);

  if (cuda_ && cuda_->serves(total)) {
    const auto all = cuda_->run_stage(stage, rows, spans);
    return output == OutputRows::all ? all : select_rows(all, last_rows(spans));
  }
  std::vector<at::Tensor> outputs;
  for (std::int64_t begin = 0; begin < total; begin += max_rows_at_once) {
    const std::int64_t end = std::min(total, begin + max_rows_at_once);
    auto result = run_layers(rows.narrow(0, begin, end - begin), config_, weights_,
                             stages_[stage].layers, rope_, slice(spans, begin, end), output);
    if (result.defined()) outputs.push_back(std::move(result));
  }
  return outputs.size() == 1 ? outputs.front() : at::cat(outputs);
}

at::Tensor TorchModel::logits(std::size_t stage, const at::Tensor& rows) const {
  if (weights_.packed) return packed_logits(rows, *weights_.packed, stage);
  const auto& head = weights_.heads[stage];
  return project(rms_norm(rows, head.norm, config_.rms_norm_eps), head.lm_head, at::Tensor())
      .to(at::kFloat);
}

std::optional<std::vector<GreedyToken>> TorchModel::read_greedy(std::size_t stage,
                                                                const at::Tensor& rows) {
  if (!cuda_) return std::nullopt;
  return cuda_->read_greedy(stage, rows);
}

bool TorchModel::is_exact() const {
  // fp32 represents every compute dtype exactly, and each does itself.
  if (codec_->name() == exact_codec) return true;
  const auto dtype = dtype_from_name(codec_->name());
  return dtype && scalar_type(*dtype) == at::typeMetaToScalarType(weights_.options.dtype());
}

Result<CodedRows> TorchModel::code(const at::Tensor& rows) const {
  const auto host = to_host_floats(rows);
  auto encoded = codec_->encode(host_values(host), config_.hidden_size);
  if (!encoded) return tl::unexpected(encoded.error());
  if (is_exact()) return CodedRows{*std::move(encoded), rows};
  auto decoded = decode(*encoded);
  if (!decoded) return tl::unexpected(decoded.error());
  return CodedRows{*std::move(encoded), *std::move(decoded)};
}

Result<at::Tensor> TorchModel::decode(const Rows& rows) const {
  const std::int64_t d = config_.hidden_size;
  const RowCodec& codec = rows.codec != nullptr ? *rows.codec : *codec_;
  const std::size_t actual = rows.bytes ? rows.bytes->size() : 0;
  const std::size_t row_bytes = codec.row_bytes(d);
  if (rows.count < 0 || actual % row_bytes != 0 ||
      std::cmp_not_equal(actual / row_bytes, rows.count)) {
    return fail(ErrorCode::mismatch, std::to_string(rows.count) + " rows of " +
                                         std::to_string(row_bytes) + " bytes in " +
                                         std::string(codec.name()) + " came with " +
                                         std::to_string(actual) + " bytes");
  }
  std::vector<float> values(static_cast<std::size_t>(rows.count * d));
  if (rows.count > 0) {
    if (const auto done = codec.decode(*rows.bytes, d, values); !done) {
      return tl::unexpected(done.error());
    }
  }
  return tensor_of_floats(values, d, weights_.options);
}

}  // namespace cecollm::model
