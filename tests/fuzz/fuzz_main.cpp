// libFuzzer's entry point of one target; CECOLLM_FUZZ_TARGET names it.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/fuzz/targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  cecollm::fuzz::CECOLLM_FUZZ_TARGET({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
