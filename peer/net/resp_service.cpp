#include "peer/net/resp_service.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>
#include <variant>

#include "peer/net/system.hpp"

namespace hopring {

RespService::RespService(boost::asio::io_context& io, Owner& owner, const PeerRef& self,
                         Shard& shard, Desk& desk, DeskOutbox& out, const Limits& limits, Rng rng)
    : io_(io),
      owner_(owner),
      self_(self),
      limits_(limits),
      keyspace_(self, shard, desk, out, rng),
      links_(io, *this, limits_),
      alarm_(
          io, [this] { return keyspace_.next_deadline(); },
          [this] {
            keyspace_.on_deadline(read_clocks());
            owner_.on_resp();
          }),
      alive_(std::make_shared<RespService*>(this)) {}

std::unique_ptr<resp::Session> RespService::open(std::uint64_t number, resp::Client client,
                                                 const resp::SessionOptions& options) {
  return std::make_unique<resp::Session>(number, std::move(client), self_, keyspace_, options);
}

void RespService::flush() {
  keyspace_.end_turn(read_clocks());
  effects_.swap(keyspace_.effects());
  for (const ClientEffect& effect : effects_) {
    std::visit([this](const auto& each) { perform(each); }, effect);
  }
  effects_.clear();
  ended_.swap(keyspace_.ended());
  const Now now = read_clocks();
  for (auto first = ended_.begin(); first != ended_.end();) {
    const auto last = std::find_if(first, ended_.end(), [&](const auto& each) {
      return each.call.connection != first->call.connection;
    });
    owner_.on_ended(now, std::span(first, last));
    first = last;
  }
  ended_.clear();
  alarm_.arm(now.monotonic);
}

void RespService::perform(const SendRequest& effect) {
  if (links_.send(effect.to, effect.id, *effect.message)) return;
  boost::asio::post(io_, [alive = std::weak_ptr(alive_), to = effect.to, id = effect.id] {
    if (const auto self = alive.lock()) {
      static_cast<ClientLinks::Owner&>(**self).on_reply(to, id, ErrorReply{OpError::overloaded});
    }
  });
}

void RespService::sweep(Time now) { links_.sweep(now); }

void RespService::on_connected(const PeerRef& contacted, const Connected& actual) {
  keyspace_.on_connected(read_clocks(), contacted, actual.to, actual.ring);
  owner_.on_resp();
}

void RespService::on_link_down(const PeerRef& peer, LinkDown reason) {
  keyspace_.on_link_down(read_clocks(), peer, reason);
  owner_.on_resp();
}

void RespService::on_progress(const PeerRef& peer) { keyspace_.on_progress(read_clocks(), peer); }

void RespService::on_reply(const PeerRef& from, RequestId id, ClientReplyMessage&& reply) {
  keyspace_.on_reply(read_clocks(), from, id, std::move(reply));
  owner_.on_resp();
}

}  // namespace hopring
