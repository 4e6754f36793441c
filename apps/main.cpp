#include <iostream>
#include <string>
#include <vector>

#include <unistd.h>

#include "apps/command_line.hpp"

int main(int argc, char** argv) {
  using namespace cecollm::apps;
  const CommandIo io{std::cin, std::cout, std::cerr, isatty(STDOUT_FILENO) == 1,
                     process_environment()};
  return run_command_line(std::vector<std::string>(argv + 1, argv + argc), io);
}
