#pragma once

// How other threads hand something to the owner of this one: as functions that its thread's
// io_context runs, in the order in which one thread posts them. Once the mailbox is gone they are
// dropped.
//
// Thread rule: post() from any thread while the mailbox lives; made and destroyed by the thread
// that runs the io_context, or while nothing runs it.

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

namespace hopring {

class Mailbox {
 public:
  explicit Mailbox(boost::asio::io_context& io) : io_(io) {}

  template <class Function>
  void post(Function&& function) {
    boost::asio::post(
        io_, [alive = std::weak_ptr(alive_), run = std::forward<Function>(function)]() mutable {
          if (alive.lock()) run();
        });
  }

 private:
  boost::asio::io_context& io_;
  const std::shared_ptr<const int> alive_ = std::make_shared<int>();
};

}  // namespace hopring
