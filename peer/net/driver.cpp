#include "peer/net/driver.hpp"

#include <algorithm>
#include <cinttypes>
#include <csignal>
#include <cstdlib>
#include <numeric>
#include <utility>
#include <variant>

#include "base/entropy.hpp"
#include "peer/net/system.hpp"

namespace hopring {

using boost::asio::io_context;
using boost::system::error_code;

Driver::Driver(io_context& io, boost::asio::ip::tcp::acceptor acceptor, const Options& options,
               std::optional<boost::asio::ip::tcp::acceptor> resp_acceptor)
    : io_(io),
      limits_(options.peer.limits),
      log_(options.log_level, options.peer.self.endpoint, options.log),
      announcements_(options.announcements),
      mailbox_(io),
      front_(options.peer, Rng(random_word())),
      links_(io, *this, limits_, log_),
      listener_(std::move(acceptor), *this, log_),
      session_options_{options.may_flush, &clients_, read_clocks().monotonic},
      connections_(options.peer.shards),
      is_drained_(options.peer.shards),
      commands_(options.peer.shards),
      dealt_(options.peer.shards),
      alarm_(
          io, [this] { return ending_ ? Time::never() : front_.next_deadline(); },
          [this] { feed([this](Now now, Outbox& out) { front_.on_deadline(now, out); }); }),
      sweep_timer_(io),
      memory_guard_(options.resident_bytes_max),
      give_free_memory_back_(options.give_free_memory_back),
      signals_(io, SIGTERM, SIGINT) {
  Listener::Owner& accepts = *this;
  if (resp_acceptor) resp_listener_.emplace(std::move(*resp_acceptor), accepts, log_, Spoken::resp);
  const PeerOptions& peer = front_.options();
  Worker::Owner& owner = *this;
  for (std::uint32_t i = 0; i < peer.shards; ++i) {
    if (i > 0) {
      auto own = std::make_unique<io_context>(1);
      auto work = boost::asio::make_work_guard(*own);
      threads_.push_back(Thread{std::move(own), std::move(work)});
    }
    io_context& runs = i == 0 ? io_ : *threads_.back().io;
    workers_.push_back(std::make_unique<Worker>(runs, i, peer, owner, log_));
  }
}

Driver::~Driver() { stop(); }

void Driver::start() {
  await_signal();
  for (const auto& worker : workers_) worker->start();
  for (Thread& each : threads_) each.thread = std::thread([&io = *each.io] { io.run(); });
  listener_.start();
  if (resp_listener_) resp_listener_->start();
  feed([this](Now now, Outbox& out) { front_.start(now, out); });
  sweep();
}

// The front.

template <class Input>
void Driver::feed(Input input) {
  if (ending_) return;  // comes too late
  const Now now = reading_since_ ? *reading_since_ : read_clocks();
  input(now, out_);
  for (Effect& effect : out_) {
    std::visit([this](auto& each) { perform(each); }, effect);
  }
  out_.clear();
  if (!reading_since_) send_commands();
  alarm_.arm(now.monotonic);
}

void Driver::send_commands() {
  for (Front::ToShard& each : front_.commands()) {
    commands_[each.shard].push_back(std::move(each.command));
  }
  front_.commands().clear();
  for (ToDesk& each : front_.errands()) post(std::move(each));
  front_.errands().clear();
  for (std::uint32_t i = 0; i < commands_.size(); ++i) {
    if (commands_[i].empty() && dealt_[i].empty()) continue;
    workers_[i]->post_commands(std::exchange(commands_[i], {}), std::exchange(dealt_[i], {}));
  }
}

HelloDialer Driver::hello_dialer(const PeerRef& to) const {
  const RingConfig* ring = front_.ring();
  return HelloDialer({.role = Role::peer,
                      .self = front_.options().self,
                      .ring_id = ring == nullptr ? 0 : ring->ring_id,
                      .to_incarnation = to.incarnation,
                      .credentials = {}});
}

void Driver::on_connected(const PeerRef&, const Connected& actual) {
  feed([&](Now now, Outbox& out) { front_.on_connected(now, actual.to, actual.ring, out); });
}

void Driver::on_unreachable(const PeerRef& peer, Unreachable why) {
  feed([&](Now now, Outbox& out) { front_.on_unreachable(now, peer, why, out); });
}

void Driver::perform(const BecameReady& effect) {
  if (std::exchange(is_announced_, true)) return;
  const PeerRef& self = front_.options().self;
  std::fprintf(announcements_, "ready %s id=%016" PRIx64 " peers=%zu\n",
               to_string(self.endpoint).c_str(), self.incarnation, effect.peers);
  std::fflush(announcements_);
}

void Driver::perform(const Left& effect) {
  std::string why;
  if (effect.records_lost > 0) {
    why = "left without handing over " + std::to_string(effect.not_handed_over.size()) +
          " arcs with " + std::to_string(effect.records_lost) +
          " records, which are lost: no other peer took them";
  }
  if (effect.records_orphaned > 0) {
    why += (why.empty() ? "" : "; ") + std::string("left with copies of ") +
           std::to_string(effect.records_orphaned) +
           " records whose arcs have no majority now: they are lost unless other members of these "
           "arcs come back";
  }
  if (!why.empty()) return end({1, why});
  end({});
}

void Driver::perform(const Failed& effect) { end({1, effect.reason}); }

// The workers.

void Driver::post_notes(std::vector<WorkerNote>&& notes) {
  mailbox_.post([this, notes = std::move(notes)]() mutable {
    reading_since_ = read_clocks();
    for (WorkerNote& note : notes) {
      std::visit([this](auto& each) { on_note(std::move(each)); }, note);
    }
    reading_since_.reset();
    send_commands();
  });
}

void Driver::on_note(ShardNews&& news) {
  feed([&](Now now, Outbox& out) { front_.on_news(now, std::move(news), out); });
}

void Driver::post(ToDesk&& errand) {
  Worker& desk = *workers_[errand.desk];
  std::vector<ToDesk> one;
  one.push_back(std::move(errand));
  desk.post_errands(std::move(one));
}

void Driver::on_note(FrontNote&& note) {
  if (auto* unserved = std::get_if<Unserved>(&note)) {
    post(front_.answer(std::move(*unserved)));
  } else if (const auto* wanted = std::get_if<ReportWanted>(&note)) {
    with_fresh_sizes([this, wanted = *wanted] {
      post(ToDesk{wanted.desk, ErrandDone{wanted.number, front_.report()}});
    });
  } else if (const auto* repair = std::get_if<RepairWanted>(&note)) {
    feed([&](Now now, Outbox& out) { front_.on_repair(now, *repair, out); });
  } else {
    feed([this](Now, Outbox&) { front_.on_write(); });
  }
}

// What is told to a shard counts as dealt with once the shard has dealt with it.
void Driver::on_note(PeerTold&& told) {
  const auto* group = std::get_if<GroupMessage>(&told.message);
  const std::uint32_t shard =
      group != nullptr && front_.ring() != nullptr ? front_.shard_of(arc_end_of(*group)) : 0;
  feed([&](Now now, Outbox& out) {
    front_.on_message(now, told.from, std::move(told.message), out);
  });
  Worker& teller = *workers_[told.worker];
  if (group == nullptr) return teller.post_done(told.ticket);
  dealt_[shard].push_back({&teller, told.ticket});
}

void Driver::on_note(StrangerCame&& stranger) {
  feed(
      [&](Now now, Outbox& out) { front_.on_stranger(now, stranger.from, stranger.ring_id, out); });
}

void Driver::on_note(WorkerStatus&& status) {
  front_.on_status(status.shard);
  connections_[status.shard.shard] = status.connections;
  is_drained_[status.shard.shard] = status.is_drained;
  if (!status.is_wanted || --statuses_missing_ > 0) return;
  for (const auto& then : std::exchange(waiting_now_, {})) then();
  if (!waiting_.empty()) want_statuses();
}

void Driver::with_fresh_sizes(std::function<void()> then) {
  waiting_.push_back(std::move(then));
  if (statuses_missing_ == 0) want_statuses();
}

void Driver::want_statuses() {
  waiting_now_.swap(waiting_);
  statuses_missing_ = workers_.size();
  for (const auto& worker : workers_) worker->post_status_wanted();
}

// A connection goes to whoever has the fewest.
void Driver::on_accepted(boost::asio::ip::tcp::socket socket, Spoken spoken) {
  const std::size_t all = std::accumulate(connections_.begin(), connections_.end(), std::size_t{0});
  if (all >= limits_.connections_max) return;  // closes it
  const auto least = std::min_element(connections_.begin(), connections_.end());
  *least += 1;
  const auto worker = static_cast<std::size_t>(least - connections_.begin());
  workers_[worker]->post_socket(std::move(socket), spoken);
}

// Time, signals, the end.

void Driver::sweep() {
  const Time now = read_clocks().monotonic;
  listener_.sweep();
  if (resp_listener_) resp_listener_->sweep();
  links_.sweep(now);
  guard_memory(now);
  const bool drained =
      std::find(is_drained_.begin(), is_drained_.end(), false) == is_drained_.end();
  if (ending_ && drained && links_.connections() == 0) {
    stop();
    return io_.stop();
  }
  sweep_timer_.expires_after(limits_.sweep_interval);
  sweep_timer_.async_wait([this](const error_code& ec) {
    if (!ec) sweep();
  });
}

void Driver::guard_memory(Time now) {
  if (!memory_guard_.is_due(now)) return;
  const std::size_t before = resident_bytes();
  if (memory_guard_.is_near(before)) give_free_memory_back_();
  memory_guard_.on_looked(now, before, resident_bytes());
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
  if (std::exchange(is_leaving_, true)) return;
  with_fresh_sizes([this] { feed([this](Now now, Outbox& out) { front_.leave(now, out); }); });
}

// What has been sent still goes out; sweep() ends the run once it has.
void Driver::end(Ending ending) {
  if (ending_) return;
  ending_ = std::move(ending);
  listener_.close();
  if (resp_listener_) resp_listener_->close();
  links_.finish();
  for (const auto& worker : workers_) worker->post_finish();
}

void Driver::stop() {
  for (Thread& each : threads_) {
    each.io->stop();
    if (each.thread.joinable()) each.thread.join();
  }
}

}  // namespace hopring
