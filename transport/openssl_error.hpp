#pragma once
// OpenSSL's reasons as words: "certificate verify failed", or "unknown reason". Both empty this
// thread's error queue.

#include <string>

namespace cecollm::transport {

/// What went wrong innermost: of files, the useful part.
std::string take_first_openssl_error();
/// What the outermost call made of it: of handshakes, the useful part.
std::string take_last_openssl_error();

}  // namespace cecollm::transport
