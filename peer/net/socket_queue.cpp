#include "peer/net/socket_queue.hpp"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <boost/asio/socket_base.hpp>

namespace hopring {
namespace {

using boost::asio::ip::tcp;

constexpr int idle_s = 60;
constexpr int probe_interval_s = 10;
constexpr int probes_max = 6;

// Calls below fail only if the socket is closed already, which the next read tells.

std::uint64_t ask(tcp::socket& socket, unsigned long what) {
  int bytes = 0;
  const bool is_told = ::ioctl(socket.native_handle(), what, &bytes) == 0 && bytes > 0;
  return is_told ? static_cast<std::uint64_t>(bytes) : 0;
}

void set(tcp::socket& socket, int level, int name, int value) {
  static_cast<void>(::setsockopt(socket.native_handle(), level, name, &value, sizeof value));
}

}  // namespace

SocketQueue queue_of(tcp::socket& socket) {
  const std::uint64_t bytes = ask(socket, SIOCOUTQ);
  if (bytes == 0) return {};
  const std::uint64_t waiting = ask(socket, SIOCOUTQNSD);
  return {bytes, bytes > waiting ? bytes - waiting : 0};
}

void forget_queue(tcp::socket& socket) {
  boost::system::error_code ec;
  socket.set_option(boost::asio::socket_base::linger(true, 0), ec);
}

void probe_when_idle(tcp::socket& socket) {
  set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(socket, IPPROTO_TCP, TCP_KEEPIDLE, idle_s);
  set(socket, IPPROTO_TCP, TCP_KEEPINTVL, probe_interval_s);
  set(socket, IPPROTO_TCP, TCP_KEEPCNT, probes_max);
}

}  // namespace hopring
