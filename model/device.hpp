#pragma once
// Where a model computes.

#include <string>
#include <string_view>

#include "model/error.hpp"

namespace cecollm::model {

struct Device {
  enum class Kind { cpu, cuda } kind = Kind::cpu;
  int index = 0;  // of several CUDA devices
  friend bool operator==(const Device&, const Device&) = default;
};

/// "cpu", "cuda" (the first one) or "cuda:1". Says nothing about whether the device is there.
Result<Device> parse_device(std::string_view text);
/// "cpu" or "cuda:0".
std::string name_of(const Device& device);

}  // namespace cecollm::model
