#include "model/safetensors.hpp"

#include <fstream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/file_size_limit.hpp"
#include "tests/support/model_errors.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::model {
namespace {

using tests::fails_with;
using tests::succeeded;
using tests::TemporaryDirectory;

std::string little_endian(std::uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xffU);
  return bytes;
}

/// A file with exactly this header and `data_bytes` bytes of data after it.
std::string with_header(const std::string& header, std::size_t data_bytes) {
  return little_endian(header.size()) + header + std::string(data_bytes, 'x');
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator entries("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

std::size_t mappings_of(const std::filesystem::path& path) {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.ends_with(path.string())) ++count;
  }
  return count;
}

TEST(Safetensors, ReadsEveryTensorOfAFile) {
  const TemporaryDirectory dir;
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]},)"
      R"("scalar":{"dtype":"U8","shape":[],"data_offsets":[12,13]},)"
      R"("none":{"dtype":"F32","shape":[0,7],"data_offsets":[12,12]}}   )";
  const auto path = dir.write("a.safetensors", with_header(header, 0) + "abcdefghijklm");
  const auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(succeeded(file));
  ASSERT_EQ(file->tensors().size(), 3U);
  const auto& a = file->tensors().find("a")->second;
  EXPECT_EQ(a.dtype, "F16");
  EXPECT_EQ(a.shape, (std::vector<std::int64_t>{2, 3}));
  ASSERT_EQ(a.bytes.size(), 12U);
  EXPECT_EQ(std::to_integer<char>(a.bytes[0]), 'a');
  const auto& scalar = file->tensors().find("scalar")->second;
  EXPECT_TRUE(scalar.shape.empty());
  ASSERT_EQ(scalar.bytes.size(), 1U);
  EXPECT_EQ(std::to_integer<char>(scalar.bytes[0]), 'm');
  EXPECT_TRUE(file->tensors().find("none")->second.bytes.empty());
  EXPECT_THAT(file->metadata(), testing::ElementsAre(testing::Pair("format", "pt")));
}

TEST(Safetensors, ReadsWhatTheDefaultModelAndTheFixturesHold) {
  const std::filesystem::path fixtures = CECOLLM_FIXTURES;
  const std::filesystem::path model = CECOLLM_DEFAULT_MODEL;
  for (const auto& [path, tensors] : {std::pair{model / "model-00001-of-00002.safetensors", 78U},
                                      {model / "model-00002-of-00002.safetensors", 32U},
                                      {model / "early_exit.safetensors", 2U},
                                      {fixtures / "tiny/llama-mha/model.safetensors", 57U},
                                      {fixtures / "tiny/llama3-gqa/model.safetensors", 47U},
                                      {fixtures / "tiny/qwen2/model.safetensors", 74U},
                                      {fixtures / "tiny/qwen2/golden.safetensors", 24U}}) {
    const auto file = SafetensorsFile::open(path);
    ASSERT_TRUE(succeeded(file));
    EXPECT_EQ(file->tensors().size(), tensors) << path;
  }
}

TEST(Safetensors, ReadsBackWhatItWrote) {
  const TemporaryDirectory dir;
  const std::vector<std::byte> bytes(24, std::byte{7});
  const std::map<std::string, TensorView, std::less<>> tensors = {
      {"b", {"F32", {2, 3}, bytes, nullptr}},
      {"a", {"BF16", {3}, std::span(bytes).first(6), nullptr}},
      {"empty", {"F32", {0}, {}, nullptr}}};
  const auto path = dir.path() / "w.safetensors";
  ASSERT_TRUE(succeeded(write_safetensors(path, tensors, {{"key", "value \"quoted\""}})));
  const auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(succeeded(file));
  EXPECT_THAT(file->metadata(), testing::ElementsAre(testing::Pair("key", "value \"quoted\"")));
  ASSERT_EQ(file->tensors().size(), 3U);
  for (const auto& [name, tensor] : tensors) {
    const auto& read = file->tensors().find(name)->second;
    EXPECT_EQ(read.dtype, tensor.dtype);
    EXPECT_EQ(read.shape, tensor.shape);
    EXPECT_TRUE(std::ranges::equal(read.bytes, tensor.bytes));
  }
}

TEST(Safetensors, AlignsTheDataItWritesToEightBytes) {
  const TemporaryDirectory dir;
  const auto path = dir.path() / "w.safetensors";
  for (int length = 1; length <= 9; ++length) {
    std::filesystem::remove(path);
    const std::string name(static_cast<std::size_t>(length), 'n');
    ASSERT_TRUE(succeeded(write_safetensors(path, {{name, {"U8", {0}, {}, nullptr}}}, {})));
    EXPECT_EQ(std::filesystem::file_size(path) % 8, 0U);
    EXPECT_TRUE(succeeded(SafetensorsFile::open(path)));
  }
}

TEST(Safetensors, WritesNoFileOverAnother) {
  const TemporaryDirectory dir;
  const auto path = dir.write("taken", "content");
  EXPECT_TRUE(fails_with(write_safetensors(path, {}, {}), ErrorCode::unreadable,
                         {path.string(), "cannot be created"}));
  EXPECT_EQ(tests::read_whole_file(path), "content");
  EXPECT_TRUE(fails_with(write_safetensors(dir.path() / "absent" / "file", {}, {}),
                         ErrorCode::unreadable, {"absent/file", "No such file or directory"}));
}

TEST(Safetensors, LeavesNoHalfWrittenFileWhereThereIsNoRoom) {
  const TemporaryDirectory dir;
  const auto path = dir.path() / "w.safetensors";
  const std::vector<std::byte> bytes(100000, std::byte{7});
  {
    const tests::FileSizeLimit limit(50000);
    EXPECT_TRUE(fails_with(write_safetensors(path, {{"a", {"U8", {100000}, bytes, nullptr}}}, {}),
                           ErrorCode::unreadable,
                           {path.string(), "cannot be written: File too large"}));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Safetensors, ClosesTheFileAndUnmapsItWithTheLastView) {
  const TemporaryDirectory dir;
  const auto path = dir.write(
      "a.safetensors", with_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1));
  const auto descriptors_before = open_descriptors();
  TensorView view;
  {
    const auto file = SafetensorsFile::open(path);
    ASSERT_TRUE(succeeded(file));
    EXPECT_EQ(open_descriptors(), descriptors_before);
    view = file->tensors().begin()->second;
  }
  EXPECT_EQ(mappings_of(path), 1U);
  EXPECT_EQ(std::to_integer<char>(view.bytes[0]), 'x');
  view = {};
  EXPECT_EQ(mappings_of(path), 0U);
}

struct BadFile {
  std::string_view what;
  std::string content;
  ErrorCode code;
  std::string_view reason;
};

// A correct entry of two bytes, for cases where another part is wrong.
const std::string good = R"({"dtype":"U8","shape":[2],"data_offsets":[0,2]})";

std::vector<BadFile> bad_files() {
  const auto malformed = ErrorCode::malformed;
  const auto entry = [](const std::string& value, std::size_t data) {
    return with_header(R"({"t":)" + value + "}", data);
  };
  std::string nested = "{\"t\":";
  nested.append(100000, '[');
  std::string many_dimensions = R"({"dtype":"U8","data_offsets":[0,1],"shape":[1)";
  for (int i = 0; i < 16; ++i) many_dimensions += ",1";
  many_dimensions += "]}";
  return {
      {"empty", "", malformed, "0 bytes long"},
      {"shorter than a length", "1234567", malformed, "7 bytes long"},
      {"only a length", little_endian(2), malformed, "header length 2 is beyond the end"},
      {"header cut off", with_header("{}", 0).substr(0, 9), malformed,
       "beyond the end of the file"},
      {"header length one too long", little_endian(3) + "{}", malformed, "header length 3"},
      {"largest header length", little_endian(~std::uint64_t{0}) + "{}", malformed,
       "header length 18446744073709551615 is more than 100000000"},
      {"header over the bound", little_endian(100'000'001) + "{}", malformed,
       "more than 100000000"},
      {"header within the bound, beyond the file", little_endian(100'000'000) + "{}", malformed,
       "beyond the end"},
      {"empty header", with_header("", 0), malformed, "JSON object was expected"},
      {"white space first", with_header(" {}", 0), malformed, "JSON object was expected"},
      {"a list", with_header("[]", 0), malformed, "JSON object was expected"},
      {"no JSON", with_header("{\"a\":", 0), malformed, "invalid JSON at byte"},
      {"bytes after the JSON", with_header("{} x", 0), malformed, "invalid JSON at byte"},
      {"not UTF-8", with_header("{\"\xff\":1}", 0), malformed, "invalid JSON"},
      {"deep nesting", with_header(nested, 0), malformed, "unexpected a list at tensor \"t\""},
      {"a number too large for JSON readers", entry("1e999", 0), malformed, "header"},
      {"a number for a tensor", entry("1", 0), malformed, "unexpected a number at tensor \"t\""},
      {"null for a tensor", entry("null", 0), malformed, "unexpected null"},
      {"duplicate tensors", with_header(R"({"t":)" + good + R"(,"t":)" + good + "}", 2), malformed,
       "tensor \"t\" appears twice"},
      {"duplicate metadata", with_header(R"({"__metadata__":{},"__metadata__":{}})", 0), malformed,
       "__metadata__ appears twice"},
      {"duplicate metadata keys", with_header(R"({"__metadata__":{"k":"1","k":"2"}})", 0),
       malformed, "metadata key \"k\" appears twice"},
      {"metadata that is no text", with_header(R"({"__metadata__":{"k":1}})", 0), malformed,
       "unexpected a number"},
      {"metadata that is no object", with_header(R"({"__metadata__":"text"})", 0), malformed,
       "unexpected a string"},
      {"duplicate fields",
       entry(R"({"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]})", 2), malformed,
       "dtype appears twice"},
      {"unknown field", entry(R"({"dtype":"U8","shape":[2],"data_offsets":[0,2],"stride":[1]})", 2),
       malformed, "unknown key \"stride\""},
      {"no dtype", entry(R"({"shape":[2],"data_offsets":[0,2]})", 2), malformed,
       "dtype, shape and two data_offsets are needed"},
      {"no shape", entry(R"({"dtype":"U8","data_offsets":[0,2]})", 2), malformed, "are needed"},
      {"no offsets", entry(R"({"dtype":"U8","shape":[2]})", 2), malformed, "are needed"},
      {"one offset", entry(R"({"dtype":"U8","shape":[2],"data_offsets":[0]})", 2), malformed,
       "two data_offsets"},
      {"three offsets", entry(R"({"dtype":"U8","shape":[2],"data_offsets":[0,2,4]})", 2), malformed,
       "more than two data_offsets"},
      {"unknown dtype", entry(R"({"dtype":"Q4","shape":[2],"data_offsets":[0,2]})", 2),
       ErrorCode::unsupported, "unknown dtype \"Q4\""},
      {"hostile dtype", entry(R"({"dtype":"\u001b[2J","shape":[2],"data_offsets":[0,2]})", 2),
       ErrorCode::unsupported, R"(unknown dtype "\x1b[2J")"},
      {"a dtype that is no name", entry(R"({"dtype":8,"shape":[2],"data_offsets":[0,2]})", 2),
       malformed, "unexpected a number"},
      {"negative size", entry(R"({"dtype":"U8","shape":[-2],"data_offsets":[0,2]})", 2), malformed,
       "unexpected a negative number"},
      {"fractional size", entry(R"({"dtype":"U8","shape":[2.0],"data_offsets":[0,2]})", 2),
       malformed, "unexpected a fraction"},
      {"size beyond 63 bits",
       entry(R"({"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,2]})", 2), malformed,
       "9223372036854775808 is out of range"},
      {"offset beyond 63 bits",
       entry(R"({"dtype":"U8","shape":[2],"data_offsets":[0,18446744073709551615]})", 2), malformed,
       "out of range"},
      {"product beyond 63 bits",
       entry(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]})", 0),
       malformed, "product of its shape is out of range"},
      {"product that wraps round to the right size",
       entry(R"({"dtype":"U8","shape":[4294967297,4294967296],"data_offsets":[0,4294967296]})", 2),
       malformed, "product of its shape is out of range"},
      {"too many dimensions", entry(many_dimensions, 1), malformed, "more than 16 dimensions"},
      {"fewer bytes than the shape",
       entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})", 4), malformed,
       "span 4 bytes, its dtype and shape need 8"},
      {"more bytes than the shape",
       entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,12]})", 12), malformed,
       "span 12 bytes, its dtype and shape need 8"},
      {"data that ends before it begins",
       entry(R"({"dtype":"U8","shape":[2],"data_offsets":[2,0]})", 2), malformed,
       "ends before it begins"},
      {"data cut off", entry(good, 1), malformed, "ends at byte 2, but the file holds only 1"},
      {"data beyond the file",
       entry(R"({"dtype":"U8","shape":[2],"data_offsets":[1000000000000,1000000000002]})", 2),
       malformed, "ends at byte 1000000000002"},
      {"overlap",
       with_header(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                   R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                   3),
       malformed, "tensor \"b\": its data overlaps"},
      {"the same bytes twice",
       with_header(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                   R"("b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
                   2),
       malformed, "overlaps"},
      {"a hole first", entry(R"({"dtype":"U8","shape":[2],"data_offsets":[1,3]})", 3), malformed,
       "1 bytes before its data belong to no tensor"},
      {"a hole between",
       with_header(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                   R"("b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}})",
                   5),
       malformed, "tensor \"b\": 1 bytes before its data"},
      {"bytes after the last tensor", entry(good, 5), malformed,
       "3 bytes after the last tensor belong to none"},
      {"data without a tensor", with_header("{}", 1), malformed, "1 bytes after the last tensor"},
  };
}

TEST(Safetensors, RefusesBrokenFilesAndNamesFileAndReason) {
  const TemporaryDirectory dir;
  for (const auto& bad : bad_files()) {
    const auto path = dir.write("bad.safetensors", bad.content);
    EXPECT_TRUE(fails_with(SafetensorsFile::open(path), bad.code, {path.string(), bad.reason}))
        << bad.what;
  }
}

TEST(Safetensors, RefusesWhatIsNoRegularFile) {
  const TemporaryDirectory dir;
  EXPECT_TRUE(fails_with(SafetensorsFile::open(dir.path() / "absent"), ErrorCode::unreadable,
                         {"absent", "No such file"}));
  EXPECT_TRUE(fails_with(SafetensorsFile::open(dir.path()), ErrorCode::unreadable,
                         {dir.path().string(), "not a regular file"}));
  const auto pipe = dir.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_TRUE(fails_with(SafetensorsFile::open(pipe), ErrorCode::unreadable,
                         {"pipe", "not a regular file"}));
}

TEST(Safetensors, RefusesEveryTruncationOfAFile) {
  const TemporaryDirectory dir;
  const auto whole = with_header(
      R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"U8","shape":[3],"data_offsets":[16,19]}})",
      19);
  ASSERT_TRUE(succeeded(SafetensorsFile::open(dir.write("whole", whole))));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(SafetensorsFile::open(dir.write("cut", whole.substr(0, length)))) << length;
  }
}

TEST(Safetensors, NeverLeavesTheFileWhateverBytesChange) {
  const TemporaryDirectory dir;
  const auto whole = with_header(
      R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"U8","shape":[3],"data_offsets":[16,19]}})",
      19);
  std::mt19937 random(7);
  int refused = 0;
  for (int round = 0; round < 600; ++round) {
    auto content = whole;
    for (unsigned i = 0; i <= random() % 3; ++i) {
      content[random() % (whole.size() - 19)] = static_cast<char>(random() & 0x7fU);
    }
    const auto file = SafetensorsFile::open(dir.write("changed", content));
    if (!file) {
      ++refused;
      continue;
    }
    std::size_t covered = 0;
    for (const auto& [name, tensor] : file->tensors()) covered += tensor.bytes.size();
    EXPECT_EQ(covered, 19U) << content;
  }
  EXPECT_GT(refused, 300);
}

}  // namespace
}  // namespace cecollm::model
