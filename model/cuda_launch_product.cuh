#pragma once
// Launches a product (cuda_product.cuh) over as many blocks as the device runs at a time.

#include <algorithm>

#include "model/cuda_launch.cuh"
#include "model/cuda_product.cuh"
#include "model/cuda_workspace.hpp"

namespace cecollm::model::cuda {

/// From more rows on the library's products are faster than ours (docs/gpu.md).
inline constexpr int max_product_rows = 16;

template <int Rows, class Epilogue>
void launch_product_of(Problem& problem, const Workspace& workspace, int tiles, const bf16* weight,
                       const bf16* x, int inputs, const Epilogue& epilogue, Stream stream) {
  constexpr auto kernel = product<Rows, Epilogue>;
  constexpr auto bytes = sizeof(ProductMemory<Rows>);
  if (!problem.empty()) return;
  problem = problem_of(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                            static_cast<int>(bytes)),
                       "too little shared memory");
  launch_with_memory(problem, kernel, dim3(std::min(tiles, workspace.multiprocessors)),
                     product_threads, bytes, stream, workspace.pass.data(), weight, x, inputs,
                     tiles, epilogue);
}

/// At most max_product_rows rows.
template <class Epilogue>
void launch_product(Problem& problem, const Workspace& workspace, int rows, int tiles,
                    const bf16* weight, const bf16* x, int inputs, const Epilogue& epilogue,
                    Stream stream) {
  if (rows == 1) {
    launch_product_of<1>(problem, workspace, tiles, weight, x, inputs, epilogue, stream);
  } else if (rows <= 8) {
    launch_product_of<8>(problem, workspace, tiles, weight, x, inputs, epilogue, stream);
  } else {
    launch_product_of<max_product_rows>(problem, workspace, tiles, weight, x, inputs, epilogue,
                                        stream);
  }
}

}  // namespace cecollm::model::cuda
