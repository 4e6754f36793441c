#pragma once
// RowBatch is most of what is sent, so it is written and read here by hand: one copy of the
// payload, and the same bytes as the generated code.

#include <span>
#include <vector>

#include "transport/error.hpp"
#include "transport/messages.hpp"

namespace cecollm::transport {

/// The whole frame, prefix included.
std::vector<char> encode_row_batch_frame(const RowBatch& rows);

/// `body` is the RowBatch itself, without its envelope.
Result<RowBatch> decode_row_batch(std::span<const char> body);

}  // namespace cecollm::transport
