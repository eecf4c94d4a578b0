#include "peer/net/driver.hpp"

#include <algorithm>
#include <cinttypes>
#include <csignal>
#include <cstdlib>
#include <utility>
#include <variant>

#include "base/entropy.hpp"
#include "peer/net/system.hpp"

namespace hopring {

using boost::system::error_code;

Driver::Driver(boost::asio::io_context& io, boost::asio::ip::tcp::acceptor acceptor,
               Options options)
    : io_(io),
      limits_(options.peer.limits),
      log_(options.log_level, options.peer.self.endpoint, options.log),
      announcements_(options.announcements),
      listener_(std::move(acceptor), *this, limits_, log_),
      links_(io, *this, limits_, log_),
      peer_(std::move(options.peer), Rng(random_word()), read_clocks()),
      deadline_timer_(io),
      sweep_timer_(io),
      signals_(io, SIGTERM, SIGINT) {}

void Driver::start() {
  await_signal();
  listener_.start();
  feed([this](Now now, Outbox& out) { peer_.start(now, out); });
  sweep();
}

template <class Input>
void Driver::feed(Input input) {
  if (ending_) return;  // comes too late
  const Now now = read_clocks();
  input(now, out_);
  for (Effect& effect : out_) {
    std::visit([this](auto& each) { perform(each); }, effect);
  }
  out_.clear();
  arm(now.monotonic);
}

HelloListener Driver::hello_listener() const {
  const RingConfig* ring = peer_.ring();
  return {peer_.self(), ring == nullptr ? std::nullopt : std::optional(*ring)};
}

void Driver::on_stranger(const PeerRef& from, std::uint64_t ring_id) {
  feed([&](Now now, Outbox& out) { peer_.on_stranger(now, from, ring_id, out); });
}

void Driver::on_message(const PeerRef& from, PeerMessage&& message) {
  feed([&](Now now, Outbox& out) { peer_.on_message(now, from, std::move(message), out); });
}

ClientReplyMessage Driver::answer(const ClientRequestMessage& request) {
  ClientReplyMessage reply = ErrorReply{OpError::unavailable};  // if it comes too late
  feed([&](Now now, Outbox& out) { reply = peer_.answer(now, request, out); });
  return reply;
}

HelloDialer Driver::hello_dialer(const PeerRef& to) const {
  const RingConfig* ring = peer_.ring();
  return HelloDialer({.role = Role::peer,
                      .self = peer_.self(),
                      .ring_id = ring == nullptr ? 0 : ring->ring_id,
                      .to_incarnation = to.incarnation,
                      .credentials = {}});
}

void Driver::on_connected(const PeerRef& asked, const Connected& actual) {
  feed([&](Now now, Outbox& out) { peer_.on_connected(now, asked, actual.to, actual.ring, out); });
}

void Driver::on_unreachable(const PeerRef& peer, Unreachable why) {
  feed([&](Now now, Outbox& out) { peer_.on_unreachable(now, peer, why, out); });
}

void Driver::perform(const BecameReady& effect) {
  if (std::exchange(is_announced_, true)) return;
  const PeerRef& self = peer_.self();
  std::fprintf(announcements_, "ready %s id=%016" PRIx64 " peers=%zu\n",
               to_string(self.endpoint).c_str(), self.incarnation, effect.peers);
  std::fflush(announcements_);
}

void Driver::perform(const Left& effect) {
  if (effect.records_lost == 0) return end({});
  end({1, "left without handing over " + std::to_string(effect.not_handed_over.size()) +
              " arcs with " + std::to_string(effect.records_lost) +
              " records, which are lost: no other peer took them"});
}

void Driver::perform(const Failed& effect) { end({1, effect.reason}); }

// The timer fires at armed_for_ or earlier than the next deadline: it is moved only if it would
// come too late. (It does not count time in which the machine was suspended, so after that a
// deadline may be met late, as after any pause; what time it is then, the clock says.)
void Driver::arm(Time now) {
  const Time next = peer_.next_deadline();
  if (ending_ || next >= armed_for_) return;
  armed_for_ = next;
  deadline_timer_.expires_after(std::max(next - now, Duration::zero()));
  deadline_timer_.async_wait([this](const error_code& ec) {
    if (!ec) on_deadline();
  });
}

void Driver::on_deadline() {
  armed_for_ = Time::never();
  const Time now = read_clocks().monotonic;
  if (now < peer_.next_deadline()) return arm(now);
  feed([this](Now later, Outbox& out) { peer_.on_deadline(later, out); });
}

void Driver::sweep() {
  const Time now = read_clocks().monotonic;
  listener_.sweep(now);
  links_.sweep(now);
  if (ending_ && listener_.connections() == 0 && links_.connections() == 0) return io_.stop();
  sweep_timer_.expires_after(limits_.sweep_interval);
  sweep_timer_.async_wait([this](const error_code& ec) {
    if (!ec) sweep();
  });
}

void Driver::await_signal() {
  signals_.async_wait([this](const error_code& ec, int signal) {
    if (ec) return;
    if (is_leaving_) std::_Exit(128 + signal);
    log_.write(LogLevel::info, "event=signal number=" + std::to_string(signal));
    leave();
    await_signal();
  });
}

void Driver::leave() {
  is_leaving_ = true;
  feed([this](Now now, Outbox& out) { peer_.leave(now, out); });
}

// What has been sent still goes out; sweep() ends the run once it has.
void Driver::end(Ending ending) {
  if (ending_) return;
  ending_ = std::move(ending);
  listener_.finish();
  links_.finish();
}

}  // namespace hopring
