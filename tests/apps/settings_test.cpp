#include "apps/settings.hpp"

#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monitoring/log.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::apps {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class Settings : public testing::Test {
 protected:
  SettingSources file(std::string_view text) const {
    SettingSources sources;
    sources.file = directory_.write("node.toml", text);
    return sources;
  }
  std::string path() const { return (directory_.path() / "node.toml").string(); }
  tests::TemporaryDirectory directory_;
};

SettingSources flags(GivenFlags given) {
  SettingSources sources;
  sources.flags = std::move(given);
  return sources;
}

std::string edge_error(const SettingSources& sources) {
  const auto loaded = load_edge_settings(sources);
  return loaded ? "loaded" : loaded.error().message;
}

std::string cloud_error(const SettingSources& sources) {
  const auto loaded = load_cloud_settings(sources);
  return loaded ? "loaded" : loaded.error().message;
}

const GivenFlags model_given{{"model.directory", {"m"}}};

GivenFlags with_model(GivenFlags given) {
  given.insert(model_given.begin(), model_given.end());
  return given;
}

TEST_F(Settings, OfAnEdgeWithNothingButAModelAreTheDefaults) {
  const auto edge = load_edge_settings(flags(model_given));
  ASSERT_TRUE(edge) << edge.error().message;
  EXPECT_EQ(edge->model.directory, "m");
  EXPECT_EQ(edge->model.dtype, model::ComputeDType::automatic);
  EXPECT_THAT(edge->clouds, IsEmpty());
  EXPECT_EQ(edge->generation.mode, GenerationMode::standalone);
  EXPECT_THAT(edge->generation.thresholds, ElementsAre(0.8F));
  EXPECT_EQ(edge->generation.max_tokens, 128);
  EXPECT_EQ(edge->generation.token_deadline, milliseconds(5000));
  EXPECT_EQ(edge->generation.first_token_deadline, milliseconds(5000));
  EXPECT_EQ(edge->generation.sampling.temperature, 0.0F);
  EXPECT_EQ(edge->link.row_dtype, model::DType::f16);
  EXPECT_EQ(edge->link.heartbeat, milliseconds(5000));
  EXPECT_EQ(edge->link.silence_limit, milliseconds(15'000));
  EXPECT_EQ(edge->link.max_frame_bytes, 8U << 20U);
  EXPECT_EQ(edge->link.max_queue_bytes, 32U << 20U);
  EXPECT_EQ(edge->monitoring.metrics_listen, std::nullopt);
  EXPECT_EQ(edge->monitoring.log_level, "info");
}

TEST_F(Settings, ComeFromFlagThenEnvironmentThenFileThenCommandThenTable) {
  SettingSources sources = file("[generation]\nmax_tokens = 3\n[model]\ndirectory = \"m\"\n");
  sources.command_defaults = {{"generation.max_tokens", "2"}};
  sources.environment = {{"CECOLLM_GENERATION_MAX_TOKENS", "4"}};
  sources.flags = {{"generation.max_tokens", {"5"}}};
  const auto max_tokens = [&] {
    return load_edge_settings(sources)->generation.max_tokens;
  };
  EXPECT_EQ(max_tokens(), 5);
  sources.flags.clear();
  EXPECT_EQ(max_tokens(), 4);
  sources.environment.clear();
  EXPECT_EQ(max_tokens(), 3);
  sources.file = directory_.write("other.toml", "[model]\ndirectory = \"m\"\n");
  EXPECT_EQ(max_tokens(), 2);
  sources.command_defaults.clear();
  EXPECT_EQ(max_tokens(), 128);
}

TEST_F(Settings, ReadEveryKindOfValueFromAFile) {
  const auto edge = load_edge_settings(file(R"(
[model]
directory = "checkpoints/m"
exit_layers = [3, 6]
dtype = "fp32"
threads = 2
[link]
cloud = "127.0.0.1:7070"
insecure = true
heartbeat = "100ms"
silence_limit = "1s"
max_frame_bytes = "1MiB"
[generation]
thresholds = [0.5, 2]
temperature = 1
stop = ["\n\n", "END"]
seed = 9007199254740993
)"));
  ASSERT_TRUE(edge) << edge.error().message;
  EXPECT_EQ(edge->model.directory, directory_.path() / "checkpoints/m");
  EXPECT_THAT(edge->model.exit_layers, ElementsAre(3, 6));
  EXPECT_EQ(edge->model.dtype, model::ComputeDType::fp32);
  EXPECT_EQ(edge->model.threads, 2);
  ASSERT_EQ(edge->clouds.size(), 1U);
  EXPECT_EQ(transport::to_string(edge->clouds[0]), "127.0.0.1:7070");
  EXPECT_TRUE(edge->link.insecure);
  EXPECT_EQ(edge->link.heartbeat, milliseconds(100));
  EXPECT_EQ(edge->link.max_frame_bytes, 1U << 20U);
  EXPECT_THAT(edge->generation.thresholds, ElementsAre(0.5F, 2.0F));
  EXPECT_EQ(edge->generation.sampling.temperature, 1.0F);
  EXPECT_THAT(edge->generation.stop, ElementsAre("\n\n", "END"));
  EXPECT_EQ(edge->generation.sampling.seed, 9007199254740993U);
}

TEST_F(Settings, TakeOneValueForAList) {
  SettingSources sources = file("[generation]\nthresholds = 0.9\n");
  sources.flags = model_given;
  EXPECT_THAT(load_edge_settings(sources)->generation.thresholds, ElementsAre(0.9F));
}

TEST_F(Settings, NameFileAndLineOfAnUnknownKeyAndTheNearestKnownOne) {
  EXPECT_EQ(edge_error(file("[link]\n# a comment\nheartbeet = \"5s\"\n")),
            path() + ":3: link.heartbeet is no setting; did you mean link.heartbeat?");
  EXPECT_EQ(edge_error(file("\n[something]\nelse = 1\n")), path() + ":2: something is no setting");
  EXPECT_EQ(edge_error(file("model = 1\n")), path() + ":1: model is a table; write [model]");
  EXPECT_THAT(edge_error(file("[model.directory]\nx = 1\n")),
              HasSubstr(":1: model.directory: wants a text in quotes"));
}

TEST_F(Settings, NameFileAndLineOfAWrongValue) {
  EXPECT_EQ(edge_error(file("[link]\nheartbeat = 5\n")),
            path() +
                ":2: link.heartbeat: wants a duration in quotes: \"250ms\", \"5s\", \"2min\", "
                "\"1h\"");
  EXPECT_THAT(edge_error(file("[link]\nheartbeat = \"5\"\n")),
              StartsWith(path() + ":2: link.heartbeat: '5' is no duration"));
  EXPECT_EQ(edge_error(file("[generation]\n\nmax_tokens = 0\n")),
            path() + ":3: generation.max_tokens: 0 is out of range; choose from 1 to 1e+06");
  EXPECT_EQ(edge_error(file("[generation]\nmax_tokens = \"9\"\n")),
            path() + ":2: generation.max_tokens: wants a whole number, without quotes");
  EXPECT_EQ(edge_error(file("[model]\nexit_layers = [3, \"6\"]\n")),
            path() + ":2: model.exit_layers: wants whole numbers in brackets: [3, 6]");
}

TEST_F(Settings, NameTheLineOfBrokenToml) {
  EXPECT_THAT(edge_error(file("[link]\nheartbeat =\n")), StartsWith(path() + ":2: not TOML: "));
}

TEST_F(Settings, SayThatAFileCannotBeRead) {
  SettingSources sources;
  sources.file = directory_.path() / "absent.toml";
  EXPECT_EQ(edge_error(sources), sources.file->string() + ": cannot be read");
  sources.file = directory_.path();
  EXPECT_THAT(edge_error(sources), EndsWith("is a directory, not a configuration file"));
}

TEST_F(Settings, RefuseAFileBeyondOneMebibyte) {
  EXPECT_THAT(edge_error(file(std::string((1U << 20U) + 1, '#'))),
              EndsWith("is larger than 1 MiB"));
}

TEST_F(Settings, CountFurtherProblems) {
  EXPECT_THAT(edge_error(file("[link]\na = 1\nb = 2\nc = 3\n")), EndsWith(" (and 2 more)"));
}

TEST_F(Settings, OfTheOtherNodeAreRefusedInAFileAndPassedOverInTheEnvironment) {
  EXPECT_EQ(edge_error(file("[contexts]\nidle_ttl = \"1s\"\n")),
            path() +
                ":2: contexts.idle_ttl is a setting of the cloud, and this is the file of the "
                "edge");
  SettingSources sources = flags(model_given);
  sources.environment = {{"CECOLLM_CONTEXTS_IDLE_TTL", "nonsense"}};
  EXPECT_EQ(edge_error(sources), "loaded");
}

TEST_F(Settings, RefuseMisspeltVariablesButNotThoseOfContainerManagers) {
  SettingSources sources = flags(model_given);
  sources.environment = {{"CECOLLM_CLOUD_SERVICE_HOST", "10.0.0.1"},
                         {"CECOLLM_EDGE_PORT_7070_TCP", "tcp://10.0.0.1:7070"}};
  EXPECT_EQ(edge_error(sources), "loaded");
  sources.environment = {{"CECOLLM_LINK_HEARTBEET", "5s"}};
  EXPECT_EQ(edge_error(sources),
            "environment: CECOLLM_LINK_HEARTBEET is no setting; did you mean "
            "CECOLLM_LINK_HEARTBEAT?");
}

TEST_F(Settings, NameTheVariableOrFlagOfAWrongValue) {
  SettingSources sources = flags(model_given);
  sources.environment = {{"CECOLLM_MODEL_THREADS", "many"}};
  EXPECT_EQ(edge_error(sources), "CECOLLM_MODEL_THREADS: model.threads: 'many' is no whole number");
  EXPECT_EQ(edge_error(flags(with_model({{"model.dtype", {"fp64"}}}))),
            "--dtype: model.dtype: 'fp64' is none of fp32, bf16, auto");
}

TEST_F(Settings, RefuseACommandThatSetsWhatDoesNotExist) {
  EXPECT_EQ(edge_error(flags(with_model({{"log.colour", {"red"}}}))),
            "command line: log.colour is no setting");
}

TEST_F(Settings, OfLogsAreLevelsThatTheLoggerKnows) {
  for (const char* level : {"trace", "debug", "info", "warning", "error", "off"}) {
    const auto edge = load_edge_settings(flags(with_model({{"log.level", {level}}})));
    ASSERT_TRUE(edge) << edge.error().message;
    EXPECT_TRUE(monitoring::log_level_from_name(edge->monitoring.log_level)) << level;
  }
}

TEST_F(Settings, OfLogsAreFormatsThatTheLoggerKnows) {
  for (const char* format : {"logfmt", "json"}) {
    const auto edge = load_edge_settings(flags(with_model({{"log.format", {format}}})));
    ASSERT_TRUE(edge) << edge.error().message;
    EXPECT_TRUE(monitoring::log_format_from_name(edge->monitoring.log_format)) << format;
  }
}

TEST_F(Settings, RefuseATimelineWhereThereIsNone) {
  EXPECT_EQ(
      edge_error(
          flags(with_model({{"generation.mode", {"full"}}, {"log.trace_file", {"trace.json"}}}))),
      "--trace-file: log.trace_file: mode full has no timeline; leave it out, or choose another "
      "mode");
}

TEST_F(Settings, NeedAModel) {
  EXPECT_EQ(edge_error({}),
            "the model is missing; give its directory as model.directory (--model)");
}

TEST_F(Settings, OfExitLayersAscend) {
  EXPECT_EQ(edge_error(flags(with_model({{"model.exit_layers", {"6,3"}}}))),
            "--exit-layers: model.exit_layers: layers must ascend");
  EXPECT_THAT(edge_error(flags(with_model({{"model.exit_layers", {"3,3"}}}))),
              EndsWith("must ascend"));
}

TEST_F(Settings, SendRowsAsFp32WhereComputingInFp32WasAskedFor) {
  const auto row_dtype = [](GivenFlags given) {
    return load_edge_settings(flags(with_model(std::move(given))))->link.row_dtype;
  };
  EXPECT_EQ(row_dtype({{"model.dtype", {"fp32"}}}), model::DType::f32);
  EXPECT_EQ(row_dtype({{"model.dtype", {"bf16"}}}), model::DType::f16);
  EXPECT_EQ(row_dtype({{"model.dtype", {"fp32"}}, {"link.row_dtype", {"bf16"}}}),
            model::DType::bf16);
  EXPECT_EQ(row_dtype({{"model.dtype", {"fp32"}}, {"link.row_dtype", {"auto"}}}),
            model::DType::f32);
}

TEST_F(Settings, CollaborateWhereACloudIsGiven) {
  const GivenFlags cloud{{"link.cloud", {"127.0.0.1:7070"}}, {"link.insecure", {"true"}}};
  EXPECT_EQ(load_edge_settings(flags(with_model(cloud)))->generation.mode,
            GenerationMode::collaborative);
  GivenFlags standalone = cloud;
  standalone["generation.mode"] = {"standalone"};
  const auto edge = load_edge_settings(flags(with_model(standalone)));
  EXPECT_EQ(edge->generation.mode, GenerationMode::standalone);
  EXPECT_THAT(edge->clouds, IsEmpty());
}

TEST_F(Settings, OfCollaborationNeedACloud) {
  for (const char* mode : {"collaborative", "cloud-only"}) {
    EXPECT_EQ(edge_error(flags(with_model({{"generation.mode", {mode}}}))),
              "--mode: generation.mode: mode " + std::string(mode) +
                  " needs a cloud; give its address as link.cloud (--cloud)");
  }
}

TEST_F(Settings, HaveNoThresholdsInFullModeUnlessGiven) {
  const GivenFlags full{{"generation.mode", {"full"}}};
  EXPECT_THAT(load_edge_settings(flags(with_model(full)))->generation.thresholds, ElementsAre());
  GivenFlags given = full;
  given["generation.thresholds"] = {"0.8"};
  EXPECT_THAT(load_edge_settings(flags(with_model(given)))->generation.thresholds,
              ElementsAre(0.8F));
}

TEST_F(Settings, RefuseFullModeInAFile) {
  EXPECT_THAT(edge_error(file("[model]\ndirectory = \"m\"\n[generation]\nmode = \"full\"\n")),
              HasSubstr(":4: generation.mode: full is one process with all layers"));
}

TEST_F(Settings, OfTheFirstTokenFollowTheTokenDeadlineUnlessGiven) {
  const auto loaded =
      load_edge_settings(flags(with_model({{"generation.token_deadline", {"1s"}}})));
  EXPECT_EQ(loaded->generation.first_token_deadline, milliseconds(1000));
  const auto given = load_edge_settings(flags(with_model(
      {{"generation.token_deadline", {"1s"}}, {"generation.first_token_deadline", {"9s"}}})));
  EXPECT_EQ(given->generation.first_token_deadline, milliseconds(9000));
}

TEST_F(Settings, OfALinkNeedAllThreeFilesOrInsecureOnLoopback) {
  EXPECT_EQ(edge_error(flags(with_model(
                {{"link.cloud", {"cloud.example:7070"}}, {"link.certificate", {"edge.crt"}}}))),
            "the link at cloud.example:7070 lacks link.key (--key), link.authority (--ca)");
  EXPECT_THAT(edge_error(flags(with_model({{"link.cloud", {"127.0.0.1:7070"}}}))),
              EndsWith("; or, on loopback, use --insecure"));
  const auto edge = load_edge_settings(flags(with_model({{"link.cloud", {"cloud.example:7070"}},
                                                         {"link.certificate", {"edge.crt"}},
                                                         {"link.key", {"edge.key"}},
                                                         {"link.authority", {"ca.crt"}}})));
  ASSERT_TRUE(edge) << edge.error().message;
  ASSERT_TRUE(edge->link.credentials);
  EXPECT_EQ(edge->link.credentials->certificate, "edge.crt");
  EXPECT_EQ(edge->link.credentials->key, "edge.key");
  EXPECT_EQ(edge->link.credentials->authority, "ca.crt");
}

TEST_F(Settings, RefuseInsecureBeyondLoopbackAndBesideCertificates) {
  EXPECT_THAT(edge_error(flags(with_model(
                  {{"link.cloud", {"cloud.example:7070"}}, {"link.insecure", {"true"}}}))),
              HasSubstr("only for loopback addresses, and link.cloud is cloud.example:7070"));
  EXPECT_THAT(cloud_error(flags(
                  with_model({{"link.listen", {"0.0.0.0:7070"}}, {"link.insecure", {"true"}}}))),
              HasSubstr("only for loopback addresses, and link.listen is 0.0.0.0:7070"));
  EXPECT_EQ(edge_error(flags(with_model({{"link.cloud", {"127.0.0.1:7070"}},
                                         {"link.insecure", {"true"}},
                                         {"link.key", {"edge.key"}}}))),
            "--key: link.key and link.insecure exclude each other");
}

TEST_F(Settings, OfSilenceLeaveRoomForTwoHeartbeats) {
  EXPECT_THAT(edge_error(flags(with_model({{"link.heartbeat", {"8s"}}}))),
              HasSubstr("link.silence_limit must be at least twice link.heartbeat (8000ms)"));
  EXPECT_EQ(edge_error(flags(with_model({{"link.heartbeat", {"7500ms"}}}))), "loaded");
}

TEST_F(Settings, OfAQueueLeaveRoomForOneFrame) {
  EXPECT_THAT(edge_error(flags(with_model({{"link.max_queue_bytes", {"4MiB"}}}))),
              HasSubstr("link.max_queue_bytes must be at least link.max_frame_bytes"));
}

TEST_F(Settings, OfACloudAreItsDefaults) {
  const auto cloud = load_cloud_settings(
      flags(with_model({{"link.listen", {"127.0.0.1:0"}}, {"link.insecure", {"true"}}})));
  ASSERT_TRUE(cloud) << cloud.error().message;
  EXPECT_TRUE(cloud->serve_cloud_only);
  EXPECT_EQ(cloud->max_connections, 64U);
  EXPECT_EQ(cloud->contexts.max_total, 4096U);
  EXPECT_EQ(cloud->contexts.max_per_edge, 256U);
  EXPECT_EQ(cloud->contexts.idle_ttl, std::chrono::minutes(10));
  EXPECT_EQ(cloud->contexts.disconnect_grace, std::chrono::seconds(30));
}

TEST_F(Settings, OfACloudAllowEveryEdgeUnlessTheyNameSome) {
  const GivenFlags listening{{"link.listen", {"0.0.0.0:7070"}},
                             {"link.certificate", {"c.pem"}},
                             {"link.key", {"c.key"}},
                             {"link.authority", {"ca.pem"}}};
  auto sources = flags(with_model(listening));
  EXPECT_TRUE(load_cloud_settings(sources)->allowed.allows("edge-9"));
  sources.flags["link.allow"] = {"edge-1", "edge-2"};
  EXPECT_TRUE(load_cloud_settings(sources)->allowed.allows("edge-2"));
  EXPECT_FALSE(load_cloud_settings(sources)->allowed.allows("edge-9"));
  auto none = file("[link]\nallow = []\n");
  none.flags = with_model(listening);
  EXPECT_FALSE(load_cloud_settings(none)->allowed.allows("edge-1"));
}

TEST_F(Settings, RefuseNamesWhereThereAreNoCertificates) {
  EXPECT_THAT(cloud_error(flags(with_model({{"link.listen", {"127.0.0.1:0"}},
                                            {"link.insecure", {"true"}},
                                            {"link.allow", {"edge-1"}}}))),
              HasSubstr("link.allow and link.insecure exclude each other"));
}

TEST_F(Settings, OfACloudNeedAnAddress) {
  EXPECT_EQ(cloud_error(flags(model_given)),
            "the address to listen on is missing; give it as link.listen (--listen)");
}

TEST_F(Settings, OfOneEdgeStayWithinTheWholeCloud) {
  EXPECT_THAT(cloud_error(flags(with_model({{"link.listen", {"127.0.0.1:0"}},
                                            {"link.insecure", {"true"}},
                                            {"contexts.max_total", {"8"}}}))),
              HasSubstr("contexts.max_per_edge must be at most contexts.max_total (8)"));
}

TEST_F(Settings, ListAllProblemsForACheck) {
  EXPECT_THAT(find_setting_problems(Node::edge, file("[link]\na = 1\nb = 2\n")),
              ElementsAre(AllOf(HasSubstr(":2:"), HasSubstr("link.a")),
                          AllOf(HasSubstr(":3:"), HasSubstr("link.b"))));
}

TEST_F(Settings, OfAFileTellItsNode) {
  const auto nodes = [&](std::string_view text) {
    return nodes_of_file(*file(text).file);
  };
  EXPECT_THAT(nodes("[link]\nlisten = \"a:1\"\n"), ElementsAre(Node::cloud));
  EXPECT_THAT(nodes("[generation]\nseed = 1\n"), ElementsAre(Node::edge));
  EXPECT_THAT(nodes("[model]\nthreads = 1\n"), ElementsAre());
  EXPECT_THAT(nodes("[link]\nlisten = \"a:1\"\ncloud = \"a:1\"\n"),
              ElementsAre(Node::edge, Node::cloud));
}

TEST_F(Settings, KeepTheAdminSurfaceOnLoopback) {
  const auto edge = load_edge_settings(flags(with_model({{"admin.listen", {"[::1]:7081"}}})));
  ASSERT_TRUE(edge) << edge.error().message;
  EXPECT_EQ(edge->admin_listen->port, 7081);
  EXPECT_FALSE(load_edge_settings(flags(model_given))->admin_listen);
  for (const char* address : {"0.0.0.0:7081", "10.0.0.7:7081", "node.example:7081", "[::]:7081"}) {
    EXPECT_THAT(edge_error(flags(with_model({{"admin.listen", {address}}}))),
                AllOf(StartsWith("--admin: "), HasSubstr(address),
                      HasSubstr(" is no loopback address, and the admin surface is for this "
                                "machine alone; take 127.0.0.1:7081")));
    EXPECT_THAT(cloud_error(flags(with_model({{"link.listen", {"127.0.0.1:0"}},
                                              {"link.insecure", {"true"}},
                                              {"admin.listen", {address}}}))),
                HasSubstr("is no loopback address"));
  }
}

TEST_F(Settings, KeepTheUploadBudgetOnlyWhereThereIsOneForTheDay) {
  auto given = model_given;
  given["link.upload_budget_file"] = {"spent"};
  EXPECT_EQ(edge_error(flags(given)),
            "--upload-budget-file: link.upload_budget_file is of no use without "
            "link.upload_budget_day (--upload-budget-day)");
  given["link.upload_budget_day"] = {"50MiB"};
  const auto loaded = load_edge_settings(flags(given));
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->upload_budget_file, "spent");
}

}  // namespace
}  // namespace cecollm::apps
