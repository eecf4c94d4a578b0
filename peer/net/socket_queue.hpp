#pragma once

// What the system knows of a connection, and what it is to do about one that fell silent.

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>

namespace hopring {

// Bytes that were written and that the other system has not acknowledged.
struct SocketQueue {
  std::uint64_t bytes = 0;
  std::uint64_t on_way = 0;  // of these, sent: the others wait until there is room over there
};
SocketQueue queue_of(boost::asio::ip::tcp::socket& socket);

// When it is closed, what is queued is thrown away instead of sent again for minutes.
void forget_queue(boost::asio::ip::tcp::socket& socket);

// Who only ever receives would never learn that the other end is gone without a word: the system
// asks it when it has been silent for a minute, and ends the connection after another one without
// an answer.
void probe_when_idle(boost::asio::ip::tcp::socket& socket);

}  // namespace hopring
