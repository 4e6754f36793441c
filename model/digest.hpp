#pragma once
// SHA-256 by OpenSSL, over one value after the other.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "model/error.hpp"

namespace cecollm::model {

class Sha256 {
 public:
  Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  ~Sha256();

  void add(std::span<const std::byte> bytes);
  void add(std::string_view text);
  /// As eight bytes, little-endian.
  void add_number(std::uint64_t value);
  /// The length as a number, then the text: no two sequences of fields hash alike.
  void add_field(std::string_view text);

  /// 64 lower-case hexadecimal digits; ends the object's use. `unsupported` where OpenSSL refuses
  /// SHA-256.
  Result<std::string> finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
  bool failed_ = false;
};

/// True if `text` has the form that Sha256::finish gives.
bool is_sha256_hex(std::string_view text);

}  // namespace cecollm::model
