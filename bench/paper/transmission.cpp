#include "bench/paper/transmission.hpp"

namespace cecollm::bench {

double payload_once(double row_bytes, double prompt, double tokens) {
  return row_bytes * (prompt + tokens - 1);
}

double payload_naive(double row_bytes, double prompt, double tokens) {
  // Rows of token t, counted from 0: prompt + t.
  return row_bytes * (tokens * prompt + tokens * (tokens - 1) / 2);
}

double prompt_of_payload_once(double row_bytes, double payload, double tokens) {
  return payload / row_bytes - tokens + 1;
}

double prompt_of_payload_naive(double row_bytes, double payload, double tokens) {
  return (payload / row_bytes - tokens * (tokens - 1) / 2) / tokens;
}

}  // namespace cecollm::bench
