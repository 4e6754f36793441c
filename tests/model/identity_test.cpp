#include "model/identity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/digest.hpp"
#include "tests/support/model_errors.hpp"
#include "tests/support/small_checkpoint.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::model {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using tests::fails_with;
using tests::small_llama;
using tests::succeeded;
using tests::TemporaryDirectory;

using NamedTensors = std::map<std::string, TensorView, std::less<>>;

json with_exits(const std::string& head, bool tied = false) {
  auto config = small_llama();
  config["early_exit"] = {{"layers", {2, 3}}, {"head", head}};
  config["tie_word_embeddings"] = tied;
  return config;
}

std::vector<std::string> names(const std::vector<TensorSpec>& specs) {
  std::vector<std::string> found;
  for (const auto& spec : specs) found.push_back(spec.name);
  return found;
}

ModelIdentity identity_of(const json& config, const NamedTensors& tensors) {
  const TemporaryDirectory dir;
  dir.write("config.json", config.dump());
  EXPECT_TRUE(succeeded(write_safetensors(dir.path() / "model.safetensors", tensors, {})));
  const auto checkpoint = Checkpoint::open(dir.path());
  EXPECT_TRUE(succeeded(checkpoint));
  const auto identity = checkpoint->identity();
  EXPECT_TRUE(succeeded(identity));
  return *identity;
}

NamedTensors tensors_for(const json& config, unsigned seed = 1) {
  const TemporaryDirectory dir;
  dir.write("config.json", config.dump());
  return tests::random_tensors(tensors_of(read_config(dir.path()).value(), Part::whole), seed);
}

/// `tensor` with one byte changed.
TensorView altered(const TensorView& tensor) {
  auto data = std::make_shared<std::vector<std::byte>>(tensor.bytes.begin(), tensor.bytes.end());
  data->back() ^= std::byte{1};
  return {tensor.dtype, tensor.shape, *data, data};
}

TEST(Identity, SharesTheLayersBetweenTheExitsAndWhatHeadsOnBothSidesRead) {
  const auto shared = [](const std::string& head, bool tied) {
    const TemporaryDirectory dir;
    dir.write("config.json", with_exits(head, tied).dump());
    auto found = names(shared_tensors(read_config(dir.path()).value()));
    std::erase_if(found, [](const std::string& name) { return name.starts_with("model.layers."); });
    return found;
  };
  EXPECT_THAT(shared("norm", false), ElementsAre("lm_head.weight"));
  EXPECT_THAT(shared("norm", true), ElementsAre("model.embed_tokens.weight"));
  EXPECT_THAT(shared("shared", false), ElementsAre("model.norm.weight", "lm_head.weight"));
  EXPECT_THAT(shared("linear", false), ElementsAre());
  EXPECT_THAT(shared("linear", true), ElementsAre("model.embed_tokens.weight"));

  const TemporaryDirectory dir;
  dir.write("config.json", with_exits("linear").dump());
  const auto layers = names(shared_tensors(read_config(dir.path()).value()));
  EXPECT_EQ(layers.size(), 9U);
  EXPECT_THAT(layers, testing::Each(testing::StartsWith("model.layers.2.")));
}

TEST(Identity, ChangesWithEverySharedTensorAndWithNoOther) {
  const auto config = with_exits("norm");
  const auto tensors = tensors_for(config);
  const TemporaryDirectory dir;
  dir.write("config.json", config.dump());
  const auto shared = names(shared_tensors(read_config(dir.path()).value()));
  const auto original = identity_of(config, tensors);
  EXPECT_TRUE(is_sha256_hex(original.shared_digest));
  EXPECT_EQ(original.whole_digest, "");
  EXPECT_THAT(original.exit_layers, ElementsAre(2, 3));
  for (const auto& [name, tensor] : tensors) {
    auto changed = tensors;
    changed[name] = altered(tensor);
    const bool is_shared = std::ranges::find(shared, name) != shared.end();
    const auto identity = identity_of(config, changed);
    EXPECT_EQ(identity.shared_digest != original.shared_digest, is_shared) << name;
    EXPECT_EQ(identity.config_digest, original.config_digest);
  }
}

TEST(Identity, TellsTheSameBytesUnderAnotherDtypeApart) {
  const auto config = with_exits("norm");
  auto tensors = tensors_for(config);
  const auto original = identity_of(config, tensors);
  tensors["lm_head.weight"].dtype = "F16";
  EXPECT_NE(identity_of(config, tensors).shared_digest, original.shared_digest);
}

TEST(Identity, DependsNotOnTheLayoutOfTheFilesNorOnTensorsBesideTheModel) {
  const auto config = with_exits("norm");
  auto tensors = tensors_for(config);
  const auto original = identity_of(config, tensors);

  const TemporaryDirectory dir;
  dir.write("config.json", config.dump());
  json weight_map;
  for (const auto& [name, tensor] : tensors) {
    const auto file = "shard-" + std::to_string(weight_map.size()) + ".safetensors";
    weight_map[name] = file;
    ASSERT_TRUE(succeeded(write_safetensors(dir.path() / file, {{name, tensor}}, {})));
  }
  dir.write("model.safetensors.index.json", json{{"weight_map", weight_map}}.dump());
  const auto sharded = Checkpoint::open(dir.path());
  ASSERT_TRUE(succeeded(sharded));
  EXPECT_EQ(sharded->identity().value().shared_digest, original.shared_digest);

  tensors["model.layers.2.self_attn.rotary_emb.inv_freq"] = tensors["model.norm.weight"];
  EXPECT_EQ(identity_of(config, tensors).shared_digest, original.shared_digest);
}

TEST(Identity, ChangesWithTheConfigurationAndShowsTheCut) {
  const auto config = with_exits("norm");
  const auto tensors = tensors_for(config);
  const auto original = identity_of(config, tensors);
  auto other_rope = config;
  other_rope["rope_theta"] = 20000.0;
  const auto changed = identity_of(other_rope, tensors);
  EXPECT_NE(changed.config_digest, original.config_digest);
  EXPECT_EQ(changed.shared_digest, original.shared_digest);
  auto other_dtype = config;
  other_dtype["torch_dtype"] = "float32";
  EXPECT_EQ(identity_of(other_dtype, tensors).config_digest, original.config_digest);
  auto other_cut = config;
  other_cut["early_exit"]["layers"] = {2};
  EXPECT_THAT(identity_of(other_cut, tensors).exit_layers, ElementsAre(2));
}

TEST(Identity, IsTheDocumentedSerialisation) {
  const TemporaryDirectory dir;
  dir.write("config.json", small_llama().dump());
  const std::vector<std::byte> bytes = {std::byte{'x'}, std::byte{'y'}};
  ASSERT_TRUE(succeeded(write_safetensors(
      dir.path() / "model.safetensors",
      {{"b", {"BF16", {1}, bytes, nullptr}}, {"a", {"F16", {1, 1}, bytes, nullptr}}}, {})));
  const auto checkpoint = Checkpoint::open(dir.path());
  ASSERT_TRUE(succeeded(checkpoint));
  const auto number = [](char value) {
    return std::string(1, value) + std::string(7, '\0');
  };
  const auto text = number(1) + "a" + number(3) + "F16" + number(2) + number(1) + number(1) +
                    number(2) + "xy" + number(1) + "b" + number(4) + "BF16" + number(1) +
                    number(1) + number(2) + "xy";
  Sha256 expected;
  expected.add(text);
  EXPECT_EQ(digest_of(*checkpoint, {{"b", {1}}, {"a", {1, 1}}}).value(), expected.finish().value());
}

/// Makes the pages that lie wholly within `bytes` unreadable; gives their number.
std::size_t forbid_reading(std::span<const std::byte> bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(bytes.data()) + page - 1) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(bytes.data() + bytes.size()) / page * page;
  if (begin >= end) return 0;
  EXPECT_EQ(::mprotect(reinterpret_cast<void*>(begin), end - begin, PROT_NONE), 0);
  return (end - begin) / page;
}

TEST(Identity, TouchesNoByteOfOtherTensors) {
  const auto checkpoint = Checkpoint::open(CECOLLM_DEFAULT_MODEL);
  ASSERT_TRUE(succeeded(checkpoint));
  const auto before = checkpoint->identity();
  ASSERT_TRUE(succeeded(before));
  const auto shared = names(shared_tensors(checkpoint->config()));
  std::size_t pages = 0;
  for (const auto& [name, tensor] : checkpoint->tensors()) {
    if (std::ranges::find(shared, name) == shared.end()) pages += forbid_reading(tensor.bytes);
  }
  EXPECT_GT(pages, 2000U);
  // A read of one of them would end the process.
  const auto after = checkpoint->identity();
  ASSERT_TRUE(succeeded(after));
  EXPECT_EQ(after->shared_digest, before->shared_digest);
}

TEST(Identity, NeedsExitsAndTheTensorsOfBothSides) {
  const TemporaryDirectory dir;
  ASSERT_TRUE(succeeded(tests::write_small_checkpoint(dir.path(), small_llama())));
  const auto plain = Checkpoint::open(dir.path());
  ASSERT_TRUE(succeeded(plain));
  EXPECT_TRUE(fails_with(plain->identity(), ErrorCode::mismatch,
                         {"config.json", "early_exit: the model has no early exits"}));

  const auto config = with_exits("norm");
  auto tensors = tensors_for(config);
  tensors.erase("lm_head.weight");
  const TemporaryDirectory partial;
  partial.write("config.json", config.dump());
  ASSERT_TRUE(succeeded(write_safetensors(partial.path() / "model.safetensors", tensors, {})));
  const auto checkpoint = Checkpoint::open(partial.path());
  ASSERT_TRUE(succeeded(checkpoint));
  EXPECT_TRUE(fails_with(checkpoint->identity(), ErrorCode::mismatch,
                         {"tensor \"lm_head.weight\" is missing"}));
}

}  // namespace
}  // namespace cecollm::model
