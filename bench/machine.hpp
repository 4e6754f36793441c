#pragma once
// Where a result comes from: the machine, the commit, the command.

#include <string>

namespace cecollm::bench {

/// "4 cores of an AMD EPYC 7B13, 15.6 GiB of memory": the cores that this process may use. What the
/// system does not tell is left out.
std::string describe_machine();

/// What `git describe --always --dirty` says of the working directory; empty where it is none of
/// git's.
std::string describe_commit();

/// This process's arguments as one would type them, beginning with "cecollm".
std::string command_line();

}  // namespace cecollm::bench
