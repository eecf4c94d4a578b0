#pragma once

// Our addresses and Asio's, and the socket that a peer listens on.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/result.hpp>

#include "base/endpoint.hpp"

namespace hopring {

boost::asio::ip::tcp::endpoint to_asio(const Endpoint& endpoint);
Endpoint from_asio(const boost::asio::ip::tcp::endpoint& endpoint);

// True of 0.0.0.0 and [::]: an address to listen on, not one to be reached at.
bool is_wildcard(const Endpoint& endpoint);

// A bound, listening socket; port 0 lets the system pick one. Errors are the system's: the port is
// in use, the address is not ours, the port needs rights.
boost::system::result<boost::asio::ip::tcp::acceptor> listen_on(boost::asio::io_context& io,
                                                                const Endpoint& endpoint);

}  // namespace hopring
