// The program with its benchmarks: what apps/main.cpp is, and `cecollm bench`. apps/ knows nothing
// of bench/, so a build without the one has the other whole.

#include "apps/command_line.hpp"
#include "bench/bench_command.hpp"

int main(int argc, char** argv) {
  return cecollm::apps::run_process(argc, argv, {cecollm::bench::register_bench});
}
