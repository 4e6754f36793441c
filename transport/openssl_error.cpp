#include "transport/openssl_error.hpp"

#include <cstring>

#include <openssl/err.h>

namespace cecollm::transport {

std::string take_openssl_error() {
  const auto code = ERR_get_error();
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

}  // namespace cecollm::transport
