#include "bench/process_figures.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <unistd.h>

namespace cecollm::bench {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Adds one thread's time to its name. A thread that has just ended adds nothing.
void add_cpu(const fs::path& thread, std::map<std::string, double>& cpu) {
  const auto stat = text_of(thread / "stat");
  const auto open = stat.find('(');
  const auto close = stat.rfind(')');
  if (open == std::string::npos || close == std::string::npos) return;
  std::istringstream fields(stat.substr(close + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;  // up to the 14th field, utime
  double user = 0;
  double system = 0;
  if (!(fields >> user >> system)) return;
  cpu[stat.substr(open + 1, close - open - 1)] +=
      (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

std::optional<ProcessFigures> figures_of(pid_t process) {
  const auto folder = fs::path("/proc") / std::to_string(process);
  ProcessFigures figures;
  std::istringstream memory(text_of(folder / "statm"));
  std::int64_t size = 0;
  std::int64_t resident = 0;
  if (!(memory >> size >> resident)) return std::nullopt;
  figures.resident_bytes = resident * sysconf(_SC_PAGESIZE);
  std::error_code error;
  for (const auto& thread : fs::directory_iterator(folder / "task", error)) {
    ++figures.threads;
    add_cpu(thread.path(), figures.cpu);
  }
  const auto descriptors = fs::directory_iterator(folder / "fd", error);
  if (error) return std::nullopt;
  figures.descriptors = std::distance(fs::begin(descriptors), fs::end(descriptors));
  return figures;
}

}  // namespace cecollm::bench
