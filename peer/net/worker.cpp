#include "peer/net/worker.hpp"

#include <utility>

#include "base/entropy.hpp"
#include "peer/net/system.hpp"

namespace hopring {
namespace {

Limits share_of(const PeerOptions& options) {
  Limits limits = options.limits;
  limits.connection_bytes_max /= options.shards;
  limits.silent_connections_max /= options.shards;
  return limits;
}

GroupOptions options_with(HugePages& memory, SystemPages& pages, const PeerOptions& options) {
  GroupOptions groups = group_options(options);
  groups.pool.source = source_of(memory);
  groups.pool.pages = page_source_of(pages);
  return groups;
}

}  // namespace

Worker::Worker(boost::asio::io_context& io, std::uint32_t index, const PeerOptions& options,
               Owner& owner, Log& log)
    : io_(io),
      index_(index),
      workers_(options.shards),
      self_(options.self),
      limits_(share_of(options)),
      owner_(owner),
      mailbox_(io),
      memory_(options.block_bytes, options.memory_bytes_max / options.shards),
      shard_(options.self, options_with(memory_, pages_, options), Rng(random_word())),
      desk_(shard_, index, options.shards),
      visitors_(*this, limits_, log),
      alarm_(
          io, [this] { return shard_.next_deadline(); }, [this] { on_deadline(); }),
      sweep_timer_(io),
      errands_(options.shards) {}

// What others want.

void Worker::post_commands(std::vector<ShardCommand>&& commands, std::vector<Dealt>&& dealt) {
  mailbox_.post([this, commands = std::move(commands), dealt = std::move(dealt)]() mutable {
    const Now now = read_clocks();
    for (ShardCommand& command : commands) shard_.on(now, std::move(command), out_.news);
    alarm_.arm(now.monotonic);
    flush();
    for (const Dealt& each : dealt) {
      each.worker == this ? visitors_.done(each.ticket) : each.worker->post_done(each.ticket);
    }
  });
}

void Worker::post_errands(std::vector<ToDesk>&& errands) {
  mailbox_.post([this, errands = std::move(errands)]() mutable {
    const Now now = read_clocks();
    for (ToDesk& each : errands) {
      std::visit([&](auto& message) { desk_.on(now, std::move(message), out_); }, each.message);
    }
    alarm_.arm(now.monotonic);
    flush();
  });
}

// A socket belongs to one io_context; the descriptor moves on to this worker's.
void Worker::post_socket(boost::asio::ip::tcp::socket socket, Spoken spoken) {
  boost::system::error_code ec;
  const auto protocol = socket.local_endpoint(ec).protocol();
  if (ec) return;
  const auto descriptor = socket.release(ec);
  if (ec) return;
  boost::asio::ip::tcp::socket own(io_, protocol, descriptor);
  mailbox_.post([this, own = std::move(own), spoken]() mutable {
    visitors_.adopt(std::move(own), spoken);
    is_status_due_ = true;  // the driver has counted it, and it may be short
  });
}

void Worker::post_done(const Ticket& ticket) {
  mailbox_.post([this, ticket] { visitors_.done(ticket); });
}

void Worker::post_status_wanted() {
  mailbox_.post([this] {
    tell_status(true);
    flush();
  });
}

void Worker::post_finish() {
  mailbox_.post([this] {
    is_finishing_ = true;
    visitors_.finish();
  });
}

// What visitors want.

HelloListener Worker::hello_listener() const {
  const RingConfig* ring = shard_.ring();
  return {self_, ring == nullptr ? std::nullopt : std::optional(*ring)};
}

void Worker::on_stranger(const PeerRef& from, std::uint64_t ring_id) {
  note(StrangerCame{from, ring_id});
}

void Worker::on_message(const Ticket& ticket, const PeerRef& from, PeerMessage&& message) {
  note(PeerTold{ticket, index_, from, std::move(message)});
}

std::optional<ClientReplyMessage> Worker::on_request(const Ticket& asker,
                                                     ClientRequestMessage&& request) {
  const Now now = read_clocks();
  auto reply = desk_.on_request(now, asker, std::move(request), out_);
  if (has_news()) flush_soon();
  alarm_.arm(now.monotonic);
  return reply;
}

// RESP.

std::unique_ptr<resp::Session> Worker::open_session(std::uint64_t number, const Endpoint& address) {
  if (!resp_) {
    RespService::Owner& owner = *this;
    resp_ = std::make_unique<RespService>(io_, owner, self_, shard_, desk_, out_, limits_,
                                          Rng(random_word()));
  }
  return resp_->open(
      number,
      {.id = number * workers_ + index_, .address = address, .opened = read_clocks().monotonic},
      owner_.session_options());
}

void Worker::after_sessions(Now now) {
  if (has_news() || resp_->has_work()) flush_soon();
  resp_->arm(now.monotonic);
  alarm_.arm(now.monotonic);
}

void Worker::on_ended(Now now, std::span<resp::RingKeyspace::Ended> ended) {
  visitors_.on_ended(now, ended);
}

// What has ended may lead to more.
void Worker::serve_sessions() {
  resp_->flush();
  if (has_news() || resp_->has_work()) flush_soon();
  alarm_.arm(read_clocks().monotonic);
}

// Time.

void Worker::on_deadline() {
  shard_.on_deadline(read_clocks(), out_.news);
  flush();
}

void Worker::sweep() {
  const Time now = read_clocks().monotonic;
  visitors_.sweep(now);
  if (resp_) resp_->sweep(now);
  // The driver gives connections to whoever has the fewest, and waits for the last one at the end.
  if (is_finishing_ || visitors_.connections() != connections_told_) is_status_due_ = true;
  if (is_status_due_ || status_told_ + limits_.status_interval <= now) tell_status(false);
  flush();
  sweep_timer_.expires_after(limits_.sweep_interval);
  sweep_timer_.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) sweep();
  });
}

void Worker::tell_status(bool is_wanted) {
  take();  // news that are older come first
  const Now now = read_clocks();
  connections_told_ = visitors_.connections();
  status_told_ = now.monotonic;
  is_status_due_ = false;
  note(WorkerStatus{shard_.status(now, index_), connections_told_, is_wanted,
                    is_finishing_ && connections_told_ == 0});
}

// What goes out.

void Worker::note(WorkerNote&& note) {
  notes_.push_back(std::move(note));
  flush_soon();
}

void Worker::take() {
  if (has_news()) shard_.end_turn(read_clocks(), out_.news);
  desk_.take_answers(out_);
  if (!out_.news.empty()) {
    ShardNews news = shard_.news(read_clocks(), index_, std::exchange(out_.news, {}));
    // An arc that has just come or changed has its copies counted soon after.
    if (!news.sizes.empty()) is_status_due_ = true;
    notes_.push_back(std::move(news));
  }
  for (FrontNote& each : out_.notes) notes_.push_back(std::move(each));
  for (ToDesk& each : out_.errands) errands_[each.desk].push_back(std::move(each));
  out_.notes.clear();
  out_.errands.clear();
  take_replies();
}

// One to the sessions' keyspace may lead to more, of each kind.
void Worker::take_replies() {
  for (std::size_t i = 0; i < out_.replies.size(); ++i) {
    SendReply reply = std::move(out_.replies[i]);
    if (resp::RingKeyspace::is_own(reply.to)) {
      resp_->on_reply(read_clocks(), std::move(reply));
    } else {
      visitors_.reply(reply);
    }
  }
  out_.replies.clear();
}

void Worker::flush_soon() {
  if (std::exchange(is_flush_posted_, true)) return;
  mailbox_.post([this] {
    is_flush_posted_ = false;
    flush();
  });
}

void Worker::flush() {
  take();
  if (resp_) serve_sessions();
  if (!notes_.empty()) owner_.post_notes(std::exchange(notes_, {}));
  for (std::uint32_t i = 0; i < errands_.size(); ++i) {
    if (!errands_[i].empty()) owner_.worker(i).post_errands(std::exchange(errands_[i], {}));
  }
}

}  // namespace hopring
