#include "peer/net/turn.hpp"

namespace hopring {

boost::asio::execution_context::id Turn::id;

void Turn::run_soon() {
  if (std::exchange(is_posted_, true)) return;
  boost::asio::post(io_, [this] { run(); });
}

void Turn::run() {
  for (int round = 0; round < rounds_max; ++round) {
    if (waiting_.empty() && last_.empty()) break;
    call_all(waiting_.empty() ? last_ : waiting_);
  }
  is_posted_ = false;
  if (!waiting_.empty() || !last_.empty()) run_soon();
}

// What they post comes in the next round.
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
