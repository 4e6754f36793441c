#include "apps/command_line.hpp"

int main(int argc, char** argv) {
  return cecollm::apps::run_process(argc, argv);
}
