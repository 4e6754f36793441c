#pragma once
// Names that the reader and the writer of checkpoints agree on (docs/checkpoints.md).

#include <string_view>

namespace cecollm::model {

constexpr std::string_view exit_weights_name = "early_exit.safetensors";
constexpr std::string_view exit_tensor_prefix = "early_exit.";
/// In the `__metadata__` of a split directory's safetensors files.
constexpr std::string_view whole_digest_key = "cecollm.whole_sha256";

}  // namespace cecollm::model
