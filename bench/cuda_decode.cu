// How fast the kernels of model/cuda_* run a stack of layers in the shape of Llama 2 7B over random
// weights, apart from everything around them: one pass of n rows, each of a session of its own with
// 128 positions in its cache, the head and its greedy token included.
//   cuda_decode [layers]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "model/cuda_layers.hpp"
#include "model/cuda_memory.hpp"

namespace {

using namespace cecollm::model::cuda;
using Clock = std::chrono::steady_clock;

constexpr LayerShape shape{4096, 11008, 32, 32, 128, 1e-5F};
constexpr int vocab = 32000;
constexpr int context = 128;
constexpr int capacity = 160;
constexpr int repetitions = 60;

void need(const Problem& problem) {
  if (problem.empty()) return;
  std::fprintf(stderr, "cuda_decode: %s\n", problem.c_str());
  std::exit(1);
}

/// Uniform values of a deviation, a function of seed and index.
__global__ void fill(__nv_bfloat16* values, std::size_t count, unsigned seed, float deviation,
                     float mean) {
  for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count;
       i += std::size_t{gridDim.x} * blockDim.x) {
    unsigned long long bits = i + (static_cast<unsigned long long>(seed) << 40U);
    bits = (bits ^ bits >> 30U) * 0xBF58476D1CE4E5B9ULL;
    bits = (bits ^ bits >> 27U) * 0x94D049BB133111EBULL;
    const float unit = static_cast<float>(bits >> 40U) / 8388608.0F - 1.0F;
    values[i] = __float2bfloat16(mean + unit * deviation * 1.7320508F);
  }
}

class Weights {
 public:
  const void* matrix(std::size_t outputs, std::size_t inputs) {
    return make(outputs * inputs, rsqrt(static_cast<double>(inputs)), 0.0F);
  }
  const void* norm() { return make(shape.hidden, 0.1, 1.0F); }
  std::size_t bytes() const { return bytes_; }

 private:
  const void* make(std::size_t count, double deviation, float mean) {
    Problem problem;
    arrays_.emplace_back(count, problem);
    need(problem);
    fill<<<1024, 256>>>(arrays_.back().data(), count, ++seed_, static_cast<float>(deviation), mean);
    bytes_ += count * sizeof(__nv_bfloat16);
    return arrays_.back().data();
  }
  std::vector<DeviceArray<__nv_bfloat16>> arrays_;
  unsigned seed_ = 0;
  std::size_t bytes_ = 0;
};

template <class Work>
double median_ms(const Work& work) {
  std::vector<double> times;
  for (int i = 0; i < repetitions + 5; ++i) {
    const auto begin = Clock::now();
    work();
    need(problem_of(cudaDeviceSynchronize(), "waiting"));
    const std::chrono::duration<double, std::milli> took = Clock::now() - begin;
    if (i >= 5) times.push_back(took.count());
  }
  std::nth_element(times.begin(), times.begin() + repetitions / 2, times.end());
  return times[repetitions / 2];
}

void report_bandwidth() {
  constexpr std::size_t bytes = std::size_t{4} << 30U;
  Problem problem;
  const DeviceArray<char> from(bytes, problem);
  const DeviceArray<char> to(bytes, problem);
  need(problem);
  need(problem_of(cudaMemset(from.data(), 1, bytes), "memset"));
  const double ms = median_ms([&] {
    need(problem_of(cudaMemcpyAsync(to.data(), from.data(), bytes, cudaMemcpyDeviceToDevice),
                    "copy"));
  });
  std::printf("copy bandwidth %.0f GB/s (bytes read and written)\n", 2 * bytes / ms * 1e-6);
}

}  // namespace

int main(int argc, char** argv) {
  const int layers = argc > 1 ? std::atoi(argv[1]) : 32;
  cudaDeviceProp device{};
  need(problem_of(cudaGetDeviceProperties(&device, 0), "no device"));
  std::printf("%s, %d multiprocessors\n", device.name, device.multiProcessorCount);
  report_bandwidth();

  Weights weights;
  std::vector<LayerPointers> pointers;
  const auto d = static_cast<std::size_t>(shape.hidden);
  for (int i = 0; i < layers; ++i) {
    LayerPointers layer{};
    layer.input_norm = weights.norm();
    layer.qkv = weights.matrix(3 * d, d);
    layer.output = weights.matrix(d, d);
    layer.post_attention_norm = weights.norm();
    layer.gate_up = weights.matrix(2 * shape.ffn, d);
    layer.down = weights.matrix(d, shape.ffn);
    pointers.push_back(layer);
  }
  const HeadPointers head{weights.norm(), weights.matrix(vocab, d)};
  std::vector<float> frequencies(shape.head_dim / 2, 0.1F);
  Problem problem;
  const auto workspace = make_workspace(shape, vocab, problem);
  need(problem);
  const auto stack = make_layer_stack(workspace, pointers, frequencies, problem);
  need(problem);

  const std::size_t cache_values = 2UL * layers * capacity * shape.key_values();
  std::vector<DeviceArray<__nv_bfloat16>> caches;
  const auto rows = DeviceArray<__nv_bfloat16>(max_rows * d, problem);
  const auto out = DeviceArray<__nv_bfloat16>(max_rows * d, problem);
  need(problem);
  fill<<<1024, 256>>>(rows.data(), max_rows * d, 999, 1.0F, 0.0F);
  std::printf("weights %.3f GB\n", static_cast<double>(weights.bytes()) * 1e-9);
  for (const int count : {1, 2, 4, 8, 16, 32, 64, 128}) {
    while (static_cast<int>(caches.size()) < count) {
      caches.emplace_back(cache_values, problem);
      need(problem);
      fill<<<1024, 256>>>(caches.back().data(), cache_values, 500 + caches.size(), 1.0F, 0.0F);
    }
    Pass pass{rows.data(), out.data(), count, {}};
    for (int i = 0; i < count; ++i) pass.places[i] = {caches[i].data(), capacity, context};
    std::vector<GreedyReading> readings(count);
    const double all = median_ms([&] {
      need(stack->run(pass, nullptr));
      need(read_head(*workspace, head, out.data(), count, readings.data(), nullptr));
    });
    const double stack_alone = median_ms([&] { need(stack->run(pass, nullptr)); });
    std::printf(
        "rows %3d: layers %.3f ms, with head and token %.3f ms (%.0f GB/s of weights), token %d\n",
        count, stack_alone, all, static_cast<double>(weights.bytes()) / all * 1e-6,
        readings[0].token);
  }
  return 0;
}
