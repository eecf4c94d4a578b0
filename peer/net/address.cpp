#include "peer/net/address.hpp"

namespace hopring {

using boost::asio::ip::tcp;
namespace ip = boost::asio::ip;

tcp::endpoint to_asio(const Endpoint& endpoint) {
  const ip::address_v6 address(endpoint.address);
  if (!address.is_v4_mapped()) return {address, endpoint.port};
  return {ip::make_address_v4(ip::v4_mapped, address), endpoint.port};
}

Endpoint from_asio(const tcp::endpoint& endpoint) {
  const ip::address address = endpoint.address();
  const ip::address_v6 six =
      address.is_v6() ? address.to_v6() : ip::make_address_v6(ip::v4_mapped, address.to_v4());
  return Endpoint{six.to_bytes(), endpoint.port()};
}

bool is_wildcard(const Endpoint& endpoint) { return to_asio(endpoint).address().is_unspecified(); }

boost::system::result<tcp::acceptor> listen_on(boost::asio::io_context& io,
                                               const Endpoint& endpoint) {
  const tcp::endpoint address = to_asio(endpoint);
  boost::system::error_code ec;
  tcp::acceptor acceptor(io);
  acceptor.open(address.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor.bind(address, ec);
  if (!ec) acceptor.listen(tcp::acceptor::max_listen_connections, ec);
  if (!ec) acceptor.non_blocking(true, ec);
  if (ec) return ec;
  return acceptor;
}

}  // namespace hopring
