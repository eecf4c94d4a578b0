#pragma once

// How threads hand something to the owner of this one: as functions that run in its thread's turn
// (peer/net/turn.hpp), in the order in which one thread posts them. Once the mailbox is gone they
// are dropped.
//
// Thread rule: post() from any thread while the mailbox lives; made and destroyed by the thread
// that runs the io_context, or while nothing runs it.

#include <memory>
#include <utility>

#include "peer/net/turn.hpp"

namespace hopring {

class Mailbox {
 public:
  explicit Mailbox(boost::asio::io_context& io) : turn_(Turn::of(io)) {}

  template <class Function>
  void post(Function&& function) {
    turn_.post([alive = std::weak_ptr(alive_), run = std::forward<Function>(function)]() mutable {
      if (alive.lock()) run();
    });
  }

 private:
  Turn& turn_;
  const std::shared_ptr<const int> alive_ = std::make_shared<int>();
};

}  // namespace hopring
