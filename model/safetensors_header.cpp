#include "model/safetensors_header.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include <nlohmann/json.hpp>

#include "model/quoting.hpp"
#include "model/safetensors.hpp"

namespace cecollm::model {
namespace {

using nlohmann::json;

constexpr std::size_t max_rank = 16;

/// The byte count of `entry`'s dtype and shape, or nothing where it exceeds 63 bits.
std::optional<std::uint64_t> byte_count(const HeaderEntry& entry) {
  constexpr auto limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::uint64_t count = element_bytes(entry.dtype);
  for (const auto dim : entry.shape) {
    const auto size = static_cast<std::uint64_t>(dim);
    if (size != 0 && count > limit / size) return std::nullopt;
    count *= size;
  }
  return count;
}

/// A state machine over nlohmann's SAX events: exactly
/// {NAME: {"dtype": S, "shape": [N…], "data_offsets": [N, N]}…, "__metadata__": {S: S…}}.
class HeaderReader : public nlohmann::json_sax<json> {
 public:
  explicit HeaderReader(std::string file) : file_(std::move(file)) {}

  SafetensorsHeader& header() { return header_; }
  const Error& error() const { return error_; }

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("a boolean"); }
  bool number_float(double, const std::string&) override { return unexpected("a fraction"); }
  bool binary(json::binary_t&) override { return unexpected("binary data"); }

  bool number_integer(std::int64_t) override { return unexpected("a negative number"); }

  bool number_unsigned(std::uint64_t value) override {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return malformed(in_tensor() + ": the number " + std::to_string(value) + " is out of range");
    }
    if (state_ == State::shape) {
      if (entry_.shape.size() == max_rank) {
        return malformed(in_tensor() + ": more than " + std::to_string(max_rank) + " dimensions");
      }
      entry_.shape.push_back(static_cast<std::int64_t>(value));
      return true;
    }
    if (state_ == State::offsets) {
      if (offsets_read_ == 2) return malformed(in_tensor() + ": more than two data_offsets");
      (offsets_read_++ == 0 ? entry_.begin : entry_.end) = value;
      return true;
    }
    return unexpected("a number");
  }

  bool string(std::string& value) override {
    if (state_ == State::dtype) {
      if (element_bytes(value) == 0) {
        error_ = {ErrorCode::unsupported,
                  file_ + ": " + in_tensor() + ": unknown dtype " + in_quotes(value)};
        return false;
      }
      entry_.dtype = value;
      state_ = State::tensor;
      return true;
    }
    if (state_ == State::metadata_value) {
      header_.metadata[key_] = value;
      state_ = State::metadata;
      return true;
    }
    return unexpected("a string");
  }

  bool start_object(std::size_t) override {
    switch (state_) {
      case State::start:
        state_ = State::top;
        return true;
      case State::tensor_value:
        entry_ = {};
        seen_ = {};
        offsets_read_ = 0;
        state_ = State::tensor;
        return true;
      case State::metadata_start:
        state_ = State::metadata;
        return true;
      default:
        return unexpected("an object");
    }
  }

  bool key(std::string& name) override {
    if (state_ == State::top) return top_key(name);
    if (state_ == State::tensor) return tensor_key(name);
    // The only other object that can be open is the metadata.
    if (header_.metadata.contains(name)) {
      return malformed("metadata key " + in_quotes(name) + " appears twice");
    }
    key_ = name;
    state_ = State::metadata_value;
    return true;
  }

  bool end_object() override {
    if (state_ == State::tensor) return finish_tensor();
    state_ = state_ == State::metadata ? State::top : State::end;
    return true;
  }

  bool start_array(std::size_t) override {
    if (state_ == State::shape_start) {
      state_ = State::shape;
      return true;
    }
    if (state_ == State::offsets_start) {
      state_ = State::offsets;
      return true;
    }
    return unexpected("a list");
  }

  bool end_array() override {
    state_ = State::tensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return malformed("invalid JSON at byte " + std::to_string(position));
  }

 private:
  enum class State {
    start,
    top,
    tensor_value,
    tensor,
    dtype,
    shape_start,
    shape,
    offsets_start,
    offsets,
    metadata_start,
    metadata,
    metadata_value,
    end,
  };

  std::string in_tensor() const { return "tensor " + in_quotes(name_); }

  bool malformed(const std::string& reason) {
    error_ = {ErrorCode::malformed, file_ + ": header: " + reason};
    return false;
  }

  bool unexpected(std::string_view what) {
    return malformed("unexpected " + std::string(what) +
                     (name_.empty() ? "" : " at " + in_tensor()));
  }

  bool top_key(std::string& name) {
    name_ = name;
    if (name == "__metadata__") {
      if (metadata_seen_) return malformed("__metadata__ appears twice");
      metadata_seen_ = true;
      state_ = State::metadata_start;
      return true;
    }
    if (header_.entries.contains(name)) return malformed(in_tensor() + " appears twice");
    state_ = State::tensor_value;
    return true;
  }

  bool tensor_key(const std::string& name) {
    struct Field {
      std::string_view name;
      State state;
    };
    constexpr std::array fields = {Field{"dtype", State::dtype}, Field{"shape", State::shape_start},
                                   Field{"data_offsets", State::offsets_start}};
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (name != fields[i].name) continue;
      if (seen_[i]) return malformed(in_tensor() + ": " + name + " appears twice");
      seen_[i] = true;
      state_ = fields[i].state;
      return true;
    }
    return malformed(in_tensor() + ": unknown key " + in_quotes(name));
  }

  bool finish_tensor() {
    if (!std::ranges::all_of(seen_, [](bool seen) { return seen; }) || offsets_read_ != 2) {
      return malformed(in_tensor() + ": dtype, shape and two data_offsets are needed");
    }
    if (entry_.begin > entry_.end) {
      return malformed(in_tensor() + ": its data ends before it begins");
    }
    const auto bytes = byte_count(entry_);
    if (!bytes) return malformed(in_tensor() + ": the product of its shape is out of range");
    if (entry_.end - entry_.begin != *bytes) {
      return malformed(in_tensor() + ": its data_offsets span " +
                       std::to_string(entry_.end - entry_.begin) +
                       " bytes, its dtype and shape need " + std::to_string(*bytes));
    }
    header_.entries.emplace(name_, std::move(entry_));
    state_ = State::top;
    return true;
  }

  std::string file_;
  State state_ = State::start;
  std::string name_;  // of the current entry
  std::string key_;   // of the current metadata value
  HeaderEntry entry_;
  std::array<bool, 3> seen_{};
  int offsets_read_ = 0;
  bool metadata_seen_ = false;
  SafetensorsHeader header_;
  Error error_{ErrorCode::malformed, ""};
};

/// The format wants every byte of the data to belong to exactly one tensor.
Result<void> check_coverage(const SafetensorsHeader& header, std::uint64_t data_bytes,
                            const std::string& file) {
  using Entry = std::pair<const std::string, HeaderEntry>;
  std::vector<const Entry*> order;
  order.reserve(header.entries.size());
  for (const auto& entry : header.entries) order.push_back(&entry);
  std::ranges::sort(order, [](const Entry* a, const Entry* b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  std::uint64_t covered = 0;
  for (const auto* entry : order) {
    const auto& [begin, end] = std::pair(entry->second.begin, entry->second.end);
    const auto name = file + ": tensor " + in_quotes(entry->first);
    if (end > data_bytes) {
      return fail(ErrorCode::malformed, name + ": its data ends at byte " + std::to_string(end) +
                                            ", but the file holds only " +
                                            std::to_string(data_bytes) + " bytes of data");
    }
    if (begin < covered) {
      return fail(ErrorCode::malformed, name + ": its data overlaps another tensor's");
    }
    if (begin > covered) {
      return fail(ErrorCode::malformed, name + ": " + std::to_string(begin - covered) +
                                            " bytes before its data belong to no tensor");
    }
    covered = end;
  }
  if (covered != data_bytes) {
    return fail(ErrorCode::malformed, file + ": " + std::to_string(data_bytes - covered) +
                                          " bytes after the last tensor belong to none");
  }
  return {};
}

}  // namespace

Result<SafetensorsHeader> parse_safetensors_header(std::string_view text, std::uint64_t data_bytes,
                                                   const std::string& file) {
  if (text.empty() || text.front() != '{') {
    return fail(ErrorCode::malformed, file + ": header: a JSON object was expected");
  }
  HeaderReader reader(file);
  if (!json::sax_parse(text, &reader)) return tl::unexpected(reader.error());
  if (auto covered = check_coverage(reader.header(), data_bytes, file); !covered) {
    return tl::unexpected(covered.error());
  }
  return std::move(reader.header());
}

}  // namespace cecollm::model
