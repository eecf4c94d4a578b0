#pragma once

// The clocks of the benchmark. Time that the thread did not run is not counted, where one thread
// does the work: these machines are shared.

#include <ctime>

namespace hopring::bench {

inline double seconds_of(clockid_t clock) {
  std::timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

inline double thread_seconds() { return seconds_of(CLOCK_THREAD_CPUTIME_ID); }
inline double process_seconds() { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }
inline double wall_seconds() { return seconds_of(CLOCK_MONOTONIC); }

// CPU time that `work` takes, in seconds.
template <class Work>
double timed(Work&& work) {
  const double start = thread_seconds();
  work();
  return thread_seconds() - start;
}
// The same with what other threads of the process do meanwhile.
template <class Work>
double timed_in_all(Work&& work) {
  const double start = process_seconds();
  work();
  return process_seconds() - start;
}

}  // namespace hopring::bench
