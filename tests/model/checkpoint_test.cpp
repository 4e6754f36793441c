#include "model/checkpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/model_errors.hpp"
#include "tests/support/small_checkpoint.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::model {
namespace {

using nlohmann::json;
using tests::fails_with;
using tests::small_llama;
using tests::succeeded;
using tests::TemporaryDirectory;
using tests::write_small_checkpoint;

using Tensors = std::map<std::string, TensorView, std::less<>>;

/// Writes the tensors of `config` into two shards with an index, split after `first` tensors.
void write_shards(const TemporaryDirectory& dir, const json& config, std::size_t first) {
  dir.write("config.json", config.dump());
  auto tensors = tests::random_tensors(tensors_of(read_config(dir.path()).value(), Part::whole), 1);
  Tensors shards[2];
  json weight_map;
  for (auto& [name, tensor] : tensors) {
    const std::size_t shard = weight_map.size() < first ? 0 : 1;
    weight_map[name] = shard == 0 ? "one.safetensors" : "two.safetensors";
    shards[shard].emplace(name, tensor);
  }
  ASSERT_TRUE(succeeded(write_safetensors(dir.path() / "one.safetensors", shards[0], {})));
  ASSERT_TRUE(succeeded(write_safetensors(dir.path() / "two.safetensors", shards[1], {})));
  dir.write("model.safetensors.index.json", json{{"weight_map", weight_map}}.dump());
}

void expect_all_tensors(const Checkpoint& checkpoint, Part part) {
  EXPECT_TRUE(checkpoint.holds(part));
  for (const auto& spec : tensors_of(checkpoint.config(), part)) {
    const auto tensor = checkpoint.require(spec.name, spec.shape);
    ASSERT_TRUE(succeeded(tensor));
    EXPECT_EQ(tensor->shape, spec.shape);
    EXPECT_FALSE(tensor->bytes.empty());
  }
}

TEST(Checkpoint, OpensTheDefaultModelForEveryPart) {
  const auto checkpoint = Checkpoint::open(CECOLLM_DEFAULT_MODEL);
  ASSERT_TRUE(succeeded(checkpoint));
  EXPECT_EQ(checkpoint->directory(), CECOLLM_DEFAULT_MODEL);
  EXPECT_EQ(checkpoint->tensors().size(), 112U);
  for (const auto part : {Part::edge, Part::cloud, Part::cloud_only, Part::whole}) {
    expect_all_tensors(*checkpoint, part);
  }
  EXPECT_TRUE(checkpoint->has("early_exit.3.norm.weight"));
  EXPECT_FALSE(checkpoint->has("lm_head.weight"));
}

TEST(Checkpoint, OpensEveryTinyFixtureWithExitsOfTheUser) {
  for (const std::string name : {"llama-mha", "llama3-gqa", "qwen2"}) {
    const auto dir = std::filesystem::path(CECOLLM_FIXTURES) / "tiny" / name;
    const auto plain = Checkpoint::open(dir);
    ASSERT_TRUE(succeeded(plain));
    expect_all_tensors(*plain, Part::whole);
    EXPECT_EQ(plain->tensors().size(), tensors_of(plain->config(), Part::whole).size());
    EXPECT_FALSE(plain->holds(Part::edge));
    EXPECT_FALSE(plain->holds(Part::cloud));
    const auto cut = Checkpoint::open(dir, {2, 3});
    ASSERT_TRUE(succeeded(cut));
    for (const auto part : {Part::edge, Part::cloud, Part::cloud_only, Part::whole}) {
      expect_all_tensors(*cut, part);
    }
  }
}

TEST(Checkpoint, OpensEveryFamilyWithEveryOptionalTensor) {
  auto biased_llama = small_llama();
  biased_llama["attention_bias"] = true;
  biased_llama["mlp_bias"] = true;
  auto mistral = small_llama();
  mistral["model_type"] = "mistral";
  mistral["architectures"] = {"MistralForCausalLM"};
  auto qwen3 = small_llama();
  qwen3["model_type"] = "qwen3";
  qwen3["architectures"] = {"Qwen3ForCausalLM"};
  qwen3["head_dim"] = 6;
  qwen3["attention_bias"] = true;
  for (const auto& config : {biased_llama, mistral, qwen3}) {
    const TemporaryDirectory dir;
    ASSERT_TRUE(succeeded(write_small_checkpoint(dir.path(), config)));
    const auto checkpoint = Checkpoint::open(dir.path(), {1, 4});
    ASSERT_TRUE(succeeded(checkpoint));
    for (const auto part : {Part::edge, Part::cloud, Part::cloud_only, Part::whole}) {
      expect_all_tensors(*checkpoint, part);
    }
  }
}

TEST(Checkpoint, ReadsShardsAsOneFile) {
  const TemporaryDirectory single;
  const TemporaryDirectory sharded;
  ASSERT_TRUE(succeeded(write_small_checkpoint(single.path(), small_llama())));
  write_shards(sharded, small_llama(), 7);
  const auto a = Checkpoint::open(single.path());
  const auto b = Checkpoint::open(sharded.path());
  ASSERT_TRUE(succeeded(a) && succeeded(b));
  ASSERT_EQ(a->tensors().size(), b->tensors().size());
  for (const auto& [name, tensor] : a->tensors()) {
    const auto& other = b->tensors().find(name)->second;
    EXPECT_TRUE(std::ranges::equal(tensor.bytes, other.bytes)) << name;
  }
}

TEST(Checkpoint, KeepsItsFilesMappedAsLongAsAViewLives) {
  const TemporaryDirectory dir;
  ASSERT_TRUE(succeeded(write_small_checkpoint(dir.path(), small_llama())));
  TensorView view;
  {
    auto checkpoint = Checkpoint::open(dir.path());
    ASSERT_TRUE(succeeded(checkpoint));
    view = checkpoint->require("model.norm.weight", {8}).value();
  }
  const auto again = Checkpoint::open(dir.path());
  ASSERT_TRUE(succeeded(again));
  EXPECT_TRUE(
      std::ranges::equal(view.bytes, again->require("model.norm.weight", {8}).value().bytes));
}

TEST(Checkpoint, NamesATensorThatIsMissingHasAnotherShapeOrDtype) {
  const TemporaryDirectory dir;
  auto config = small_llama();
  config["early_exit"] = {{"layers", {2}}, {"head", "norm"}};
  ASSERT_TRUE(succeeded(write_small_checkpoint(dir.path(), config)));
  const auto checkpoint = Checkpoint::open(dir.path());
  ASSERT_TRUE(succeeded(checkpoint));
  const auto weights = (dir.path() / "model.safetensors").string();
  const auto exits = (dir.path() / "early_exit.safetensors").string();
  EXPECT_TRUE(fails_with(checkpoint->require("model.layers.9.bias", {8}), ErrorCode::mismatch,
                         {weights, "tensor \"model.layers.9.bias\" is missing"}));
  EXPECT_TRUE(fails_with(checkpoint->require("early_exit.3.norm.weight", {8}), ErrorCode::mismatch,
                         {exits, "tensor \"early_exit.3.norm.weight\" is missing"}));
  EXPECT_TRUE(fails_with(
      checkpoint->require("model.embed_tokens.weight", {16, 9}), ErrorCode::mismatch,
      {weights, "\"model.embed_tokens.weight\" has the shape [16, 8]", "needs [16, 9]"}));
  EXPECT_TRUE(fails_with(checkpoint->require("early_exit.2.norm.weight", {8, 1}),
                         ErrorCode::mismatch, {exits, "[8]", "[8, 1]"}));
}

TEST(Checkpoint, RefusesWeightsThatAreNoFloats) {
  const TemporaryDirectory dir;
  dir.write("config.json", small_llama().dump());
  const std::vector<std::byte> bytes(64);
  ASSERT_TRUE(
      succeeded(write_safetensors(dir.path() / "model.safetensors",
                                  {{"model.norm.weight", {"F64", {8}, bytes, nullptr}}}, {})));
  const auto checkpoint = Checkpoint::open(dir.path());
  ASSERT_TRUE(succeeded(checkpoint));
  EXPECT_TRUE(fails_with(checkpoint->require("model.norm.weight", {8}), ErrorCode::unsupported,
                         {"model.safetensors", "has dtype F64, only F32, F16 and BF16"}));
}

TEST(Checkpoint, OpensExitTensorsOnlyWhereTheHeadsNeedThem) {
  const TemporaryDirectory dir;
  auto config = small_llama();
  config["early_exit"] = {{"layers", {2}}, {"head", "linear"}};
  ASSERT_TRUE(succeeded(write_small_checkpoint(dir.path(), config)));
  const auto own = Checkpoint::open(dir.path());
  const auto replaced = Checkpoint::open(dir.path(), {3});
  ASSERT_TRUE(succeeded(own) && succeeded(replaced));
  EXPECT_TRUE(own->has("early_exit.2.lm_head.weight"));
  EXPECT_FALSE(replaced->has("early_exit.2.lm_head.weight"));
  // A cloud does without the file, an edge does not.
  std::filesystem::remove(dir.path() / "early_exit.safetensors");
  const auto without = Checkpoint::open(dir.path());
  ASSERT_TRUE(succeeded(without));
  EXPECT_TRUE(without->holds(Part::cloud));
  EXPECT_FALSE(without->holds(Part::edge));
}

TEST(Checkpoint, RefusesATensorThatTwoFilesHold) {
  const TemporaryDirectory dir;
  auto config = small_llama();
  config["early_exit"] = {{"layers", {2}}, {"head", "norm"}};
  ASSERT_TRUE(succeeded(write_small_checkpoint(dir.path(), config)));
  std::filesystem::copy_file(dir.path() / "model.safetensors",
                             dir.path() / "early_exit.safetensors",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(fails_with(Checkpoint::open(dir.path()), ErrorCode::malformed,
                         {"early_exit.safetensors", "is in", "model.safetensors too"}));
}

TEST(Checkpoint, NamesTheFilesOfWeightsThatAreNotThere) {
  const TemporaryDirectory dir;
  dir.write("config.json", small_llama().dump());
  EXPECT_TRUE(fails_with(
      Checkpoint::open(dir.path()), ErrorCode::unreadable,
      {dir.path().string(), "neither model.safetensors nor model.safetensors.index.json"}));
  EXPECT_TRUE(fails_with(Checkpoint::open(dir.path() / "absent"), ErrorCode::unreadable,
                         {"absent/config.json", "no such file"}));
}

TEST(Checkpoint, RefusesABrokenIndexAndNamesFileAndReason) {
  const TemporaryDirectory dir;
  write_shards(dir, small_llama(), 7);
  const auto index = (dir.path() / "model.safetensors.index.json").string();
  struct Case {
    std::string content;
    ErrorCode code;
    std::vector<std::string> parts;
  };
  const auto map = [](const std::string& file) {
    return json{{"weight_map", {{"model.norm.weight", file}}}}.dump();
  };
  const auto malformed = ErrorCode::malformed;
  const std::string not_a_name = "is not the name of a .safetensors file in the same directory";
  for (const auto& [content, code, parts] : std::vector<Case>{
           {"{", malformed, {index, "invalid JSON"}},
           {"[]", malformed, {index, "not array"}},
           {std::string((4 << 20) + 1, ' '), malformed, {index, "at most 4194304 are accepted"}},
           {"{}", malformed, {index, "weight_map: an object"}},
           {R"({"weight_map": []})", malformed, {index, "weight_map: an object"}},
           {R"({"weight_map": {}})", malformed, {index, "weight_map: an object"}},
           {R"({"weight_map": {"a": 1}})", malformed, {index, "\"a\": must be a file name"}},
           {map("../one.safetensors"), malformed, {index, "\"../one.safetensors\"", not_a_name}},
           {map("/etc/one.safetensors"), malformed, {index, not_a_name}},
           {map("sub/one.safetensors"), malformed, {index, not_a_name}},
           {map(".."), malformed, {index, not_a_name}},
           {map(""), malformed, {index, not_a_name}},
           {map("config.json"), malformed, {index, not_a_name}},
           {map(std::string("one.safetensors\0.safetensors", 28)), malformed, {index, not_a_name}},
           {map("absent.safetensors"),
            ErrorCode::unreadable,
            {"absent.safetensors", "No such file"}},
           {map("one.safetensors"),
            malformed,
            {"one.safetensors: tensor \"model.norm.weight\" is missing", index}},
       }) {
    dir.write("model.safetensors.index.json", content);
    const auto opened = Checkpoint::open(dir.path());
    for (const auto& part : parts) {
      EXPECT_TRUE(fails_with(opened, code, {part})) << content.substr(0, 100);
    }
  }
}

TEST(Checkpoint, ReportsABrokenShard) {
  const TemporaryDirectory dir;
  write_shards(dir, small_llama(), 7);
  dir.write("two.safetensors", "too short");
  EXPECT_TRUE(fails_with(Checkpoint::open(dir.path()), ErrorCode::malformed,
                         {(dir.path() / "two.safetensors").string(), "header length"}));
}

TEST(Checkpoint, TakesOnlyTheTensorsThatTheIndexNames) {
  const TemporaryDirectory dir;
  write_shards(dir, small_llama(), 7);
  dir.write("model.safetensors.index.json",
            R"({"weight_map": {"model.norm.weight": "two.safetensors"}})");
  const auto checkpoint = Checkpoint::open(dir.path());
  ASSERT_TRUE(succeeded(checkpoint));
  EXPECT_EQ(checkpoint->tensors().size(), 1U);
  EXPECT_TRUE(checkpoint->has("model.norm.weight"));
}

TEST(Checkpoint, RefusesAWholeDigestThatIsNone) {
  const TemporaryDirectory dir;
  dir.write("config.json", small_llama().dump());
  ASSERT_TRUE(succeeded(write_safetensors(dir.path() / "model.safetensors", {},
                                          {{"cecollm.whole_sha256", "not a digest"}})));
  EXPECT_TRUE(fails_with(Checkpoint::open(dir.path()), ErrorCode::malformed,
                         {"model.safetensors", "cecollm.whole_sha256 is not a SHA-256 digest"}));
}

}  // namespace
}  // namespace cecollm::model
