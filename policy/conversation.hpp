#pragma once
// Whether a prompt goes on where an earlier generation stopped.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace cecollm::policy {

/// Rows of the end of a kept text that may be given up: a stop string that the client was not
/// shown, say, or letters that its tokenizer joins otherwise now that more follow.
inline constexpr std::size_t most_rows_given_up = 16;

/// How many rows of a kept text serve `prompt`: those of the ids that both begin with, at least one
/// fewer than the prompt has, because its last id has to be computed for the token after it. `kept`
/// are the ids of the text, `rows` how many of them, from the first, have rows. Empty: the prompt
/// is another text, or gives up too much of this one.
std::optional<std::size_t> rows_to_resume(std::span<const std::int32_t> kept, std::size_t rows,
                                          std::span<const std::int32_t> prompt);

}  // namespace cecollm::policy
