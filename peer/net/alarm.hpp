#pragma once

// Calls a core when its deadline has come. The timer fires at the deadline or earlier: it is moved
// only if it would come too late, so that most inputs of the core leave it alone. (It does not
// count time in which the machine was suspended, so after that a deadline may be met late, as after
// any pause; what time it is then, the clock says.)
//
// Thread rule: the thread that runs the io_context.

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <utility>

#include "base/time.hpp"
#include "peer/net/system.hpp"

namespace hopring {

class Alarm {
 public:
  // `next_deadline` is asked each time; `ring` is called once it has come.
  Alarm(boost::asio::io_context& io, std::function<Time()> next_deadline,
        std::function<void()> ring)
      : timer_(io), next_deadline_(std::move(next_deadline)), ring_(std::move(ring)) {}

  // After every input of the core.
  void arm(Time now) {
    const Time next = next_deadline_();
    if (next >= armed_for_) return;
    armed_for_ = next;
    timer_.expires_after(std::max(next - now, Duration::zero()));
    timer_.async_wait([this](const boost::system::error_code& ec) {
      if (!ec) on_timer();
    });
  }

 private:
  void on_timer() {
    armed_for_ = Time::never();
    const Time now = read_clocks().monotonic;
    if (now >= next_deadline_()) ring_();
    arm(now);
  }

  boost::asio::steady_timer timer_;
  std::function<Time()> next_deadline_;
  std::function<void()> ring_;
  Time armed_for_ = Time::never();
};

}  // namespace hopring
