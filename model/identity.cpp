#include "model/identity.hpp"

#include <algorithm>
#include <set>

#include "model/digest.hpp"
#include "model/mapped_file.hpp"

namespace cecollm::model {
namespace {

constexpr std::size_t bytes_at_once = std::size_t{4} << 20;

}  // namespace

Result<std::string> digest_of(const Checkpoint& checkpoint, std::vector<TensorSpec> specs) {
  std::ranges::sort(specs, {}, &TensorSpec::name);
  Sha256 hash;
  for (const auto& spec : specs) {
    const auto tensor = checkpoint.require(spec.name, spec.shape);
    if (!tensor) return tl::unexpected(tensor.error());
    hash.add_field(spec.name);
    hash.add_field(tensor->dtype);
    hash.add_number(spec.shape.size());
    for (const auto dim : spec.shape) hash.add_number(static_cast<std::uint64_t>(dim));
    hash.add_number(tensor->bytes.size());
    for (std::size_t begin = 0; begin < tensor->bytes.size(); begin += bytes_at_once) {
      const std::size_t size = std::min(bytes_at_once, tensor->bytes.size() - begin);
      const auto piece = tensor->bytes.subspan(begin, size);
      hash.add(piece);
      release_pages(piece);  // or a whole part would be in memory before it is loaded
    }
  }
  return hash.finish();
}

std::vector<TensorSpec> shared_tensors(const ModelConfig& config) {
  std::set<std::string, std::less<>> on_edge;
  for (auto& spec : tensors_of(config, Part::edge)) on_edge.insert(std::move(spec.name));
  auto specs = tensors_of(config, Part::cloud);
  std::erase_if(specs, [&](const TensorSpec& spec) { return !on_edge.contains(spec.name); });
  return specs;
}

Result<ModelIdentity> Checkpoint::identity() const {
  if (!config_.exits) {
    return fail(ErrorCode::mismatch,
                (dir_ / "config.json").string() + ": early_exit: the model has no early exits");
  }
  Sha256 config_hash;
  config_hash.add(canonical_text(config_));
  auto config_digest = config_hash.finish();
  if (!config_digest) return tl::unexpected(config_digest.error());
  auto shared_digest = digest_of(*this, shared_tensors(config_));
  if (!shared_digest) return tl::unexpected(shared_digest.error());
  return ModelIdentity{std::move(*config_digest), config_.exits->layers, std::move(*shared_digest),
                       whole_digest_};
}

}  // namespace cecollm::model
