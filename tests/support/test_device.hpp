#pragma once
// The device that tests of engines compute on: the CPU, or what CECOLLM_TEST_DEVICE names.

#include <cstdlib>
#include <stdexcept>

#include "model/device.hpp"

namespace cecollm::tests {

inline model::Device test_device() {
  const char* name = std::getenv("CECOLLM_TEST_DEVICE");
  const auto device = model::parse_device(name == nullptr ? "cpu" : name);
  if (!device) throw std::runtime_error("CECOLLM_TEST_DEVICE: " + device.error().message);
  return *device;
}

}  // namespace cecollm::tests
