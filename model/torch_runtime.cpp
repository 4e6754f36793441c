// The machine under the engine: threads, dtypes, the BLAS that was loaded.

#include <filesystem>
#include <string>
#include <system_error>

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include "model/torch_engine.hpp"

namespace cecollm::model {
namespace {

/// A symbol of whatever library the process has loaded, or null.
void* loaded_symbol(const char* name) {
  return dlsym(RTLD_DEFAULT, name);
}

}  // namespace

DType resolve(ComputeDType dtype, const Device& device) {
  const bool automatic_bf16 = dtype == ComputeDType::automatic && device.kind == Device::Kind::cuda;
  return dtype == ComputeDType::bf16 || automatic_bf16 ? DType::bf16 : DType::f32;
}

void set_compute_threads(int threads) {
  if (threads <= 0) return;
  at::set_num_threads(threads);
  // libtorch does not pass its setting on to OpenBLAS' own threads.
  using SetThreads = void (*)(int);
  if (auto* set = reinterpret_cast<SetThreads>(loaded_symbol("openblas_set_num_threads"))) {
    set(threads);
  }
}

std::string blas_library() {
  void* const product = loaded_symbol("sgemm_");
  Dl_info info{};
  if (product == nullptr || dladdr(product, &info) == 0 || info.dli_fname == nullptr) return "";
  std::error_code code;
  const auto file = std::filesystem::canonical(info.dli_fname, code);
  return code ? std::string(info.dli_fname) : file.string();
}

std::string blas_warning_for(std::string_view library) {
  const std::filesystem::path path(library);
  if (!path.filename().string().starts_with("libblas.so")) return "";
  // Optimised libraries take the reference's file name under a directory of their own.
  for (const std::string_view optimised : {"openblas", "blis", "atlas", "mkl", "flexiblas"}) {
    if (path.parent_path().string().find(optimised) != std::string::npos) return "";
  }
  return "the reference BLAS is loaded (" + path.string() +
         "); fp32 products are 5 to 40 times slower than with OpenBLAS: install libopenblas0";
}

std::string blas_warning() {
  return blas_warning_for(blas_library());
}

}  // namespace cecollm::model
