#pragma once

#include <cstdio>
#include <cstdlib>

// HOPRING_CHECK: a broken promise of OUR code. On in every build type: a wrong peer is worse than a
// dead one, since its neighbours will take over from a dead one. Never use it on bytes received
// from the network or on arguments of the public API: those are errors, and errors are returned.
#define HOPRING_CHECK(condition)                                                             \
  ((condition)                                                                               \
       ? static_cast<void>(0)                                                                \
       : (std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition), \
          std::abort()))
