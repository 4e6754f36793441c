#include "model/cuda_layers.hpp"

#include <map>
#include <utility>

#include "model/cuda_attention.cuh"
#include "model/cuda_between.cuh"
#include "model/cuda_launch.cuh"
#include "model/cuda_launch_product.cuh"
#include "model/cuda_rows.cuh"
#include "model/cuda_workspace.hpp"

namespace cecollm::model::cuda {
namespace {

constexpr int row_threads = 256;
constexpr int begin_threads = 128;

/// Recorded passes have a few sizes; smaller passes leave rows of theirs unused.
int recorded_rows(int rows) {
  for (const int size : {1, 8, 16, 32, 64}) {
    if (rows <= size) return size;
  }
  return max_rows;
}

int blocks_for(int count, int each) {
  return (count + each - 1) / each;
}

const bf16* weights(const void* pointer) {
  return static_cast<const bf16*>(pointer);
}

class Stack final : public LayerStack {
 public:
  Stack(std::shared_ptr<Workspace> workspace, std::span<const LayerPointers> layers,
        std::span<const float> frequencies, Problem& problem)
      : workspace_(std::move(workspace)),
        layers_(layers.begin(), layers.end()),
        frequencies_(frequencies.size(), problem) {
    if (problem.empty()) {
      problem = problem_of(cudaMemcpy(frequencies_.data(), frequencies.data(),
                                      frequencies.size_bytes(), cudaMemcpyHostToDevice),
                           "the rotary frequencies could not be copied");
    }
    if (problem.empty()) {
      problem = problem_of(cudaStreamCreateWithFlags(&recorder_, cudaStreamNonBlocking),
                           "no stream to record on");
    }
  }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  ~Stack() override {
    for (const auto& [rows, graph] : graphs_) static_cast<void>(cudaGraphExecDestroy(graph));
    if (recorder_ != nullptr) static_cast<void>(cudaStreamDestroy(recorder_));
  }

  Problem run(const Pass& pass, Stream stream) override {
    Problem problem;
    const int rows = recorded_rows(pass.rows);
    auto& graph = graphs_[rows];
    if (graph == nullptr) problem = record(rows, graph);
    if (!problem.empty()) return problem;
    set_pass<<<1, row_threads, 0, stream>>>(pass, workspace_->pass.data());
    problem = problem_of(cudaGetLastError(), "a pass could not begin");
    if (!problem.empty()) return problem;
    return problem_of(cudaGraphLaunch(graph, stream), "a pass could not be replayed");
  }

 private:
  Problem record(int rows, cudaGraphExec_t& result) {
    auto problem = problem_of(
        cudaStreamBeginCapture(recorder_, cudaStreamCaptureModeThreadLocal), "recording");
    if (!problem.empty()) return problem;
    if (rows <= max_product_rows) {
      issue_own(problem, rows);
    } else {
      issue_library(problem, rows);
    }
    cudaGraph_t graph = nullptr;
    const auto ended = cudaStreamEndCapture(recorder_, &graph);
    if (problem.empty()) problem = problem_of(ended, "recording");
    if (problem.empty()) {
      problem = problem_of(cudaGraphInstantiate(&result, graph, 0), "a recording is unusable");
    }
    if (graph != nullptr) static_cast<void>(cudaGraphDestroy(graph));
    return problem;
  }

  NormedRows norm(const void* weight) const {
    const auto& w = *workspace_;
    return {w.state.data(),  w.weighted.data(), w.squares.data(),
            weights(weight), w.shape.hidden,    w.shape.eps};
  }

  QkvEpilogue qkv(std::size_t index) const {
    const auto& shape = workspace_->shape;
    return {norm(layers_[index].input_norm),
            workspace_->queries.data(),
            frequencies_.data(),
            shape.heads,
            shape.kv_heads,
            shape.head_dim,
            static_cast<int>(index)};
  }

  void issue_begin(Problem& problem, int rows) {
    const int blocks = blocks_for(workspace_->shape.hidden, 2 * begin_threads);
    launch(problem, begin_rows, dim3(blocks, rows), begin_threads, recorder_,
           workspace_->pass.data(), norm(layers_.front().input_norm));
  }

  void issue_attention(Problem& problem, int rows, std::size_t index) {
    const auto& shape = workspace_->shape;
    const auto issue = [&](auto kernel) {
      launch(problem, kernel, dim3(shape.heads, rows), attention_threads, recorder_,
             workspace_->pass.data(), workspace_->queries.data(), workspace_->attention.data(),
             shape.kv_heads, static_cast<int>(index), layers_[index].window);
    };
    if (shape.head_dim == 32) issue(attend<32>);
    if (shape.head_dim == 64) issue(attend<64>);
    if (shape.head_dim == 128) issue(attend<128>);
  }

  template <class Epilogue>
  void issue_product(Problem& problem, int rows, int tiles, const void* weight, const bf16* x,
                     int inputs, const Epilogue& epilogue) {
    launch_product(problem, *workspace_, rows, tiles, weights(weight), x, inputs, epilogue,
                   recorder_);
  }

  /// The norm that comes after layer `index`; its own first one stands in where there is none.
  const void* norm_after(std::size_t index) const {
    return layers_[index + 1 < layers_.size() ? index + 1 : 0].input_norm;
  }

  void issue_own(Problem& problem, int rows) {
    const auto& w = *workspace_;
    const auto& shape = w.shape;
    const int head_tiles = shape.head_dim / tile_outputs;
    issue_begin(problem, rows);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const auto& layer = layers_[i];
      issue_product(problem, rows, (shape.heads + 2 * shape.kv_heads) * head_tiles, layer.qkv,
                    w.weighted.data(), shape.hidden, qkv(i));
      issue_attention(problem, rows, i);
      issue_product(problem, rows, shape.hidden / tile_outputs, layer.output, w.attention.data(),
                    shape.query_values(), ResidualEpilogue{{}, norm(layer.post_attention_norm), false});
      issue_product(problem, rows, shape.ffn / 8, layer.gate_up, w.weighted.data(), shape.hidden,
                    GateEpilogue{norm(layer.post_attention_norm), w.gated.data(), shape.ffn});
      const bool last = i + 1 == layers_.size();
      issue_product(problem, rows, shape.hidden / tile_outputs, layer.down, w.gated.data(),
                    shape.ffn, ResidualEpilogue{{}, norm(norm_after(i)), last});
    }
  }

  void issue_norm(Problem& problem, int rows, const void* weight, bool last) {
    launch(problem, norm_rows, dim3(rows), row_threads, recorder_, workspace_->pass.data(),
           norm(weight), workspace_->weighted.data(), last);
  }

  template <class Out>
  void issue_multiply(Problem& problem, int rows, const void* weight, const bf16* x, Out* y,
                      int outputs, int inputs, bool add) {
    if (problem.empty()) {
      problem = workspace_->multiply(weight, x, y, outputs, inputs, rows, add, recorder_);
    }
  }

  void issue_library(Problem& problem, int rows) {
    const auto& w = *workspace_;
    const auto& shape = w.shape;
    const int all_heads = shape.heads + 2 * shape.kv_heads;
    issue_begin(problem, rows);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const auto& layer = layers_[i];
      issue_norm(problem, rows, layer.input_norm, false);
      issue_multiply(problem, rows, layer.qkv, w.weighted.data(), w.qkv.data(),
                     all_heads * shape.head_dim, shape.hidden, false);
      launch(problem, rotate_rows, dim3(all_heads, rows), shape.head_dim / 2, recorder_,
             w.pass.data(), w.qkv.data(), qkv(i));
      issue_attention(problem, rows, i);
      issue_multiply(problem, rows, layer.output, w.attention.data(), w.state.data(), shape.hidden,
                     shape.query_values(), true);
      issue_norm(problem, rows, layer.post_attention_norm, false);
      issue_multiply(problem, rows, layer.gate_up, w.weighted.data(), w.gate_up.data(),
                     2 * shape.ffn, shape.hidden, false);
      launch(problem, gate_rows, dim3(blocks_for(shape.ffn, row_threads), rows), row_threads,
             recorder_, w.pass.data(), w.gate_up.data(), w.gated.data(), shape.ffn);
      issue_multiply(problem, rows, layer.down, w.gated.data(), w.state.data(), shape.hidden,
                     shape.ffn, true);
    }
    issue_norm(problem, rows, layers_.front().input_norm, true);
  }

  std::shared_ptr<Workspace> workspace_;
  std::vector<LayerPointers> layers_;
  DeviceArray<float> frequencies_;
  Stream recorder_ = nullptr;
  std::map<int, cudaGraphExec_t> graphs_;  // by their rows
};

}  // namespace

bool supports(const LayerShape& shape) {
  cudaFuncAttributes compiled{};
  if (cudaFuncGetAttributes(&compiled, set_pass) != cudaSuccess) {
    static_cast<void>(cudaGetLastError());  // else somebody else's next check finds it
    return false;
  }
  const bool head = shape.head_dim == 32 || shape.head_dim == 64 || shape.head_dim == 128;
  return head && shape.hidden % chunk_inputs == 0 && shape.ffn % chunk_inputs == 0;
}

std::unique_ptr<LayerStack> make_layer_stack(std::shared_ptr<Workspace> workspace,
                                             std::span<const LayerPointers> layers,
                                             std::span<const float> frequencies,
                                             Problem& problem) {
  auto stack = std::make_unique<Stack>(std::move(workspace), layers, frequencies, problem);
  if (!problem.empty()) return nullptr;
  return stack;
}

}  // namespace cecollm::model::cuda
