#pragma once
// The JSON header of a safetensors file. Internal to SafetensorsFile.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.hpp"

namespace cecollm::model {

/// Everything that one entry says, checked in itself: known dtype, begin <= end, and
/// end - begin = bytes of dtype and shape.
struct HeaderEntry {
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;  // within the data that follows the header
  std::uint64_t end = 0;
};

struct SafetensorsHeader {
  std::map<std::string, HeaderEntry, std::less<>> entries;
  std::map<std::string, std::string, std::less<>> metadata;
};

/// Parses `json` in one pass and refuses everything unexpected at once, so memory stays
/// proportional to the header's length. Also checks that the entries cover [0, data_bytes) without
/// overlap or hole. Messages begin with `file`.
Result<SafetensorsHeader> parse_safetensors_header(std::string_view json, std::uint64_t data_bytes,
                                                   const std::string& file);

}  // namespace cecollm::model
