#include "bench/paper/compute_meter.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace cecollm::bench {

/// Zeroed memory is a meter that has seen nothing.
struct ComputeMeter::Cells {
  using Cell = std::atomic<std::int64_t>;
  static_assert(Cell::is_always_lock_free, "else two processes cannot share it");
  Cell busy_ns;
  Cell passes;
  Cell layer_rows;
  Cell layer_flops;
  Cell head_flops;
  Cell under_way;
};

ComputeTotals operator-(const ComputeTotals& later, const ComputeTotals& earlier) {
  return {later.busy - earlier.busy, later.passes - earlier.passes,
          later.layer_rows - earlier.layer_rows, later.layer_flops - earlier.layer_flops,
          later.head_flops - earlier.head_flops};
}

apps::Outcome<std::shared_ptr<ComputeMeter>> ComputeMeter::map(int file) {
  const int flags = MAP_SHARED | (file < 0 ? MAP_ANONYMOUS : 0);
  void* memory = mmap(nullptr, sizeof(Cells), PROT_READ | PROT_WRITE, flags, file, 0);
  if (memory == MAP_FAILED) {
    return apps::failed(std::string("no memory for a meter: ") + std::strerror(errno));
  }
  return std::shared_ptr<ComputeMeter>(new ComputeMeter(static_cast<Cells*>(memory)));
}

apps::Outcome<std::shared_ptr<ComputeMeter>> ComputeMeter::make() {
  return map(-1);
}

apps::Outcome<std::shared_ptr<ComputeMeter>> ComputeMeter::in_file(
    const std::filesystem::path& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) {
    return apps::misused(path.string() + ": no meter can be kept here: " + std::strerror(errno));
  }
  // Of a file that is there already, neither length nor content changes.
  const bool long_enough = ftruncate(file, sizeof(Cells)) == 0;
  auto meter = long_enough ? map(file)
                           : apps::failed(path.string() + ": " + std::string(std::strerror(errno)));
  close(file);
  return meter;
}

ComputeMeter::~ComputeMeter() {
  munmap(cells_, sizeof(Cells));
}

void ComputeMeter::begin_pass() {
  ++cells_->under_way;
}

void ComputeMeter::end_pass(const ComputeTotals& pass) {
  cells_->busy_ns += pass.busy.count();
  cells_->passes += pass.passes;
  cells_->layer_rows += pass.layer_rows;
  cells_->layer_flops += pass.layer_flops;
  cells_->head_flops += pass.head_flops;
  --cells_->under_way;
}

ComputeTotals ComputeMeter::totals() const {
  return {std::chrono::nanoseconds(cells_->busy_ns), cells_->passes, cells_->layer_rows,
          cells_->layer_flops, cells_->head_flops};
}

bool ComputeMeter::busy() const {
  return cells_->under_way != 0;
}

}  // namespace cecollm::bench
