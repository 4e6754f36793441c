// The names of devices.

#include "model/device.hpp"

#include <gtest/gtest.h>

#include "tests/support/model_errors.hpp"

namespace cecollm::model {
namespace {

using tests::fails_with;
using tests::succeeded;

void expect_device(std::string_view text, Device::Kind kind, int index) {
  const auto device = parse_device(text);
  ASSERT_TRUE(succeeded(device)) << text;
  EXPECT_EQ(device->kind, kind) << text;
  EXPECT_EQ(device->index, index) << text;
}

TEST(Devices, AreReadFromTheirNames) {
  expect_device("cpu", Device::Kind::cpu, 0);
  expect_device("cuda", Device::Kind::cuda, 0);
  expect_device("cuda:0", Device::Kind::cuda, 0);
  expect_device("cuda:12", Device::Kind::cuda, 12);
}

TEST(Devices, AreNamedAsTheyAreRead) {
  for (const std::string_view name : {"cpu", "cuda:0", "cuda:3"}) {
    EXPECT_EQ(name_of(*parse_device(name)), name);
  }
  EXPECT_EQ(name_of(*parse_device("cuda")), "cuda:0");
}

TEST(Devices, RefuseWhatIsNone) {
  for (const std::string_view name : {"", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:1x", "cuda: 1",
                                      "cuda:99999999999", "cuda:1000", "cpu:0"}) {
    EXPECT_TRUE(
        fails_with(parse_device(name), ErrorCode::unsupported, {"use cpu, cuda, or cuda:N"}))
        << name;
  }
}

}  // namespace
}  // namespace cecollm::model
