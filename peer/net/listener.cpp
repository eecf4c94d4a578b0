#include "peer/net/listener.hpp"

#include <boost/asio/error.hpp>
#include <string>
#include <utility>

namespace hopring {

using boost::asio::ip::tcp;
using boost::system::error_code;

Listener::Listener(tcp::acceptor acceptor, Owner& owner, Log& log, Spoken spoken)
    : acceptor_(std::move(acceptor)), owner_(owner), log_(log), spoken_(spoken) {}

void Listener::accept() {
  is_accepting_ = true;
  acceptor_.async_accept([this](const error_code& ec, tcp::socket socket) {
    if (ec == boost::asio::error::operation_aborted) return;  // `this` may be gone
    is_accepting_ = false;
    if (!acceptor_.is_open()) return;
    if (!ec) {
      owner_.on_accepted(std::move(socket), spoken_);
    } else if (ec != boost::asio::error::connection_aborted) {
      // Most likely no descriptors are left: sweep() tries again.
      return log_.write(LogLevel::warning, "event=accept_failed why=\"" + ec.message() + "\"");
    }
    accept();
  });
}

void Listener::sweep() {
  if (!is_accepting_ && acceptor_.is_open()) accept();
}

void Listener::close() {
  error_code ec;
  acceptor_.close(ec);
}

}  // namespace hopring
