#pragma once
// Text from untrusted files, made fit for an error message: quoted, printable, short.

#include <string>
#include <string_view>

namespace cecollm::model {

/// `text` in double quotes; bytes outside printable ASCII as \xNN, cut after 80 of its bytes.
std::string in_quotes(std::string_view text);

}  // namespace cecollm::model
