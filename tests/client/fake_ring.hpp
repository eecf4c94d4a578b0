#pragma once

// A ring of peers that exist in name only: each has an idea, perhaps a stale one, of who holds
// which arc, and executes an operation if it is the one that does. With it goes a driver that
// performs a client's effects, in an order, and with faults, that the seed decides.
//
// With several copies an arc's window outlives its primary, and what was under way on a link that
// has been cut may be executed long after.

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/rng.hpp"
#include "client/core/op_machine.hpp"
#include "tests/client/client_support.hpp"

namespace hopring {

inline constexpr std::uint8_t fake_peers = 8;
inline constexpr std::uint32_t fake_arcs = 32;
inline constexpr std::size_t window_size = 20;

class FakeRing {
 public:
  explicit FakeRing(Rng& rng, std::uint32_t replicas = 1) : rng_(rng), config_(ring_config(1)) {
    config_.replicas = replicas;
    for (std::uint8_t i = 0; i < fake_peers; ++i) peers_.push_back(peer(i + 1));
    for (std::uint32_t i = 0; i < fake_arcs; ++i) {
      const Arc arc = equal_arc(i, fake_arcs);
      truth_.push_back(view(arc.begin, arc.end, 1, peers_[rng_.below(fake_peers)]));
    }
    ideas_.assign(fake_peers, truth_);
  }

  const RingConfig& config() const { return config_; }
  const std::vector<PeerRef>& peers() const { return peers_; }
  bool is_alive(const PeerRef& peer) const { return index_of(peer).has_value(); }

  // An arc changes hands. Those two know; the others will learn, or be asked before they do.
  void move_arc() {
    View& view = truth_[rng_.below(fake_arcs)];
    const auto from = index_of(primary_of(view));
    view.members = {peers_[rng_.below(fake_peers)]};
    view.number = next(view.number);
    tell(*from, view);
    tell(*index_of(primary_of(view)), view);
  }

  // A peer dies and comes back as a new one, with nothing; others take its arcs over.
  PeerRef restart_peer() {
    const std::uint64_t n = rng_.below(fake_peers);
    const PeerRef dead = std::exchange(peers_[n], PeerRef{peers_[n].endpoint, rng_.next()});
    ideas_[n] = ideas_[(n + 1) % fake_peers];
    for (View& view : truth_) {
      if (primary_of(view) != dead) continue;
      if (config_.replicas > 1) {
        view.number = next(view.number);
        view.members = {peers_[rng_.below(fake_peers)]};
        tell(*index_of(primary_of(view)), view);
        continue;
      }
      const PeerRef claimant = peers_[(n + 1 + rng_.below(fake_peers - 1)) % fake_peers];
      view = View{view.arc,
                  {view.number.generation + 1, claimant.incarnation, 1},
                  dead.incarnation,
                  {claimant}};
      tell(*index_of(claimant), view);
    }
    return dead;
  }

  // Somebody learns of an arc.
  void gossip() { tell(rng_.below(fake_peers), truth_[rng_.below(fake_arcs)]); }

  OpAnswer execute(const PeerRef& at, const Operation& operation,
                   const std::optional<Stamp>& stamp) {
    const Position position = position_of(config_.hash_key, key_of(operation));
    const std::size_t arc = position.value >> 59;
    const View& idea = ideas_[*index_of(at)][arc];
    if (primary_of(truth_[arc]) == at) {
      if (rng_.chance(refusals_percent, 100)) return failed(refusal());
      if (stamp) return execute_once(arc, operation, *stamp);
      executed[key_of(operation)] += 1;
      return OpResult{};
    }
    if (primary_of(idea) == at || rng_.chance(1, 4)) return Redirect{std::nullopt, hints()};
    return Redirect{idea, hints()};
  }

  std::optional<View> view_of(const Operation& operation) const {
    return truth_[position_of(config_.hash_key, key_of(operation)).value >> 59];
  }

  ArcMark mark_of(const Operation& operation) const {
    const std::size_t arc = position_of(config_.hash_key, key_of(operation)).value >> 59;
    return {truth_[arc].arc, truth_[arc].number.generation, orders_[arc].index};
  }

  std::uint64_t executed_again = 0;     // not, since the stamp was known
  std::map<std::string, int> executed;  // by key
  std::uint64_t refusals_percent = 5;

 private:
  using StampName = std::pair<std::uint64_t, std::uint64_t>;
  struct Order {
    std::uint64_t index = 0;
    std::uint64_t forgotten = 0;
    std::map<StampName, std::uint64_t> window;
  };

  OpAnswer execute_once(std::size_t arc, const Operation& operation, const Stamp& stamp) {
    Order& order = orders_[arc];
    const StampName name{stamp.client, stamp.sequence};
    if (order.window.contains(name)) {
      ++executed_again;
      return OpResult{};
    }
    const bool is_stale =
        stamp.order != order_of(truth_[arc].number) || stamp.index < order.forgotten;
    if (is_stale) return failed(OpError::stale_stamp);
    executed[key_of(operation)] += 1;
    order.window[name] = ++order.index;
    if (order.window.size() > window_size) {
      const auto oldest =
          std::min_element(order.window.begin(), order.window.end(),
                           [](const auto& a, const auto& b) { return a.second < b.second; });
      order.forgotten = oldest->second;
      order.window.erase(oldest);
    }
    // A primary that steps down over it, and answers for it later all the same.
    if (rng_.chance(refusals_percent, 200)) return failed(OpError::unknown);
    return OpResult{};
  }

  std::optional<std::size_t> index_of(const PeerRef& peer) const {
    const auto found = std::find(peers_.begin(), peers_.end(), peer);
    if (found == peers_.end()) return std::nullopt;
    return static_cast<std::size_t>(found - peers_.begin());
  }
  void tell(std::size_t peer, const View& view) { ideas_[peer][view.arc.end.value >> 59] = view; }
  OpError refusal() {
    const OpError errors[] = {OpError::moving, OpError::overloaded, OpError::unavailable};
    return errors[rng_.below(3)];
  }
  std::vector<Hint> hints() {
    std::vector<Hint> hints;
    for (std::uint64_t i = rng_.below(3); i > 0; --i) {
      hints.push_back(
          Hint{Arc{Position{0}, Position{rng_.next()}}, peers_[rng_.below(fake_peers)]});
    }
    return hints;
  }

  Rng& rng_;
  RingConfig config_;
  std::vector<PeerRef> peers_;
  std::vector<View> truth_;
  std::vector<Order> orders_{fake_arcs};
  std::vector<std::vector<View>> ideas_;  // by peer, by arc
};

// Performs effects, delivers in random order, and cuts what the seed says.
class FakeDriver {
 public:
  FakeDriver(FakeRing& ring, OpMachine& machine, Rng& rng)
      : ring_(ring), machine_(machine), rng_(rng) {}

  Now now;
  bool faults = true;
  std::map<Token, Finished> finished;

  void perform() {
    ClientOutbox out;
    machine_.swap_outbox(out);
    machine_.audit();
    for (ClientEffect& effect : out) std::visit([&](auto& each) { on(each); }, effect);
  }

  // One thing happens: a dial ends, a request or a reply arrives, a fault strikes, or time passes.
  void step() {
    now.monotonic = now.monotonic + std::chrono::microseconds(rng_.below(2000));
    if (faults && rng_.chance(1, 80)) strike();
    if (!late_.empty() && rng_.chance(1, 10)) {
      const SendRequest request = take(late_, rng_.below(late_.size()));
      if (ring_.is_alive(request.to)) answer(request);
    }
    const std::size_t pending = dials_.size() + requests_.size() + replies_.size();
    if (machine_.next_deadline() <= now.monotonic) {
      machine_.on_deadline(now);
    } else if (pending == 0) {
      if (machine_.next_deadline() != Time::never()) now.monotonic = machine_.next_deadline();
    } else {
      deliver(rng_.below(pending));
    }
    perform();
  }

  bool is_idle() const { return machine_.in_flight() == 0 && requests_.empty(); }

 private:
  void on(const Connect& connect) { dials_.push_back(connect.to); }
  void on(const Disconnect& disconnect) {
    std::erase(dials_, disconnect.to);
    close(disconnect.to);
  }
  void on(SendRequest& send) {
    BOOST_REQUIRE(links_.contains(send.to));  // only over links that stand
    requests_.push_back(std::move(send));
  }
  void on(Finish& finish) {
    BOOST_REQUIRE(!finished.contains(finish.token));  // exactly once
    finished.emplace(finish.token, std::move(finish.result));
  }

  void strike() {
    switch (rng_.below(4)) {
      case 0:
        return ring_.move_arc();
      case 1:
        return cut_some_link();
      case 2:
        if (!replies_.empty()) replies_.erase(replies_.begin());  // swallowed, and nobody notices
        return;
      default:
        if (rng_.chance(1, 4)) cut(ring_.restart_peer());
    }
  }

  void cut_some_link() {
    if (links_.empty()) return;
    cut(*std::next(links_.begin(), static_cast<std::ptrdiff_t>(rng_.below(links_.size()))));
  }

  void cut(const PeerRef peer) {
    if (!links_.contains(peer)) return;
    close(peer);
    machine_.on_link_down(now, peer, LinkDown::lost);
    perform();
  }

  // What was under way may have arrived, unless the peer is gone.
  void close(const PeerRef& peer) {
    links_.erase(peer);
    std::erase_if(replies_, [&](const auto& reply) { return reply.first == peer; });
    std::erase_if(requests_, [&](const SendRequest& request) {
      if (request.to != peer) return false;
      if (ring_.config().replicas > 1 && rng_.chance(1, 3)) late_.push_back(request);
      if (ring_.is_alive(peer) && rng_.chance(1, 2)) answer(request);
      return true;
    });
  }

  void deliver(std::size_t n) {
    ring_.gossip();
    if (n < dials_.size()) return end_dial(take(dials_, n));
    n -= dials_.size();
    if (n < requests_.size()) {
      const SendRequest request = take(requests_, n);
      return add_reply(request, answer(request));
    }
    auto reply = take(replies_, n - requests_.size());
    machine_.on_reply(now, reply.first, reply.second.first, std::move(reply.second.second));
  }

  void end_dial(const PeerRef to) {
    for (const PeerRef& peer : ring_.peers()) {
      const bool meant = to.incarnation == 0 ? peer.endpoint == to.endpoint : peer == to;
      if (!meant || (faults && rng_.chance(1, 10))) continue;
      links_.insert(peer);
      return machine_.on_connected(now, to, peer, ring_.config());
    }
    if (links_.contains(to)) return machine_.on_connected(now, to, to, ring_.config());
    machine_.on_link_down(now, to, LinkDown::unreachable);
  }

  ClientReplyMessage answer(const SendRequest& request) {
    if (faults && rng_.chance(1, 50)) return ErrorReply{OpError::overloaded};
    if (const auto* one = std::get_if<OpRequest>(&*request.message)) {
      OpReply reply{ring_.execute(request.to, one->operation, one->stamp), std::nullopt};
      if (!std::holds_alternative<OpResult>(reply.answer)) return reply;
      reply.view = ring_.view_of(one->operation);
      if (one->stamp) reply.mark = ring_.mark_of(one->operation);
      return reply;
    }
    BatchReply reply;
    const auto& batch = std::get<BatchRequest>(*request.message);
    for (std::size_t i = 0; i < batch.operations.size(); ++i) {
      const auto stamp = batch.stamps.empty() ? std::nullopt : batch.stamps[i];
      reply.answers.push_back(ring_.execute(request.to, batch.operations[i], stamp));
      const bool is_executed = std::holds_alternative<OpResult>(reply.answers.back());
      if (stamp && is_executed) reply.marks.push_back(ring_.mark_of(batch.operations[i]));
    }
    return reply;
  }

  // That to a batch may come in two parts, in any order.
  void add_reply(const SendRequest& request, ClientReplyMessage&& reply) {
    auto* const batch = std::get_if<BatchReply>(&reply);
    if (batch != nullptr && batch->answers.size() > 1 && rng_.chance(1, 2)) {
      BatchReply parts[2];
      for (std::size_t i = 0; i < batch->answers.size(); ++i) {
        // Each has one.
        BatchReply& part = parts[i < 2 ? i : rng_.below(2)];
        part.answers.push_back(std::move(batch->answers[i]));
        part.places.push_back(static_cast<std::uint16_t>(i));
      }
      parts[0].marks = std::move(batch->marks);
      replies_.emplace_back(request.to, std::pair(request.id, std::move(parts[0])));
      reply = std::move(parts[1]);
    }
    replies_.emplace_back(request.to, std::pair(request.id, std::move(reply)));
  }

  template <class Each>
  static Each take(std::vector<Each>& all, std::size_t n) {
    Each each = std::move(all[n]);
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(n));
    return each;
  }

  FakeRing& ring_;
  OpMachine& machine_;
  Rng& rng_;
  std::vector<PeerRef> dials_;
  std::vector<SendRequest> requests_;
  std::vector<SendRequest> late_;  // of links that have been cut
  std::vector<std::pair<PeerRef, std::pair<RequestId, ClientReplyMessage>>> replies_;
  std::set<PeerRef> links_;
};

}  // namespace hopring
