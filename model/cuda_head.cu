// Heads: the norm, the LM head and the greedy reading of its logits.

#include "model/cuda_launch.cuh"
#include "model/cuda_launch_product.cuh"
#include "model/cuda_layers.hpp"
#include "model/cuda_reading.cuh"
#include "model/cuda_rows.cuh"
#include "model/cuda_workspace.hpp"

namespace cecollm::model::cuda {
namespace {

void issue_logits(Problem& problem, Workspace& w, const HeadPointers& head, int count,
                  Stream stream) {
  const int hidden = w.shape.hidden;
  const NormedRows rows{w.state.data(), w.weighted.data(), w.squares.data(),
                        static_cast<const bf16*>(head.norm), hidden, w.shape.eps};
  constexpr int begin_threads = 128;
  const int blocks = (hidden + 2 * begin_threads - 1) / (2 * begin_threads);
  launch(problem, begin_rows, dim3(blocks, count), begin_threads, stream, w.pass.data(), rows);
  const auto* weight = static_cast<const bf16*>(head.lm_head);
  if (count <= max_product_rows && w.vocab % tile_outputs == 0) {
    launch_product(problem, w, count, w.vocab / tile_outputs, weight, w.weighted.data(), hidden,
                   LogitEpilogue{{}, rows, w.logits.data(), w.vocab}, stream);
    return;
  }
  launch(problem, norm_rows, dim3(count), 256, stream, w.pass.data(), rows, w.weighted.data(),
         false);
  if (problem.empty()) {
    problem = w.multiply(weight, w.weighted.data(), w.logits.data(), w.vocab, hidden, count, false,
                         stream);
  }
}

}  // namespace

Problem read_head(Workspace& workspace, const HeadPointers& head, const void* rows, int count,
                  GreedyReading* readings, Stream stream) {
  const Pass pass{rows, nullptr, count, {}};
  set_pass<<<1, 256, 0, stream>>>(pass, workspace.pass.data());
  auto problem = problem_of(cudaGetLastError(), "a head could not begin");
  issue_logits(problem, workspace, head, count, stream);
  launch(problem, read_greedy, dim3(count), reading_threads, stream, workspace.logits.data(),
         workspace.vocab, workspace.readings.data());
  if (!problem.empty()) return problem;
  problem = problem_of(
      cudaMemcpyAsync(readings, workspace.readings.data(),
                      static_cast<std::size_t>(count) * sizeof(GreedyReading),
                      cudaMemcpyDeviceToHost, stream),
      "readings could not be copied");
  if (!problem.empty()) return problem;
  return problem_of(cudaStreamSynchronize(stream), "a pass failed on the device");
}

}  // namespace cecollm::model::cuda
