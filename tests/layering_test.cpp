// The layers of the code (docs/architecture.md), held against every include line.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/include_scan.hpp"

namespace cecollm::tests {
namespace {

using testing::ElementsAre;
using testing::Gt;
using testing::IsEmpty;

std::vector<std::string> violations_of(const std::string& path, const std::string& text) {
  return layering_violations({{path, scan_includes(text)}});
}

TEST(Layering, HoldsInThisRepository) {
  const SourceTree tree = scan_tree(CECOLLM_SOURCE_DIR);
  ASSERT_THAT(tree.size(), Gt(50U)) << "the scan found hardly any sources";
  ASSERT_TRUE(tree.contains("apps/main.cpp"));
  EXPECT_THAT(layering_violations(tree), IsEmpty());
}

TEST(IncludeScan, FindsIncludesAndTheirLines) {
  EXPECT_THAT(
      scan_includes("#pragma once\n#include <vector>\n  #  include \"model/x.hpp\"  // y\n"),
      ElementsAre(Include{"vector", false, 2}, Include{"model/x.hpp", true, 3}));
}

TEST(IncludeScan, PassesOverComments) {
  EXPECT_THAT(scan_includes("// #include <vector>\n/*\n#include <map>\n*/ #include <set>\n"),
              ElementsAre(Include{"set", false, 4}));
  EXPECT_THAT(scan_includes("/* unclosed\n#include <map>\n"), IsEmpty());
}

TEST(Layering, KeepsEachFolderToItsNeighbours) {
  EXPECT_THAT(violations_of("policy/x.cpp", "#include \"model/config.hpp\"\n"),
              ElementsAre("policy/x.cpp:1: policy/ must not use model/"));
  EXPECT_THAT(violations_of("transport/x.cpp", "\n#include \"policy/mode.hpp\"\n"),
              ElementsAre("transport/x.cpp:2: transport/ must not use policy/"));
  EXPECT_THAT(violations_of("actors/x.hpp", "#include \"apps/settings.hpp\"\n"),
              ElementsAre("actors/x.hpp:1: actors/ must not use apps/"));
  EXPECT_THAT(violations_of("monitoring/x.cpp", "#include \"actors/peer.hpp\"\n"),
              ElementsAre("monitoring/x.cpp:1: monitoring/ must not use actors/"));
  EXPECT_THAT(violations_of("apps/x.cpp", "#include \"tests/support/pki.hpp\"\n"),
              ElementsAre("apps/x.cpp:1: apps/ must not use tests/"));
  EXPECT_THAT(violations_of("actors/x.cpp", "#include \"policy/mode.hpp\"\n"), IsEmpty());
}

TEST(Layering, KeepsEachFolderToItsLibraries) {
  EXPECT_THAT(violations_of("model/x.cpp", "#include <caf/all.hpp>\n"),
              ElementsAre("model/x.cpp:1: model/ must not use <caf/all.hpp>"));
  for (const char* header : {"chrono", "sys/socket.h", "time.h", "google/protobuf/message.h"}) {
    EXPECT_THAT(violations_of("model/x.cpp", "#include <" + std::string(header) + ">\n"),
                testing::SizeIs(1))
        << header;
  }
  EXPECT_THAT(violations_of("policy/x.cpp", "#include <tl/expected.hpp>\n"), testing::SizeIs(1));
  EXPECT_THAT(violations_of("policy/x.cpp", "#include <unistd.h>\n"), testing::SizeIs(1));
  EXPECT_THAT(violations_of("transport/x.cpp", "#include <nlohmann/json.hpp>\n"),
              testing::SizeIs(1));
  EXPECT_THAT(violations_of("actors/x.cpp", "#include <openssl/ssl.h>\n"), testing::SizeIs(1));
  EXPECT_THAT(violations_of("apps/x.cpp", "#include <some/library.hpp>\n"), testing::SizeIs(1));
  EXPECT_THAT(violations_of("model/x.cpp", "#include <vector>\n#include <nlohmann/json.hpp>\n"),
              IsEmpty());
}

TEST(Layering, AllowsLibtorchOnlyInTheNumerics) {
  EXPECT_THAT(violations_of("model/torch_layer.cpp", "#include <ATen/ATen.h>\n"), IsEmpty());
  EXPECT_THAT(violations_of("model/layer.hpp", "#include <torch/torch.h>\n"),
              ElementsAre("model/layer.hpp:1: model/ must not use <torch/torch.h>"));
  EXPECT_THAT(violations_of("tests/model/x_test.cpp", "#include <c10/util/Exception.h>\n"),
              testing::Not(IsEmpty()));
}

TEST(Layering, AllowsHighwayOnlyInTheKernels) {
  EXPECT_THAT(violations_of("model/kernels_product.cpp", "#include <hwy/highway.h>\n"), IsEmpty());
  EXPECT_THAT(violations_of("model/packed_layer.cpp", "#include <hwy/highway.h>\n"),
              ElementsAre("model/packed_layer.cpp:1: model/ must not use <hwy/highway.h>"));
}

TEST(Layering, KeepsTheHttpLibraryInItsFolder) {
  EXPECT_THAT(violations_of("http/connection.cpp", "#include <httplib.h>\n"), IsEmpty());
  EXPECT_THAT(violations_of("apps/x.cpp", "#include <httplib.h>\n"),
              ElementsAre("apps/x.cpp:1: apps/ must not use <httplib.h>"));
  EXPECT_THAT(violations_of("http/x.cpp", "#include \"monitoring/metrics.hpp\"\n"),
              ElementsAre("http/x.cpp:1: http/ must not use monitoring/"));
}

TEST(Layering, KeepsTheApiBetweenHttpAndActors) {
  EXPECT_THAT(violations_of("api/x.cpp",
                            "#include \"http/message.hpp\"\n"
                            "#include \"actors/edge_handles.hpp\"\n"),
              IsEmpty());
  EXPECT_THAT(violations_of("actors/x.cpp", "#include \"api/service.hpp\"\n"),
              ElementsAre("actors/x.cpp:1: actors/ must not use api/"));
  EXPECT_THAT(violations_of("api/x.cpp", "#include \"apps/settings.hpp\"\n"),
              ElementsAre("api/x.cpp:1: api/ must not use apps/"));
}

TEST(Layering, AllowsOpensslInModelOnlyForDigests) {
  EXPECT_THAT(violations_of("model/digest.cpp", "#include <openssl/evp.h>\n"), IsEmpty());
  EXPECT_THAT(violations_of("model/config.cpp", "#include <openssl/evp.h>\n"), testing::SizeIs(1));
}

TEST(Layering, LooksThroughHeadersForLibtorch) {
  const SourceTree tree{
      {"apps/x.cpp", scan_includes("#include \"model/torch_layer.hpp\"\n")},
      {"model/torch_layer.hpp", scan_includes("#include <ATen/ATen.h>\n")},
  };
  EXPECT_THAT(layering_violations(tree),
              ElementsAre("apps/x.cpp: sees libtorch through a header; only model/torch_* may"));
}

TEST(Layering, KeepsLibtorchAndProtobufInSeparateUnits) {
  const SourceTree tree{
      {"model/torch_layer.cpp",
       scan_includes("#include <ATen/ATen.h>\n#include \"model/mixed.hpp\"\n")},
      {"model/mixed.hpp", scan_includes("#include \"wire.pb.h\"\n")},
  };
  EXPECT_THAT(layering_violations(tree),
              testing::Contains("model/torch_layer.cpp: sees both libtorch and Protobuf"));
}

TEST(Layering, WantsIncludesFromTheRootAndInQuotes) {
  EXPECT_THAT(violations_of("model/x.cpp", "#include \"config.hpp\"\n"),
              ElementsAre("model/x.cpp:1: \"config.hpp\" is not written from the root"));
  EXPECT_THAT(violations_of("model/x.cpp", "#include \"../model/config.hpp\"\n"),
              testing::SizeIs(1));
  EXPECT_THAT(violations_of("model/x.cpp", "#include <model/config.hpp>\n"),
              ElementsAre("model/x.cpp:1: our own headers are included in quotes"));
}

TEST(Layering, WantsEverySourceInALayer) {
  EXPECT_THAT(violations_of("misc/x.cpp", ""), ElementsAre("misc/x.cpp: lies in no layer"));
  EXPECT_THAT(violations_of("x.cpp", ""), ElementsAre("x.cpp: lies in no layer"));
}

}  // namespace
}  // namespace cecollm::tests
