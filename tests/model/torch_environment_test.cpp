// All tests of this binary compute on one thread: several test processes share the machine, and
// waiting BLAS threads take it from each other.

#include <gtest/gtest.h>

#include "model/torch_engine.hpp"

namespace cecollm::model {
namespace {

class OneThread : public testing::Environment {
 public:
  void SetUp() override { set_compute_threads(1); }
};

// GoogleTest owns and deletes it.
[[maybe_unused]] const auto* const environment = testing::AddGlobalTestEnvironment(new OneThread);

}  // namespace
}  // namespace cecollm::model
