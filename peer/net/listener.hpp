#pragma once

// Accepts connections.
//
// Thread rule: the thread that runs the acceptor's io_context.

#include <boost/asio/ip/tcp.hpp>

#include "peer/net/log.hpp"

namespace hopring {

class Listener {
 public:
  class Owner {
   public:
    virtual void on_accepted(boost::asio::ip::tcp::socket socket) = 0;

   protected:
    ~Owner() = default;
  };

  // `acceptor`: listening (listen_on()). `owner` and `log` outlive the listener.
  Listener(boost::asio::ip::tcp::acceptor acceptor, Owner& owner, Log& log);

  void start() { accept(); }

  // Accepts again after the system had no descriptors left. Call it every sweep_interval.
  void sweep();

  // Accepts no more.
  void close();

 private:
  void accept();

  boost::asio::ip::tcp::acceptor acceptor_;
  Owner& owner_;
  Log& log_;
  bool is_accepting_ = false;
};

}  // namespace hopring
