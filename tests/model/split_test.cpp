#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/checkpoint.hpp"
#include "model/digest.hpp"
#include "tests/support/file_size_limit.hpp"
#include "tests/support/model_errors.hpp"
#include "tests/support/small_checkpoint.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::model {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::UnorderedElementsAre;
using tests::fails_with;
using tests::read_whole_file;
using tests::small_llama;
using tests::succeeded;
using tests::TemporaryDirectory;

std::vector<std::string> files_in(const std::filesystem::path& dir) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    found.push_back(entry.path().filename().string());
  }
  return found;
}

std::vector<std::string> tensor_names(const Checkpoint& checkpoint) {
  std::vector<std::string> found;
  for (const auto& [name, tensor] : checkpoint.tensors()) found.push_back(name);
  return found;
}

/// Opens both sides of `whole`'s split under `out` and checks what holds for every split.
void expect_two_sides(const Checkpoint& whole, const std::filesystem::path& out) {
  const auto edge_dir = out / "edge";
  const auto cloud_dir = out / "cloud";
  ASSERT_TRUE(succeeded(split(whole, edge_dir, cloud_dir)));
  const auto edge = Checkpoint::open(edge_dir);
  const auto cloud = Checkpoint::open(cloud_dir);
  ASSERT_TRUE(succeeded(edge) && succeeded(cloud));

  for (const auto& [side, own, other] :
       {std::tuple{&*edge, Part::edge, Part::cloud}, {&*cloud, Part::cloud, Part::edge}}) {
    EXPECT_TRUE(side->holds(own));
    EXPECT_FALSE(side->holds(other));
    EXPECT_FALSE(side->holds(Part::whole));
    EXPECT_FALSE(side->holds(Part::cloud_only));
    EXPECT_EQ(canonical_text(side->config()), canonical_text(whole.config()));
    EXPECT_EQ(side->config().exits->layers, whole.config().exits->layers);
    EXPECT_EQ(side->config().exits->head, whole.config().exits->head);
    std::vector<std::string> expected;
    for (const auto& spec : tensors_of(whole.config(), own)) {
      expected.push_back(spec.name);
      const auto tensor = side->require(spec.name, spec.shape);
      ASSERT_TRUE(succeeded(tensor));
      const auto& original = whole.tensors().find(spec.name)->second;
      EXPECT_EQ(tensor->dtype, original.dtype);
      EXPECT_TRUE(std::ranges::equal(tensor->bytes, original.bytes)) << spec.name;
    }
    EXPECT_THAT(tensor_names(*side), testing::UnorderedElementsAreArray(expected));
  }

  const auto whole_identity = whole.identity();
  const auto edge_identity = edge->identity();
  const auto cloud_identity = cloud->identity();
  ASSERT_TRUE(succeeded(whole_identity) && succeeded(edge_identity) && succeeded(cloud_identity));
  EXPECT_EQ(whole_identity->whole_digest, "");
  EXPECT_TRUE(is_sha256_hex(edge_identity->whole_digest));
  EXPECT_EQ(edge_identity->whole_digest, cloud_identity->whole_digest);
  for (const auto* side : {&*edge_identity, &*cloud_identity}) {
    EXPECT_EQ(side->config_digest, whole_identity->config_digest);
    EXPECT_EQ(side->exit_layers, whole_identity->exit_layers);
    EXPECT_EQ(side->shared_digest, whole_identity->shared_digest);
  }
}

TEST(Split, CutsTheDefaultModelIntoTwoSides) {
  const TemporaryDirectory out;
  const auto whole = Checkpoint::open(CECOLLM_DEFAULT_MODEL);
  ASSERT_TRUE(succeeded(whole));
  expect_two_sides(*whole, out.path());
  EXPECT_THAT(
      files_in(out.path() / "edge"),
      UnorderedElementsAre("config.json", "generation_config.json", "model.safetensors",
                           "early_exit.safetensors", "tokenizer.json", "tokenizer_config.json"));
  EXPECT_THAT(files_in(out.path() / "cloud"),
              UnorderedElementsAre("config.json", "generation_config.json", "model.safetensors"));
  EXPECT_EQ(read_whole_file(out.path() / "edge" / "tokenizer.json"),
            read_whole_file(std::filesystem::path(CECOLLM_DEFAULT_MODEL) / "tokenizer.json"));
}

TEST(Split, CutsModelsOfEveryHeadKindTiedOrNot) {
  for (const auto* head : {"shared", "norm", "linear"}) {
    for (const bool tied : {false, true}) {
      for (const auto& layers : {std::vector{1}, {4}, {1, 3}}) {
        const TemporaryDirectory source;
        const TemporaryDirectory out;
        auto config = small_llama();
        config["tie_word_embeddings"] = tied;
        config["early_exit"] = {{"layers", layers}, {"head", head}};
        ASSERT_TRUE(succeeded(tests::write_small_checkpoint(source.path(), config)));
        const auto whole = Checkpoint::open(source.path());
        ASSERT_TRUE(succeeded(whole));
        expect_two_sides(*whole, out.path());
        EXPECT_EQ(std::filesystem::exists(out.path() / "edge" / "early_exit.safetensors"),
                  std::string_view(head) != "shared");
        EXPECT_FALSE(std::filesystem::exists(out.path() / "cloud" / "early_exit.safetensors"));
      }
    }
  }
}

TEST(Split, RecordsTheExitsOfTheUserAndKeepsEveryOtherKey) {
  const TemporaryDirectory out;
  const auto source = std::filesystem::path(CECOLLM_FIXTURES) / "tiny" / "qwen2";
  const auto whole = Checkpoint::open(source, {2, 3});
  ASSERT_TRUE(succeeded(whole));
  expect_two_sides(*whole, out.path());
  auto expected = json::parse(read_whole_file(source / "config.json"));
  expected["early_exit"] = {{"layers", {2, 3}}, {"head", "shared"}};
  for (const auto* side : {"edge", "cloud"}) {
    EXPECT_EQ(json::parse(read_whole_file(out.path() / side / "config.json")), expected);
  }
}

TEST(Split, GivesModelsThatDifferAnywhereDifferentDigests) {
  std::set<std::string> digests;
  for (const unsigned seed : {1U, 2U}) {
    const TemporaryDirectory source;
    const TemporaryDirectory out;
    auto config = small_llama();
    // Without tensors on both sides the shared digest alone could not tell them apart.
    config["early_exit"] = {{"layers", {2}}, {"head", "linear"}};
    ASSERT_TRUE(succeeded(tests::write_small_checkpoint(source.path(), config, seed)));
    const auto whole = Checkpoint::open(source.path());
    ASSERT_TRUE(succeeded(whole));
    expect_two_sides(*whole, out.path());
    digests.insert(Checkpoint::open(out.path() / "cloud")->identity().value().whole_digest);
  }
  EXPECT_EQ(digests.size(), 2U);
}

TEST(Split, CannotBeMixedWithFilesOfAnotherSplit) {
  const TemporaryDirectory out;
  const TemporaryDirectory source;
  auto config = small_llama();
  config["early_exit"] = {{"layers", {2}}, {"head", "norm"}};
  for (const unsigned seed : {1U, 2U}) {
    const auto dir = source.path() / std::to_string(seed);
    std::filesystem::create_directory(dir);
    ASSERT_TRUE(succeeded(tests::write_small_checkpoint(dir, config, seed)));
    const auto name = std::to_string(seed);
    ASSERT_TRUE(succeeded(split(Checkpoint::open(dir).value(), out.path() / ("edge" + name),
                                out.path() / ("cloud" + name))));
  }
  std::filesystem::copy_file(out.path() / "edge1" / "early_exit.safetensors",
                             out.path() / "edge2" / "early_exit.safetensors",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(
      fails_with(Checkpoint::open(out.path() / "edge2"), ErrorCode::mismatch,
                 {"early_exit.safetensors", "split from another model than", "model.safetensors"}));
}

TEST(Split, RefusesModelsWithoutExitsOrWithoutAllTensors) {
  const TemporaryDirectory out;
  const auto plain = Checkpoint::open(std::filesystem::path(CECOLLM_FIXTURES) / "tiny" / "qwen2");
  ASSERT_TRUE(succeeded(plain));
  EXPECT_TRUE(fails_with(split(*plain, out.path() / "edge", out.path() / "cloud"),
                         ErrorCode::mismatch, {"config.json", "no early exits to cut at"}));

  const auto whole = Checkpoint::open(CECOLLM_DEFAULT_MODEL);
  ASSERT_TRUE(succeeded(whole));
  ASSERT_TRUE(succeeded(split(*whole, out.path() / "edge", out.path() / "cloud")));
  const auto edge = Checkpoint::open(out.path() / "edge");
  ASSERT_TRUE(succeeded(edge));
  EXPECT_TRUE(fails_with(split(*edge, out.path() / "a", out.path() / "b"), ErrorCode::mismatch,
                         {"edge/model.safetensors", "is missing"}));
  EXPECT_THAT(files_in(out.path()), UnorderedElementsAre("edge", "cloud"));
}

TEST(Split, TakesOnlyFreshDirectories) {
  const TemporaryDirectory out;
  const auto whole = Checkpoint::open(CECOLLM_DEFAULT_MODEL);
  ASSERT_TRUE(succeeded(whole));
  const auto taken = out.path() / "taken";
  std::filesystem::create_directory(taken);
  std::ofstream(taken / "file") << "content";
  const auto file = out.write("file", "content");
  const auto fresh = out.path() / "fresh";
  for (const auto& bad : {taken, file}) {
    EXPECT_TRUE(fails_with(split(*whole, bad, fresh), ErrorCode::out_of_range,
                           {bad.string(), "exists and is not an empty directory"}));
    EXPECT_TRUE(fails_with(split(*whole, fresh, bad), ErrorCode::out_of_range,
                           {bad.string(), "exists and is not an empty directory"}));
  }
  EXPECT_TRUE(fails_with(split(*whole, fresh, fresh), ErrorCode::out_of_range,
                         {fresh.string(), "directories of their own"}));
  EXPECT_TRUE(fails_with(split(*whole, file / "below", fresh), ErrorCode::unreadable,
                         {(file / "below").string(), "Not a directory"}));
  EXPECT_THAT(files_in(out.path()), UnorderedElementsAre("taken", "file"));
  EXPECT_THAT(files_in(taken), ElementsAre("file"));

  const auto empty = out.path() / "empty";
  std::filesystem::create_directory(empty);
  EXPECT_TRUE(succeeded(split(*whole, empty, out.path() / "new" / "nested")));
}

TEST(Split, LeavesNothingBehindWhereThereIsNoRoom) {
  const TemporaryDirectory out;
  const auto whole = Checkpoint::open(CECOLLM_DEFAULT_MODEL);
  ASSERT_TRUE(succeeded(whole));
  const auto empty = out.path() / "empty";
  std::filesystem::create_directory(empty);
  // Room for some, but not for the cloud's 14 MB.
  for (const rlim_t room : {rlim_t{100}, rlim_t{1000000}, rlim_t{12000000}}) {
    const tests::FileSizeLimit limit(room);
    EXPECT_TRUE(fails_with(split(*whole, empty, out.path() / "cloud"), ErrorCode::unreadable,
                           {"model.safetensors", "cannot be written"}));
    EXPECT_THAT(files_in(out.path()), ElementsAre("empty"));
    EXPECT_TRUE(files_in(empty).empty());
  }
}

}  // namespace
}  // namespace cecollm::model
