#include "peer/net/links.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "peer/net/address.hpp"
#include "peer/net/connection.hpp"

namespace hopring {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

// A peer that refused us may live, unless somebody else answered in its place.
Unreachable unreachable_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::other_ring:
      return Unreachable::other_ring;
    case Refusal::other_incarnation:
    case Refusal::myself:
      return Unreachable::other_incarnation;
    case Refusal::no_common_version:
    case Refusal::not_ready:
    case Refusal::malformed:
      break;
  }
  return Unreachable::timed_out;
}

// With nobody listening at a port from which the system also takes outgoing ones, a socket can be
// connected to itself (TCP's simultaneous open): that port refuses.
bool is_connected_to_itself(const tcp::socket& socket) {
  error_code ec;
  const tcp::endpoint local = socket.local_endpoint(ec);
  return !ec && local == socket.remote_endpoint(ec);
}

}  // namespace

class Links::Link final : public Connection::Owner, public std::enable_shared_from_this<Link> {
 public:
  Link(Links& links, const Key& key)
      : links_(links),
        key_(key),
        dialer_(links.owner_.hello_dialer(key.peer)),
        socket_(links.io_) {}

  ~Link() {
    if (connection_) connection_->abandon();
  }

  void dial();
  void send(PeerMessage&& message);
  void sweep(Time now);
  // Has been so for link_idle_timeout. All is written and nothing is to come: it may simply go.
  bool is_idle(Time now);
  void finish();

  void on_frame(const Frame& frame) override;
  void on_wire_error(WireError error) override { connection_->close(name(error)); }
  void on_closed(std::string_view why) override;

 private:
  void on_dialled(const error_code& ec);
  void on_welcome(const Connected& connected);
  void on_refusal(Refusal refusal);
  void write(const PeerMessage& message);
  void give_up(Unreachable why);

  Links& links_;
  Key key_;
  HelloDialer dialer_;
  tcp::socket socket_;                      // until it is connected
  std::shared_ptr<Connection> connection_;  // then
  bool is_welcome_ = false;
  std::vector<PeerMessage> waiting_;  // for the welcome
  std::uint64_t sent_ = 0;
  Stall dial_stall_;
  Stall idle_stall_;
};

void Links::Link::dial() {
  socket_.async_connect(to_asio(key_.peer.endpoint),
                        [link = weak_from_this()](const error_code& ec) {
                          if (const auto self = link.lock()) self->on_dialled(ec);
                        });
}

void Links::Link::on_dialled(const error_code& ec) {
  if (ec == boost::asio::error::connection_refused || (!ec && is_connected_to_itself(socket_))) {
    return give_up(Unreachable::refused);
  }
  if (ec) return give_up(Unreachable::timed_out);
  connection_ = Connection::create(std::move(socket_), *this, links_.limits_);
  connection_->end_after_silence();
  connection_->start();
  connection_->send(dialer_.hello(), 0);
}

void Links::Link::on_frame(const Frame& frame) {
  if (is_welcome_) return connection_->close("it spoke on a connection that we had dialled");
  const auto message = decode(frame);
  const auto connected = message ? dialer_.on_first(*message) : Refusal::malformed;
  connected ? on_welcome(*connected) : on_refusal(connected.error());
}

void Links::Link::on_welcome(const Connected& connected) {
  is_welcome_ = true;
  for (const PeerMessage& message : std::exchange(waiting_, {})) write(message);
  links_.owner_.on_connected(key_.peer, connected);
}

void Links::Link::on_refusal(Refusal refusal) {
  // The others are every day's: a peer that starts, or that has been started again.
  const bool is_wrong = refusal == Refusal::no_common_version || refusal == Refusal::malformed;
  links_.log_.write(is_wrong ? LogLevel::warning : LogLevel::debug,
                    "event=hello_refused to=" + to_string(key_.peer) + " why=" + name(refusal));
  give_up(unreachable_of(refusal));
}

void Links::Link::on_closed(std::string_view why) {
  if (links_.log_.takes(LogLevel::debug)) {
    links_.log_.write(LogLevel::debug, "event=link_closed to=" + to_string(key_.peer) + " why=\"" +
                                           std::string(why) + "\"");
  }
  give_up(Unreachable::lost);
}

// The last thing that a link does. It may be anywhere up the stack, and so may a loop over all
// links: hence later.
void Links::Link::give_up(Unreachable why) {
  boost::asio::post(links_.io_, [link = weak_from_this(), why] {
    const auto self = link.lock();
    if (!self) return;
    Links& links = self->links_;
    links.remove(self->key_);
    if (!links.is_finishing_) links.owner_.on_unreachable(self->key_.peer, why);
  });
}

void Links::Link::send(PeerMessage&& message) {
  if (is_welcome_) return write(message);
  if (waiting_.size() < links_.limits_.dialling_messages_max) {
    waiting_.push_back(std::move(message));
  }
}

void Links::Link::write(const PeerMessage& message) {
  ++sent_;
  std::visit([this](const auto& family) { connection_->send(family, 0); }, message);
}

void Links::Link::sweep(Time now) {
  if (dial_stall_.is_over(now, !is_welcome_, 0, links_.limits_.connect_timeout)) {
    return give_up(Unreachable::timed_out);
  }
  if (connection_) connection_->sweep(now);
}

bool Links::Link::is_idle(Time now) {
  const bool is_waiting = is_welcome_ && !connection_->has_unsent();
  return idle_stall_.is_over(now, is_waiting, sent_, links_.limits_.link_idle_timeout);
}

void Links::Link::finish() { is_welcome_ ? connection_->finish() : give_up(Unreachable::lost); }

Links::Links(boost::asio::io_context& io, Owner& owner, const Limits& limits, Log& log)
    : io_(io), owner_(owner), limits_(limits), log_(log) {}

Links::~Links() = default;

void Links::send(const PeerRef& to, PeerMessage&& message) {
  if (is_finishing_) return;
  const Key key{to, lane_of(message)};
  auto found = links_.find(key);
  if (found == links_.end()) {
    if (links_.size() >= limits_.links_max) return;
    found = links_.emplace(key, std::make_shared<Link>(*this, key)).first;
    found->second->dial();
  }
  found->second->send(std::move(message));
}

void Links::sweep(Time now) {
  for (auto& [_, link] : links_) link->sweep(now);
  std::erase_if(links_, [now](const auto& entry) { return entry.second->is_idle(now); });
}

void Links::finish() {
  is_finishing_ = true;
  for (auto& [_, link] : links_) link->finish();
}

}  // namespace hopring
