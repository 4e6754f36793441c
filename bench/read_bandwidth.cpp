#include "bench/read_bandwidth.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <span>
#include <vector>

#include "model/thread_team.hpp"
#include "model/weight_memory.hpp"

namespace cecollm::bench {
namespace {

/// Eight sums beside each other, which the compiler makes vectors of.
std::uint64_t sum_of(std::span<const std::uint64_t> words) {
  std::uint64_t sums[32] = {};
  for (std::size_t i = 0; i + 32 <= words.size(); i += 32) {
    for (std::size_t k = 0; k < 32; ++k) sums[k] += words[i + k];
  }
  std::uint64_t sum = 0;
  for (const auto part : sums) sum += part;
  return sum;
}

}  // namespace

double read_bandwidth(std::size_t bytes, int threads, int rounds) {
  model::WeightMemory memory;
  const auto piece = memory.take(bytes);
  if (!piece) {
    std::cerr << "benchmark: " << piece.error().message << '\n';
    std::exit(1);
  }
  std::memset(piece->bytes.data(), 1, bytes);
  const std::span words(reinterpret_cast<const std::uint64_t*>(piece->bytes.data()),
                        bytes / sizeof(std::uint64_t));
  model::ThreadTeam team(threads);
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(threads));
  double best = 0.0;
  for (int round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    team.run(threads, [&](const model::ThreadTeam::Member& member) {
      const auto share = member.share_of(static_cast<std::int64_t>(words.size()));
      sums[static_cast<std::size_t>(member.index)] +=
          sum_of(words.subspan(static_cast<std::size_t>(share.begin),
                               static_cast<std::size_t>(share.end - share.begin)));
    });
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    best = std::max(best, static_cast<double>(bytes) / time.count());
  }
  // A use of the sums, without which there would be no reading.
  if (std::ranges::count(sums, 0U) == threads) std::cerr << "benchmark: nothing was read\n";
  return best;
}

}  // namespace cecollm::bench
