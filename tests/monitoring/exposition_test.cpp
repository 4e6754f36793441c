#include "monitoring/exposition.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

namespace cecollm::monitoring {
namespace {

using testing::HasSubstr;

TEST(Exposition, IsTextWithHelpTypeAndValue) {
  prometheus::Registry registry;
  prometheus::BuildCounter()
      .Name("cecollm_things_total")
      .Help("Things.")
      .Register(registry)
      .Add({})
      .Increment(7);
  const std::string text = expose(registry);
  EXPECT_THAT(text, HasSubstr("# HELP cecollm_things_total Things.\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE cecollm_things_total counter\n"));
  EXPECT_THAT(text, HasSubstr("cecollm_things_total 7\n"));
}

TEST(Exposition, OfNothingIsEmpty) {
  const prometheus::Registry registry;
  EXPECT_EQ(expose(registry), "");
}

}  // namespace
}  // namespace cecollm::monitoring
