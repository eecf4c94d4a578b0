#pragma once

namespace hopring::bench {

// hopring-bench net: puts load on a ring of processes and says how it was served. `argv[0]` is the
// subcommand. Returns the exit code: 0 measured, 1 could not measure, 2 a bad option.
int run_net(int argc, char** argv);

}  // namespace hopring::bench
