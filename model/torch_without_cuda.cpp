// In place of torch_cuda.cpp in a build for the CPU alone.

#include "model/torch_cuda.hpp"

namespace cecollm::model {

Result<c10::Device> find_device(const Device& device) {
  if (device.kind == Device::Kind::cpu) return c10::Device(c10::kCPU);
  return fail(
      ErrorCode::unsupported,
      "device " + name_of(device) +
          ": this build computes on the CPU alone; build it with CECOLLM_WITH_CUDA=ON and a "
          "libtorch for CUDA (docs/gpu.md), or leave model.device (--device) out");
}

std::shared_ptr<CudaPart> make_cuda_part(const ModelConfig&, const std::vector<Stage>&,
                                         const PartWeights&) {
  return nullptr;
}

}  // namespace cecollm::model
