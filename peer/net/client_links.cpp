#include "peer/net/client_links.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <string_view>
#include <utility>

#include "peer/net/address.hpp"
#include "peer/net/connection.hpp"
#include "peer/net/system.hpp"

namespace hopring {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

// Somebody who cannot be talked to at all is a stranger; the others may be reached another time.
LinkDown link_down_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::no_common_version:
    case Refusal::other_ring:
    case Refusal::malformed:
      return LinkDown::stranger;
    case Refusal::other_incarnation:
    case Refusal::not_ready:
    case Refusal::myself:
      break;
  }
  return LinkDown::unreachable;
}

}  // namespace

// One connection, from the dial to its end. A link that is dropped calls nobody any more.
class ClientLinks::Link final : public Connection::Owner,
                                public std::enable_shared_from_this<Link> {
 public:
  Link(ClientLinks& links, const PeerRef& peer)
      : links_(links),
        peer_(peer),
        dialer_({.role = Role::client,
                 .self = {},
                 .ring_id = 0,  // another ring than before is the core's to judge
                 .to_incarnation = peer.incarnation,
                 .credentials = {}}),
        socket_(links.io_) {}

  ~Link() {
    if (connection_) connection_->abandon();
  }

  void dial();
  bool send(RequestId id, const ClientRequestMessage& message);
  void sweep(Time now);

  void on_frame(const Frame& frame) override;
  void on_progress() override;
  void on_wire_error(WireError error) override { connection_->close(name(error)); }
  void on_closed(std::string_view why) override;

 private:
  void on_dialled(const error_code& ec);
  void on_answer(const boost::system::result<Connected, Refusal>& answer);

  ClientLinks& links_;
  PeerRef peer_;  // as it was dialled; once welcome, who answered
  HelloDialer dialer_;
  tcp::socket socket_;                      // until it is connected
  std::shared_ptr<Connection> connection_;  // then
  bool is_welcome_ = false;
};

void ClientLinks::Link::dial() {
  socket_.async_connect(to_asio(peer_.endpoint), [link = weak_from_this()](const error_code& ec) {
    if (const auto self = link.lock()) self->on_dialled(ec);
  });
}

void ClientLinks::Link::on_dialled(const error_code& ec) {
  if (ec) return links_.on_dial_failed(peer_, LinkDown::unreachable);
  connection_ = Connection::create(std::move(socket_), *this, links_.limits_);
  connection_->start();
  connection_->send(dialer_.hello(), 0);
}

void ClientLinks::Link::on_frame(const Frame& frame) {
  const auto self = shared_from_this();  // the owner may drop it while it is told
  auto message = decode(frame);
  if (!is_welcome_) {
    return on_answer(message ? dialer_.on_first(*message) : Refusal::malformed);
  }
  if (!message || !may_send_to_client(*message)) return connection_->close("not a reply");
  links_.owner_.on_reply(peer_, RequestId{frame.request_id},
                         std::get<ClientReplyMessage>(std::move(*message)));
}

void ClientLinks::Link::on_progress() {
  if (is_welcome_) links_.owner_.on_progress(peer_);
}

void ClientLinks::Link::on_answer(const boost::system::result<Connected, Refusal>& answer) {
  if (!answer) return links_.on_dial_failed(peer_, link_down_of(answer.error()));
  is_welcome_ = true;
  connection_->welcome();
  links_.on_welcome(std::exchange(peer_, answer->to), *answer);
}

void ClientLinks::Link::on_closed(std::string_view) {
  const auto self = shared_from_this();
  if (is_welcome_) return links_.on_lost(peer_);
  links_.on_dial_failed(peer_, LinkDown::unreachable);
}

bool ClientLinks::Link::send(RequestId id, const ClientRequestMessage& message) {
  const Limits& limits = links_.limits_;
  if (connection_->bytes_unsent() + limits.frame_bytes_max > limits.write_queue_bytes_max) {
    return false;
  }
  connection_->send(message, id.value);
  return true;
}

void ClientLinks::Link::sweep(Time now) {
  if (connection_) connection_->sweep(now);
}

ClientLinks::ClientLinks(boost::asio::io_context& io, Owner& owner, const Limits& limits)
    : io_(io), owner_(owner), limits_(limits) {}

ClientLinks::~ClientLinks() = default;

void ClientLinks::connect(const PeerRef& to) {
  const auto [link, is_new] = dialling_.try_emplace(to);
  if (!is_new) return;
  link->second = std::make_shared<Link>(*this, to);
  link->second->dial();
}

void ClientLinks::disconnect(const PeerRef& to) {
  dialling_.erase(to);
  standing_.erase(to);
}

bool ClientLinks::send(const PeerRef& to, RequestId id, const ClientRequestMessage& message) {
  const auto standing = standing_.find(to);
  return standing == standing_.end() || standing->second.link->send(id, message);
}

// Of two dials that end at the same peer the first one's connection is kept.
void ClientLinks::on_welcome(const PeerRef& contacted, const Connected& actual) {
  auto dial = dialling_.extract(contacted);
  standing_.try_emplace(actual.to, Standing{std::move(dial.mapped()), actual.ring});
  owner_.on_connected(contacted, actual);
}

// A peer that has been reached by another dial meanwhile is not out of reach.
void ClientLinks::on_dial_failed(const PeerRef& contacted, LinkDown reason) {
  const auto dial = dialling_.extract(contacted);  // the link lives to the end of this call
  const auto standing = standing_.find(contacted);
  if (standing == standing_.end()) return owner_.on_link_down(contacted, reason);
  owner_.on_connected(contacted,
                      Connected{contacted, standing->second.ring, protocol_version_highest});
}

void ClientLinks::on_lost(const PeerRef& peer) {
  standing_.erase(peer);
  owner_.on_link_down(peer, LinkDown::lost);
}

void ClientLinks::sweep(Time now) {
  std::vector<std::shared_ptr<Link>> links;  // whoever is called may drop others
  for (const auto& [_, link] : dialling_) links.push_back(link);
  for (const auto& [_, standing] : standing_) links.push_back(standing.link);
  for (const auto& link : links) link->sweep(now);
}

void ClientLinks::close() {
  dialling_.clear();
  standing_.clear();
}

}  // namespace hopring
