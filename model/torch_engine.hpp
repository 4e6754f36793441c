#pragma once
// The engine on libtorch: reference numerics for every part, on CPU (and CUDA later).

#include <memory>
#include <string>
#include <string_view>

#include "model/checkpoint.hpp"
#include "model/engine.hpp"

namespace cecollm::model {

enum class ComputeDType { fp32, bf16, automatic };

struct EngineOptions {
  ComputeDType dtype = ComputeDType::automatic;
  /// Codec of rows at E1. Stages above E1 always start from decoded rows, on every side, so that
  /// edge, cloud and reference compute from the same values. Null: no codec (identity).
  const RowCodec* row_codec = nullptr;
};

/// Loads the tensors of `part`, and no others. `checkpoint` may be closed afterwards.
Result<std::unique_ptr<Engine>> load_engine(const Checkpoint& checkpoint, Part part,
                                            const EngineOptions& options);

/// `automatic` resolved for this processor: bf16 where it has native bf16 arithmetic.
DType resolve(ComputeDType dtype);

/// Sets the threads of this process's tensor operations; 0 leaves the library's default.
void set_compute_threads(int threads);

/// A warning for the operator if the loaded BLAS is the slow reference implementation, else empty.
std::string blas_warning();

}  // namespace cecollm::model
