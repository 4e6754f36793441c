#include "bench/machine.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <sstream>
#include <string_view>

#include <sched.h>

#include "apps/child_process.hpp"

namespace cecollm::bench {
namespace {

/// The value of the first line "key : value" of a file of /proc.
std::string value_in(const char* file, std::string_view key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const auto begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? std::string() : line.substr(begin);
  }
  return {};
}

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 0;
}

/// As a shell reads it back.
std::string shell_text(const std::string& argument) {
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+,./:%@";
  if (!argument.empty() && argument.find_first_not_of(plain) == std::string::npos) return argument;
  std::string text = "'";
  for (const char byte : argument) text += byte == '\'' ? "'\\''" : std::string(1, byte);
  return text + "'";
}

}  // namespace

std::string describe_machine() {
  std::ostringstream text;
  text << usable_cores() << " cores";
  if (const auto name = value_in("/proc/cpuinfo", "model name"); !name.empty()) {
    text << " of " << name;
  }
  if (const auto memory = value_in("/proc/meminfo", "MemTotal"); !memory.empty()) {
    std::istringstream number(memory);
    double kib = 0;
    if (number >> kib) {
      text << ", " << std::fixed << std::setprecision(1) << kib / (1024 * 1024) << " GiB of memory";
    }
  }
  return text.str();
}

std::string describe_commit() {
  constexpr const char* git = "/usr/bin/git";
  if (!std::filesystem::exists(git)) return {};
  auto process = apps::ChildProcess::start({git, "describe", "--always", "--dirty"});
  if (!process) return {};
  return process->read_line(std::chrono::seconds(10)).value_or("");
}

std::string command_line() {
  std::ifstream stream("/proc/self/cmdline", std::ios::binary);
  std::string text = "cecollm";
  std::string argument;
  std::getline(stream, argument, '\0');  // the program's own path
  while (std::getline(stream, argument, '\0')) text += " " + shell_text(argument);
  return text;
}

}  // namespace cecollm::bench
