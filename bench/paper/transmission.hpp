#pragma once
// What a response costs on the link by the paper's own scheme (arXiv 2411.02829, sections III and
// IV): `prompt` tokens go in, `tokens` come out, a row is the hidden state of one position. Means
// over many responses need not be whole.

namespace cecollm::bench {

/// Bytes of rows where each is sent once, whatever the threshold is; the row of the last token is
/// not needed.
double payload_once(double row_bytes, double prompt, double tokens);

/// Bytes of rows where every token sends all rows before it again: the naive deployment.
double payload_naive(double row_bytes, double prompt, double tokens);

/// The prompt's length that payload_once and payload_naive had.
double prompt_of_payload_once(double row_bytes, double payload, double tokens);
double prompt_of_payload_naive(double row_bytes, double payload, double tokens);

}  // namespace cecollm::bench
