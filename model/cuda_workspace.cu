#include "model/cuda_workspace.hpp"

#include <type_traits>

namespace cecollm::model::cuda {
namespace {

// What the library's documentation asks for on Hopper; given beforehand, since a recorded pass must
// not allocate.
constexpr std::size_t library_bytes = std::size_t{32} << 20U;

Problem problem_of_library(cublasStatus_t status) {
  if (status == CUBLAS_STATUS_SUCCESS) return {};
  return std::string("cuBLAS: ") + cublasGetStatusString(status);
}

}  // namespace

Workspace::Workspace(const LayerShape& sizes, int vocabulary, Problem& problem)
    : shape(sizes),
      vocab(vocabulary),
      pass(1, problem),
      state(static_cast<std::size_t>(max_rows) * shape.hidden, problem),
      weighted(static_cast<std::size_t>(max_rows) * shape.hidden, problem),
      squares(static_cast<std::size_t>(max_rows) * shape.hidden / 16, problem),
      queries(static_cast<std::size_t>(max_rows) * shape.query_values(), problem),
      attention(static_cast<std::size_t>(max_rows) * shape.query_values(), problem),
      gated(static_cast<std::size_t>(max_rows) * shape.ffn, problem),
      qkv(static_cast<std::size_t>(max_rows) * (shape.query_values() + 2 * shape.key_values()),
          problem),
      gate_up(static_cast<std::size_t>(max_rows) * 2 * shape.ffn, problem),
      logits(static_cast<std::size_t>(max_rows) * vocab, problem),
      readings(max_rows, problem),
      library_memory_(library_bytes, problem) {
  int device = 0;
  if (problem.empty()) problem = problem_of(cudaGetDevice(&device), "no device");
  if (problem.empty()) {
    problem = problem_of(
        cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device),
        "no device");
  }
  if (problem.empty()) problem = problem_of_library(cublasCreate(&library_));
}

Workspace::~Workspace() {
  if (library_ != nullptr) static_cast<void>(cublasDestroy(library_));
}

template <class Out>
Problem Workspace::multiply(const void* weight, const __nv_bfloat16* x, Out* y, int outputs,
                            int inputs, int rows, bool add, Stream stream) {
  constexpr auto type = std::is_same_v<Out, float> ? CUDA_R_32F : CUDA_R_16BF;
  const float one = 1.0F;
  const float old = add ? 1.0F : 0.0F;
  auto problem = problem_of_library(cublasSetStream(library_, stream));
  if (problem.empty()) {
    problem = problem_of_library(
        cublasSetWorkspace(library_, library_memory_.data(), library_bytes));
  }
  if (!problem.empty()) return problem;
  // Its matrices are column-major: W is there as its transpose, and y as yᵀ.
  return problem_of_library(cublasGemmEx(
      library_, CUBLAS_OP_T, CUBLAS_OP_N, outputs, rows, inputs, &one, weight, CUDA_R_16BF, inputs,
      x, CUDA_R_16BF, inputs, &old, y, type, outputs, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
}

template Problem Workspace::multiply(const void*, const __nv_bfloat16*, float*, int, int, int, bool,
                                     Stream);
template Problem Workspace::multiply(const void*, const __nv_bfloat16*, __nv_bfloat16*, int, int,
                                     int, bool, Stream);

std::shared_ptr<Workspace> make_workspace(const LayerShape& shape, int vocab, Problem& problem) {
  auto workspace = std::make_shared<Workspace>(shape, vocab, problem);
  return problem.empty() ? workspace : nullptr;
}

}  // namespace cecollm::model::cuda
