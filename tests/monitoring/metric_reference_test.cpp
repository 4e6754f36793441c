#include "monitoring/metric_reference.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monitoring/metrics.hpp"

namespace cecollm::monitoring {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(MetricReference, DescribesWhatTheRegistryHas) {
  prometheus::Registry registry;
  prometheus::BuildGauge().Name("b_bytes").Help("Bytes.").Register(registry).Add({});
  auto& family = prometheus::BuildCounter().Name("a_total").Help("Things.").Register(registry);
  family.Add({{"kind", "small"}});
  family.Add({{"kind", "big"}});
  const auto metrics = describe(registry);
  ASSERT_EQ(metrics.size(), 2U);
  EXPECT_EQ(metrics[0].name, "a_total");
  EXPECT_EQ(metrics[0].type, "counter");
  EXPECT_EQ(metrics[0].help, "Things.");
  ASSERT_EQ(metrics[0].labels.size(), 1U);
  EXPECT_EQ(metrics[0].labels[0].name, "kind");
  EXPECT_THAT(metrics[0].labels[0].values, ElementsAre("big", "small"));
  EXPECT_EQ(metrics[1].name, "b_bytes");
  EXPECT_EQ(metrics[1].type, "gauge");
}

TEST(MetricReference, IsATableWithTheValuesOfLabelsButThoseOfOneNode) {
  prometheus::Registry registry;
  const EdgeMetrics metrics(registry,
                            {{"9.9.9", "m", "", "3", "fp32"}, {3}, {"standalone"}, {"started"}});
  const auto table = render_metric_table(describe(registry));
  EXPECT_THAT(table,
              HasSubstr("| `cecollm_asks_total` | counter | `outcome`: answered, late, lost, "
                        "refused, skipped | Tokens for which"));
  EXPECT_THAT(table, HasSubstr("| `cecollm_kv_bytes` | gauge |  | KV caches held on this edge. |"));
  EXPECT_THAT(table, HasSubstr("| `cecollm_build_info` | gauge | `role`; `version` | "));
  EXPECT_THAT(table, testing::Not(HasSubstr("9.9.9")));
}

}  // namespace
}  // namespace cecollm::monitoring
