#include "policy/source.hpp"

#include <gtest/gtest.h>

namespace cecollm::policy {
namespace {

TEST(Source, IsNamedAsInOutputAndMetrics) {
  EXPECT_EQ(name_of(Source{Source::Kind::exit, 0}), "exit1");
  EXPECT_EQ(name_of(Source{Source::Kind::exit, 1}), "exit2");
  EXPECT_EQ(name_of(Source{Source::Kind::cloud}), "cloud");
  EXPECT_EQ(name_of(Source{Source::Kind::fallback, 1}), "fallback");
  EXPECT_EQ(name_of(Source{Source::Kind::full}), "full");
}

TEST(SourceCounts, StartEmpty) {
  const SourceCounts counts;
  EXPECT_EQ(counts.total(), 0);
  EXPECT_EQ(counts.exits(), 0U);
  EXPECT_EQ(counts.of_exit(0), 0);
}

TEST(SourceCounts, CountEachSourceByItself) {
  SourceCounts counts;
  counts.add({Source::Kind::exit, 1});
  counts.add({Source::Kind::exit, 1});
  counts.add({Source::Kind::exit, 0});
  counts.add({Source::Kind::cloud});
  counts.add({Source::Kind::fallback, 1});
  counts.add({Source::Kind::fallback, 0});
  counts.add({Source::Kind::full});
  EXPECT_EQ(counts.of_exit(0), 1);
  EXPECT_EQ(counts.of_exit(1), 2);
  EXPECT_EQ(counts.of_exit(2), 0);
  EXPECT_EQ(counts.cloud(), 1);
  EXPECT_EQ(counts.fallback(), 2);
  EXPECT_EQ(counts.full(), 1);
  EXPECT_EQ(counts.total(), 7);
  EXPECT_EQ(counts.exits(), 2U);
}

TEST(SourceCounts, AddUp) {
  SourceCounts counts;
  counts.add({Source::Kind::exit, 0});
  SourceCounts other;
  other.add({Source::Kind::exit, 1});
  other.add({Source::Kind::cloud});
  other.add({Source::Kind::fallback, 0});
  other.add({Source::Kind::full});
  counts.add(other);
  counts.add(other);
  EXPECT_EQ(counts.of_exit(0), 1);
  EXPECT_EQ(counts.of_exit(1), 2);
  EXPECT_EQ(counts.cloud(), 2);
  EXPECT_EQ(counts.fallback(), 2);
  EXPECT_EQ(counts.full(), 2);
  EXPECT_EQ(counts.total(), 9);
}

}  // namespace
}  // namespace cecollm::policy
