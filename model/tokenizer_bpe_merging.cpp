// Two ways to the same result: a scan for short words, where it is faster, a heap for long ones,
// where a scan would take quadratic time.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "model/tokenizer_bpe.hpp"

namespace cecollm::model {

namespace {

constexpr std::size_t longest_scanned_word = 64;

// merges[i] is what may join symbols i and i + 1.
void find_all_merges(const MergeTable& table, BpeScratch& scratch) {
  const std::vector<TokenId>& symbols = scratch.symbols;
  scratch.merges.resize(symbols.size() - 1);
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
    scratch.merges[i] = table.find(symbols[i], symbols[i + 1]);
  }
}

void merge_by_scanning(const MergeTable& table, BpeScratch& scratch) {
  std::vector<TokenId>& symbols = scratch.symbols;
  std::vector<const Merge*>& merges = scratch.merges;
  for (;;) {
    std::size_t best = merges.size();
    for (std::size_t i = 0; i < merges.size(); ++i) {
      if (merges[i] == nullptr) continue;
      if (best == merges.size() || merges[i]->rank < merges[best]->rank) best = i;
    }
    if (best == merges.size()) return;
    symbols[best] = merges[best]->result;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    merges.erase(merges.begin() + static_cast<std::ptrdiff_t>(best));
    if (best > 0) merges[best - 1] = table.find(symbols[best - 1], symbols[best]);
    if (best < merges.size()) merges[best] = table.find(symbols[best], symbols[best + 1]);
  }
}

class HeapMerging {
 public:
  HeapMerging(const MergeTable& table, BpeScratch& scratch)
      : table_(table), symbols_(scratch.symbols), merges_(scratch.merges) {
    const auto count = symbols_.size();
    links_.resize(count);
    for (std::size_t i = 0; i < count; ++i) links_[i] = {i - 1, i + 1};
    merges_.push_back(nullptr);  // the last symbol has no right neighbour
    std::vector<Candidate> candidates;
    candidates.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      if (merges_[i] != nullptr) candidates.push_back({merges_[i]->rank, i});
    }
    heap_ = Heap(std::greater<>(), std::move(candidates));
  }

  void run() {
    while (!heap_.empty()) {
      const Candidate candidate = heap_.top();
      heap_.pop();
      const Merge* merge = merges_[candidate.position];
      // A pair that has changed meanwhile brought its own candidate.
      if (merge != nullptr && merge->rank == candidate.rank) join(candidate.position, *merge);
    }
    std::size_t kept = 0;
    for (std::size_t i = 0; i < symbols_.size(); i = links_[i].next) symbols_[kept++] = symbols_[i];
    symbols_.resize(kept);
  }

 private:
  struct Candidate {
    std::uint32_t rank;
    std::size_t position;  // of the left symbol
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 misreads defaulted comparisons
    auto operator<=>(const Candidate&) const = default;
  };
  struct Link {
    std::size_t previous;  // beyond the end for the first symbol
    std::size_t next;
  };
  using Heap = std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>>;

  void join(std::size_t left, const Merge& merge) {
    const std::size_t right = links_[left].next;
    symbols_[left] = merge.result;
    merges_[right] = nullptr;
    links_[left].next = links_[right].next;
    if (links_[left].next < symbols_.size()) links_[links_[left].next].previous = left;
    look_up(left);
    if (links_[left].previous < symbols_.size()) look_up(links_[left].previous);
  }

  void look_up(std::size_t left) {
    const std::size_t right = links_[left].next;
    merges_[left] =
        right < symbols_.size() ? table_.find(symbols_[left], symbols_[right]) : nullptr;
    if (merges_[left] != nullptr) heap_.push({merges_[left]->rank, left});
  }

  const MergeTable& table_;
  std::vector<TokenId>& symbols_;
  std::vector<const Merge*>& merges_;
  std::vector<Link> links_;
  Heap heap_;
};

}  // namespace

void apply_merges(const MergeTable& table, BpeScratch& scratch) {
  if (scratch.symbols.size() < 2) return;
  find_all_merges(table, scratch);
  if (scratch.symbols.size() <= longest_scanned_word) {
    merge_by_scanning(table, scratch);
  } else {
    HeapMerging(table, scratch).run();
  }
}

}  // namespace cecollm::model
