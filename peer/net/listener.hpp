#pragma once

// Accepts connections.
//
// Thread rule: the thread that runs the acceptor's io_context.

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>

#include "peer/net/log.hpp"

namespace hopring {

// What is spoken at a port: frames and RESP, told apart by their first bytes; or RESP alone.
enum class Spoken : std::uint8_t { both, resp };

class Listener {
 public:
  class Owner {
   public:
    virtual void on_accepted(boost::asio::ip::tcp::socket socket, Spoken spoken) = 0;

   protected:
    ~Owner() = default;
  };

  // `acceptor`: listening (listen_on()). `owner` and `log` outlive the listener.
  Listener(boost::asio::ip::tcp::acceptor acceptor, Owner& owner, Log& log,
           Spoken spoken = Spoken::both);

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
  const Spoken spoken_;
  bool is_accepting_ = false;
};

}  // namespace hopring
