#pragma once
// Launches a kernel that may begin before the one ahead of it on the stream has ended; it must wait
// for that one itself (wait_for_previous_kernel).

#include <cuda_runtime.h>

#include "model/cuda_memory.hpp"

namespace cecollm::model::cuda {

template <class... Parameters, class... Arguments>
void launch_with_memory(Problem& problem, void (*kernel)(Parameters...), dim3 grid, int threads,
                        std::size_t shared_bytes, Stream stream, Arguments... arguments) {
  if (!problem.empty()) return;
  cudaLaunchAttribute early{};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  config.attrs = &early;
  config.numAttrs = 1;
  problem = problem_of(cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...),
                       "a kernel could not be launched");
}

template <class... Parameters, class... Arguments>
void launch(Problem& problem, void (*kernel)(Parameters...), dim3 grid, int threads, Stream stream,
            Arguments... arguments) {
  launch_with_memory(problem, kernel, grid, threads, 0, stream, arguments...);
}

}  // namespace cecollm::model::cuda
