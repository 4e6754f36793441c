#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "load/recording_file.hpp"
#include <nlohmann/json.hpp>

namespace cecollm::load {
namespace {

using model::ErrorCode;

/// Little-endian numbers, one after the other.
class Bytes {
 public:
  template <class Number>
  void add(Number number) {
    using Bits = std::make_unsigned_t<Number>;
    auto bits = static_cast<Bits>(number);
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
      bytes_.push_back(static_cast<char>(bits & 0xFFU));
      if constexpr (sizeof(Number) > 1) bits = static_cast<Bits>(bits >> 8U);
    }
  }
  void add(float number) { add(std::bit_cast<std::uint32_t>(number)); }
  void add(const std::vector<model::TokenId>& ids) {
    for (const auto id : ids) add(id);
  }
  void add_text(std::string_view text) {
    for (const char c : text) bytes_.push_back(c);
  }
  void add_rows(std::span<const std::byte> rows) {
    for (const auto byte : rows) bytes_.push_back(static_cast<char>(byte));
  }
  const std::vector<char>& bytes() const { return bytes_; }

 private:
  std::vector<char> bytes_;
};

std::string header_of(const RecordedModel& model) {
  const nlohmann::json header{{"config_digest", model.identity.config_digest},
                              {"shared_digest", model.identity.shared_digest},
                              {"whole_digest", model.identity.whole_digest},
                              {"exit_layers", model.identity.exit_layers},
                              {"hidden_size", model.hidden_size},
                              {"num_layers", model.num_layers},
                              {"vocab_size", model.vocab_size},
                              {"max_positions", model.max_positions},
                              {"eos", model.eos},
                              {"row_dtype", model.codec->name()},
                              {"thresholds", model.thresholds}};
  return header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void add_token(Bytes& bytes, const RecordedToken& token) {
  bytes.add(token.id);
  bytes.add(static_cast<std::int16_t>(token.head));
  bytes.add(static_cast<std::uint8_t>(token.exits.size()));
  bytes.add(static_cast<std::uint8_t>(token.close_ids.size()));
  constexpr std::int64_t longest = std::numeric_limits<std::uint32_t>::max();
  for (const auto& [id, confidence, time] : token.exits) {
    bytes.add(id);
    bytes.add(confidence);
    bytes.add(static_cast<std::uint32_t>(std::min<std::int64_t>(time.count(), longest)));
  }
  bytes.add(token.close_ids);
}

}  // namespace

RecordingWriter::RecordingWriter(std::filesystem::path file, std::filesystem::path part)
    : file_(std::move(file)), part_(std::move(part)), stream_(part_, std::ios::binary) {}

RecordingWriter::~RecordingWriter() {
  if (!stream_.is_open()) return;  // finished, or moved from
  stream_.close();
  std::error_code ignored;
  std::filesystem::remove(part_, ignored);
}

model::Result<RecordingWriter> RecordingWriter::create(const std::filesystem::path& file,
                                                       const RecordedModel& model) {
  RecordingWriter writer(file, file.string() + ".part");
  const auto header = header_of(model);
  Bytes bytes;
  bytes.add_text("CECOLREC");
  bytes.add(recording_version);
  bytes.add(static_cast<std::uint32_t>(header.size()));
  bytes.add_text(header);
  if (const auto written = writer.write(bytes.bytes()); !written) {
    return tl::unexpected(written.error());
  }
  return writer;
}

model::Result<void> RecordingWriter::add(const RecordedGeneration& generation) {
  Bytes bytes;
  bytes.add(static_cast<std::uint32_t>(generation.prompt.size()));
  bytes.add(static_cast<std::uint32_t>(generation.tokens.size()));
  bytes.add(generation.prompt);
  for (const auto& token : generation.tokens) add_token(bytes, token);
  bytes.add_rows(generation.rows);
  ++generations_;
  return write(bytes.bytes());
}

model::Result<void> RecordingWriter::finish() {
  Bytes bytes;
  bytes.add(std::uint32_t{0});
  bytes.add(generations_);
  if (auto written = write(bytes.bytes()); !written) return written;
  stream_.close();
  std::error_code code;
  if (stream_) std::filesystem::rename(part_, file_, code);
  if (stream_ && !code) return {};
  std::error_code ignored;
  std::filesystem::remove(part_, ignored);
  return model::fail(ErrorCode::unreadable, file_.string() + ": cannot be written");
}

model::Result<void> RecordingWriter::write(const std::vector<char>& bytes) {
  stream_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes_ += bytes.size();
  if (stream_) return {};
  return model::fail(ErrorCode::unreadable, file_.string() + ": cannot be written");
}

}  // namespace cecollm::load
