#include "bench/random_checkpoint.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <span>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "model/partition.hpp"

namespace cecollm::bench {
namespace {

using model::ErrorCode;

constexpr std::size_t block_bytes = std::size_t{4} << 20U;
constexpr std::size_t grid = 1U << 16U;  // values that a weight of one tensor can take

/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (OOPSLA 2014), the output
/// function: 64 random bits as a function of a counter.
std::uint64_t mix(std::uint64_t counter) {
  counter += 0x9E3779B97F4A7C15U;
  counter = (counter ^ counter >> 30U) * 0xBF58476D1CE4E5B9U;
  counter = (counter ^ counter >> 27U) * 0x94D049BB133111EBU;
  return counter ^ counter >> 31U;
}

/// FNV-1a, so that a tensor's values depend on its name and not on its place in a file.
std::uint64_t hash_of(std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return hash;
}

struct Spread {
  float mean = 0.0F;
  float deviation = 0.0F;
};

/// Products keep the size of their input, and heads are wide enough for logits that differ.
Spread spread_of(const model::TensorSpec& spec) {
  if (spec.shape.size() == 1) {
    return {spec.name.find("norm") != std::string::npos ? 1.0F : 0.0F, 0.1F};
  }
  if (spec.name.ends_with("embed_tokens.weight")) return {0.0F, 0.6F};
  const float gain = spec.name.ends_with("lm_head.weight") ? 3.0F : 1.0F;
  return {0.0F, gain / std::sqrt(static_cast<float>(spec.shape[1]))};
}

std::uint16_t bf16_of(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16U & 1U)) >> 16U);
}

/// One tensor's place in its file and the values it takes.
struct Plan {
  std::string name;
  std::vector<std::int64_t> shape;
  Spread spread;
  std::uint64_t stream = 0;
  std::uint64_t count = 0;
  std::uint64_t begin = 0;  // in bytes, behind the header
};

/// Fills `bytes` with values first .. of a tensor.
template <class Element>
void fill(std::span<std::byte> bytes, const std::vector<Element>& values, std::uint64_t stream,
          std::uint64_t first) {
  const std::size_t count = bytes.size() / sizeof(Element);
  std::vector<Element> block(count);
  for (std::size_t i = 0; i < count; i += 4) {
    // `first` is a multiple of 4: each word gives four values, whatever the blocks are.
    std::uint64_t word = mix(stream + (first + i) / 4);
    for (std::size_t j = i; j < std::min(count, i + 4); ++j) {
      block[j] = values[word & (grid - 1)];
      word >>= 16U;
    }
  }
  std::memcpy(bytes.data(), block.data(), bytes.size());
}

template <class Element>
std::vector<Element> grid_of(const Spread& spread) {
  std::vector<Element> values(grid);
  const float width = spread.deviation * std::sqrt(3.0F);  // half of the uniform range
  for (std::size_t i = 0; i < grid; ++i) {
    const float unit = (static_cast<float>(i) + 0.5F) / (static_cast<float>(grid) / 2) - 1.0F;
    const float value = spread.mean + width * unit;
    if constexpr (sizeof(Element) == 2) {
      values[i] = bf16_of(value);
    } else {
      values[i] = value;
    }
  }
  return values;
}

/// A file that many threads write at offsets of their own. Removed unless finished.
class NewFile {
 public:
  explicit NewFile(std::filesystem::path path)
      : path_(std::move(path)),
        descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) error_ = errno;
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    if (!finished_) ::unlink(path_.c_str());
  }

  void write(std::span<const std::byte> bytes, std::uint64_t offset) {
    while (!bytes.empty() && error_ == 0) {
      const auto done =
          ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (done < 0) {
        if (errno != EINTR) error_ = errno;
        continue;
      }
      bytes = bytes.subspan(static_cast<std::size_t>(done));
      offset += static_cast<std::uint64_t>(done);
    }
  }
  bool failed() const { return error_ != 0; }
  model::Result<void> finish() {
    if (error_ != 0) {
      return model::fail(ErrorCode::unreadable, path_.string() + ": cannot be written: " +
                                                    std::generic_category().message(error_));
    }
    finished_ = true;
    return {};
  }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::atomic<int> error_ = 0;
  bool finished_ = false;
};

template <class Element>
void write_tensor(NewFile& file, const Plan& plan, std::uint64_t data_begin, int threads) {
  const auto values = grid_of<Element>(plan.spread);
  constexpr std::uint64_t block = block_bytes / sizeof(Element);
  std::atomic<std::uint64_t> next = 0;
  const auto work = [&] {
    std::vector<std::byte> bytes;
    for (auto first = next.fetch_add(block); first < plan.count && !file.failed();
         first = next.fetch_add(block)) {
      bytes.resize(static_cast<std::size_t>(std::min(block, plan.count - first)) * sizeof(Element));
      fill(bytes, values, plan.stream, first);
      file.write(bytes, data_begin + plan.begin + first * sizeof(Element));
    }
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (auto& other : others) other.join();
}

/// A safetensors file (https://huggingface.co/docs/safetensors) whose tensors are made on the way.
model::Result<void> write_file(const std::filesystem::path& path, const std::vector<Plan>& plans,
                               model::DType dtype, int threads) {
  nlohmann::json header = nlohmann::json::object();
  const std::size_t element = model::size_of(dtype);
  for (const auto& plan : plans) {
    header[plan.name] = {{"dtype", dtype == model::DType::bf16 ? "BF16" : "F32"},
                         {"shape", plan.shape},
                         {"data_offsets", {plan.begin, plan.begin + plan.count * element}}};
  }
  std::string text = header.dump();
  constexpr std::size_t prefix_bytes = 8;
  text.append((prefix_bytes - text.size() % prefix_bytes) % prefix_bytes, ' ');
  std::string head;
  for (std::size_t i = 0; i < prefix_bytes; ++i) {
    head.push_back(static_cast<char>(text.size() >> (8 * i) & 0xFFU));
  }
  head += text;
  NewFile file(path);
  file.write(std::as_bytes(std::span(head)), 0);
  for (const auto& plan : plans) {
    if (dtype == model::DType::bf16) {
      write_tensor<std::uint16_t>(file, plan, head.size(), threads);
    } else {
      write_tensor<float>(file, plan, head.size(), threads);
    }
  }
  return file.finish();
}

std::vector<Plan> plan_file(const std::vector<model::TensorSpec>& specs, bool exits,
                            std::size_t element, std::uint64_t seed) {
  std::vector<Plan> plans;
  std::uint64_t begin = 0;
  for (const auto& spec : specs) {
    if (spec.name.starts_with("early_exit.") != exits) continue;
    Plan plan{spec.name, spec.shape, spread_of(spec), mix(seed ^ hash_of(spec.name)), 1, begin};
    for (const auto size : spec.shape) plan.count *= static_cast<std::uint64_t>(size);
    begin += plan.count * element;
    plans.push_back(std::move(plan));
  }
  return plans;
}

nlohmann::json llama(int hidden, int ffn, int layers, int heads, int kv_heads, int vocab,
                     int positions, std::vector<int> exits) {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"hidden_size", hidden},
          {"intermediate_size", ffn},
          {"num_hidden_layers", layers},
          {"num_attention_heads", heads},
          {"num_key_value_heads", kv_heads},
          {"head_dim", hidden / heads},
          {"vocab_size", vocab},
          {"max_position_embeddings", positions},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 10000.0},
          {"hidden_act", "silu"},
          {"tie_word_embeddings", false},
          {"torch_dtype", "bfloat16"},
          {"bos_token_id", 1},
          {"early_exit", {{"layers", std::move(exits)}, {"head", "norm"}}}};
}

}  // namespace

std::vector<NamedShape> named_shapes() {
  return {{"7b", "Llama 2 7B, exits after 8 and 16: 6.7 G parameters"},
          {"1b", "Llama 3.2 1B, tied embeddings, exits after 4 and 8: 1.2 G parameters"},
          {"mid", "12 layers of 768, exits after 3 and 6: 0.1 G parameters"}};
}

std::optional<nlohmann::json> config_of_shape(std::string_view name) {
  if (name == "7b") return llama(4096, 11008, 32, 32, 32, 32000, 4096, {8, 16});
  if (name == "1b") {
    auto config = llama(2048, 8192, 16, 32, 8, 128256, 131072, {4, 8});
    config["rope_theta"] = 500000.0;
    config["tie_word_embeddings"] = true;
    return config;
  }
  if (name == "mid") return llama(768, 2048, 12, 12, 4, 32000, 2048, {3, 6});
  return std::nullopt;
}

model::Result<WrittenCheckpoint> write_random_checkpoint(const std::filesystem::path& dir,
                                                         const nlohmann::json& config,
                                                         std::uint64_t seed, int threads) {
  std::error_code code;
  std::filesystem::create_directories(dir, code);
  const auto config_file = dir / "config.json";
  if (std::filesystem::exists(config_file)) {
    return model::fail(ErrorCode::unreadable, config_file.string() + ": exists already");
  }
  std::ofstream(config_file) << config.dump(1) << '\n';
  const auto read = model::read_config(dir);
  if (!read) {
    std::filesystem::remove(config_file, code);
    return tl::unexpected(read.error());
  }
  if (read->stored_dtype == model::DType::f16) {
    std::filesystem::remove(config_file, code);
    return model::fail(ErrorCode::unsupported,
                       config_file.string() +
                           ": torch_dtype float16 cannot be made, only bfloat16 "
                           "and float32");
  }
  const auto specs = model::tensors_of(*read, model::Part::whole);
  const std::size_t element = model::size_of(read->stored_dtype);
  WrittenCheckpoint written;
  for (const bool exits : {false, true}) {
    const auto plans = plan_file(specs, exits, element, seed);
    if (plans.empty()) continue;
    const auto* name = exits ? "early_exit.safetensors" : "model.safetensors";
    if (const auto done = write_file(dir / name, plans, read->stored_dtype, threads); !done) {
      return tl::unexpected(done.error());
    }
    for (const auto& plan : plans) written.parameters += plan.count;
  }
  written.bytes = written.parameters * element;
  return written;
}

}  // namespace cecollm::bench
