#pragma once
// OpenSSL's reasons as words.

#include <string>

namespace cecollm::transport {

/// The oldest entry of this thread's OpenSSL error queue, which is emptied: "certificate verify
/// failed", or "unknown reason".
std::string take_openssl_error();

}  // namespace cecollm::transport
