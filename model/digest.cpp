#include "model/digest.hpp"

#include <algorithm>
#include <array>

#include <openssl/evp.h>

namespace cecollm::model {

struct Sha256::Context {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> md{EVP_MD_CTX_new()};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  failed_ =
      context_->md == nullptr || EVP_DigestInit_ex(context_->md.get(), EVP_sha256(), nullptr) != 1;
}

Sha256::~Sha256() = default;

void Sha256::add(std::span<const std::byte> bytes) {
  failed_ = failed_ || EVP_DigestUpdate(context_->md.get(), bytes.data(), bytes.size()) != 1;
}

void Sha256::add(std::string_view text) {
  add(std::as_bytes(std::span(text)));
}

void Sha256::add_number(std::uint64_t value) {
  std::array<std::byte, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(value >> (8 * i) & 0xffU);
  }
  add(bytes);
}

void Sha256::add_field(std::string_view text) {
  add_number(text.size());
  add(text);
}

Result<std::string> Sha256::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (failed_ || EVP_DigestFinal_ex(context_->md.get(), digest.data(), &size) != 1) {
    return fail(ErrorCode::unsupported, "this OpenSSL library does not provide SHA-256");
  }
  failed_ = true;  // a finished context takes nothing more
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += digits[digest[i] >> 4U];
    text += digits[digest[i] & 0xfU];
  }
  return text;
}

bool is_sha256_hex(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace cecollm::model
