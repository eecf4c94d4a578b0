#include "peer/net/turn.hpp"

#include <chrono>

namespace hopring {

boost::asio::execution_context::id Turn::id;

void Turn::run_soon() {
  if (std::exchange(is_posted_, true)) return;
  boost::asio::post(io_, [this] { run(); });
}

void Turn::run() {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = Clock::now() + turn_time_max;
  do {
    call_all(waiting_);
  } while (!waiting_.empty() && Clock::now() < end);
  call_all(last_);
  is_posted_ = false;
  if (!waiting_.empty() || !last_.empty()) run_soon();
}

// What they post is called after them.
void Turn::call_all(Functions& functions) {
  running_.swap(functions);
  for (std::unique_ptr<Function>& each : running_) {
    each->call();
    each.reset();
  }
  running_.clear();
}

void Turn::shutdown() {
  waiting_.clear();
  last_.clear();
  running_.clear();
}

}  // namespace hopring
