#pragma once
// The engine on libtorch: every part, on CPU and CUDA.

#include <memory>
#include <string>
#include <string_view>

#include "model/checkpoint.hpp"
#include "model/device.hpp"
#include "model/engine.hpp"
#include "model/panel_layout.hpp"

namespace cecollm::model {

enum class ComputeDType { fp32, bf16, automatic };

/// What computes in fp32 on a CPU. `packed` keeps weights of bf16 in bf16, which is exact, and runs
/// a layer in a few kernels; `libtorch` is the reference that it is held against. On CUDA they
/// choose likewise between kernels of our own and libtorch's for passes of few rows in bf16.
enum class Kernels { packed, libtorch };

struct EngineOptions {
  ComputeDType dtype = ComputeDType::automatic;
  /// Codec of rows at E1. Stages above E1 always start from decoded rows, on every side (a
  /// cloud_only part included), so that edge, cloud and reference compute from the same values; the
  /// exit at E1 itself reads the values before encoding. Null: no codec (identity), rows that leave
  /// a part are encoded as fp32, which holds every compute dtype exactly.
  const RowCodec* row_codec = nullptr;
  Kernels kernels = Kernels::packed;
  /// int8 needs Kernels::packed in fp32 on a CPU, and is `unsupported` elsewhere.
  WeightChoice weights = WeightChoice::stored;
  /// `unsupported` where this build or this machine has none such.
  Device device = {};
};

/// Loads the tensors of `part`, and no others, as owned copies in the compute dtype. `checkpoint`
/// may be closed afterwards. Fails with `mismatch` for a part that a model without exits does not
/// have.
Result<std::unique_ptr<Engine>> load_engine(const Checkpoint& checkpoint, Part part,
                                            const EngineOptions& options);

/// The cloud part of a model that is loaded as cloud_only, with the same weights in memory: a cloud
/// that serves both rows and prompts needs one copy. Both engines must be used by one thread at a
/// time. Fails with `mismatch` for an engine of another part.
Result<std::unique_ptr<Engine>> share_with_cloud_part(const Engine& cloud_only);

/// `automatic` resolved. On a CPU fp32, which with packed weights is faster than bf16 arithmetic
/// even where a processor has it, reads as few bytes, and is exact; on CUDA bf16.
DType resolve(ComputeDType dtype, const Device& device = {});

/// Sets the threads of this process's tensor operations and BLAS; 0 leaves the libraries' defaults.
/// To be called before the first engine computes.
void set_compute_threads(int threads);

/// A warning for the operator if the loaded BLAS is the slow reference implementation, else empty.
std::string blas_warning();
/// The same for a BLAS in the file `library` (symbolic links resolved).
std::string blas_warning_for(std::string_view library);
/// The file that provides this process's matrix products, symbolic links resolved; empty if
/// unknown.
std::string blas_library();

}  // namespace cecollm::model
