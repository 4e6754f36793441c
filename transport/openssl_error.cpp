#include "transport/openssl_error.hpp"

#include <cstring>

#include <openssl/err.h>

namespace cecollm::transport {

namespace {

std::string words(unsigned long code) {
  ERR_clear_error();
  if (code == 0) {
    return "unknown reason";
  }
  if (ERR_SYSTEM_ERROR(code)) {
    return std::strerror(ERR_GET_REASON(code));
  }
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "OpenSSL error " + std::to_string(code);
}

}  // namespace

std::string take_first_openssl_error() {
  return words(ERR_peek_error());
}

std::string take_last_openssl_error() {
  return words(ERR_peek_last_error());
}

}  // namespace cecollm::transport
