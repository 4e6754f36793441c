// The machine under the engine: threads, native dtypes, the BLAS that was loaded.

#include <filesystem>
#include <string>
#include <system_error>

#include <ATen/Parallel.h>
#include <dlfcn.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "model/torch_engine.hpp"

namespace cecollm::model {
namespace {

#if defined(__x86_64__)
/// Intel's Software Developer's Manual, CPUID leaf 7: subleaf 1 EAX bit 5 is AVX512_BF16, subleaf 0
/// EDX bit 22 is AMX-BF16. The compiler's own test for AVX-512 includes the operating system's
/// consent.
bool has_native_bf16() {
  if (__builtin_cpu_supports("avx512f") == 0) return false;
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  const bool amx = (edx >> 22U & 1U) != 0;
  const bool has_subleaf = eax >= 1;
  if (!has_subleaf || __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) == 0) return amx;
  return amx || (eax >> 5U & 1U) != 0;
}
#else
bool has_native_bf16() {
  return false;
}
#endif

/// A symbol of whatever library the process has loaded, or null.
void* loaded_symbol(const char* name) {
  return dlsym(RTLD_DEFAULT, name);
}

}  // namespace

DType resolve(ComputeDType dtype) {
  switch (dtype) {
    case ComputeDType::fp32:
      return DType::f32;
    case ComputeDType::bf16:
      return DType::bf16;
    case ComputeDType::automatic:
      break;
  }
  return has_native_bf16() ? DType::bf16 : DType::f32;
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
