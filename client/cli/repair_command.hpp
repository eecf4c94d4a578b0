#pragma once

// `hopring ring repair`: what can be done for arcs that have lost the majority of their members.
// docs/operations.md tells when to use it.

#include <chrono>

#include "client/cli/context.hpp"

namespace hopring::cli {

void add_repair_options(po::options_description& options);

// `patience`: how long the ring may take to be whole, with all copies, once it is repaired.
ExitCode repair(Context& context, std::chrono::seconds patience);

}  // namespace hopring::cli
