// One thread and epoll: as little as can be between the sockets and what is measured. A load
// through Asio's handlers takes more of its core than a server does that answers it, and would
// measure itself.

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <deque>
#include <stdexcept>
#include <system_error>

#include "tests/bench/net_load.hpp"
#include "tests/bench/pace.hpp"
#include "tests/bench/speech.hpp"

namespace hopring::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Tcp = boost::asio::ip::tcp;

constexpr std::size_t read_bytes = std::size_t{64} << 10;
constexpr unsigned fill_batch = 100;  // requests of each connection at a time
// Of one connection in an open loop: more are late, and are counted as late.
constexpr std::size_t outstanding_max = 1000;
// For the last replies.
constexpr std::chrono::seconds drain_patience{10};

[[noreturn]] void throw_system_error(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// Of "localhost:7700" or "[::1]:7700".
std::pair<std::string, std::string> host_and_port(const std::string& contact) {
  const std::size_t colon = contact.rfind(':');
  if (colon == std::string::npos) throw std::runtime_error("no HOST:PORT: '" + contact + "'");
  std::string host = contact.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {host, contact.substr(colon + 1)};
}

// What all connections of a load share.
struct Load {
  const NetOptions& options;
  Draws draws;
  std::unique_ptr<Conversation> speech;
  const std::string value;
  NetFigures figures{};
  std::uint64_t filled = 0;    // keys, of a load that fills
  std::vector<NetKey> keys{};  // of one request; kept for its memory

  explicit Load(const NetOptions& chosen)
      : options(chosen),
        draws(chosen, 1),
        speech(conversation(chosen.speech)),
        value(chosen.value_bytes, 'v') {}

  void append_request(std::string& out) {
    const bool is_get = draws.is_get();
    keys.clear();
    for (unsigned i = 0; i < options.batch; ++i) keys.push_back(draws.key());
    is_get ? speech->append_get(keys, out) : speech->append_put(keys, value, out);
  }

  // How many of a batch are left to put.
  unsigned append_fill(std::string& out) {
    unsigned count = 0;
    for (; count < fill_batch && filled < options.keys; ++count) {
      const NetKey key(filled++);
      speech->append_put({&key, 1}, value, out);
    }
    return count;
  }
};

class Client {
 public:
  Client(Load& load, Tcp::socket socket) : load_(load), socket_(std::move(socket)) {
    socket_.set_option(Tcp::no_delay(true));
    socket_.non_blocking(true);
  }

  int descriptor() { return socket_.native_handle(); }
  bool is_idle() const { return asked_.empty(); }
  std::size_t outstanding() const { return asked_.size(); }
  bool has_unsent() const { return sent_ < out_.size(); }

  void ask(Clock::time_point then, unsigned count) {
    for (unsigned i = 0; i < count; ++i) load_.append_request(out_);
    note_asked(then, count);
  }
  void fill() {
    const unsigned count = load_.append_fill(out_);
    if (count > 0) note_asked(Clock::now(), count);
  }

  void send() {
    while (has_unsent()) {
      const ssize_t size = ::write(descriptor(), out_.data() + sent_, out_.size() - sent_);
      if (size < 0 && errno == EAGAIN) return;
      if (size < 0) throw_system_error("write to the server");
      sent_ += static_cast<std::size_t>(size);
    }
    out_.clear();
    sent_ = 0;
  }

  void receive() {
    if (in_.size() < in_size_ + read_bytes) in_.resize(in_size_ + read_bytes);
    const ssize_t size = ::read(descriptor(), in_.data() + in_size_, read_bytes);
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0) throw_system_error("read from the server");
    if (size == 0) throw std::runtime_error("the server hung up");
    in_size_ += static_cast<std::size_t>(size);
    take_replies();
  }

 private:
  struct Asked {
    Clock::time_point then;
    unsigned requests;  // without a reply as yet
  };

  void note_asked(Clock::time_point then, unsigned count) { asked_.push_back({then, count}); }

  void take_replies() {
    const Clock::time_point now = Clock::now();
    std::size_t taken = 0;
    while (taken < in_size_) {
      const std::string_view left(in_.data() + taken, in_size_ - taken);
      const Reply reply = load_.speech->read(left);
      if (reply.bytes == 0) break;
      taken += reply.bytes;
      note(now, reply, left.substr(0, reply.bytes));
    }
    std::copy(in_.begin() + static_cast<std::ptrdiff_t>(taken),
              in_.begin() + static_cast<std::ptrdiff_t>(in_size_), in_.begin());
    in_size_ -= taken;
  }

  void note(Clock::time_point now, const Reply& reply, std::string_view text) {
    if (asked_.empty()) throw std::runtime_error("the server answers what nobody has asked");
    NetFigures& figures = load_.figures;
    if (reply.is_error) {
      if (figures.errors == 0) figures.first_error = text.substr(0, text.find('\r'));
      figures.errors += load_.options.batch;
    } else {
      figures.latencies.add(now - asked_.front().then, load_.options.batch);
      figures.misses += reply.misses;
    }
    if (--asked_.front().requests == 0) asked_.pop_front();
  }

  Load& load_;
  Tcp::socket socket_;
  std::string out_;
  std::size_t sent_ = 0;  // of `out_`
  std::vector<char> in_;
  std::size_t in_size_ = 0;  // received, without a whole reply
  std::deque<Asked> asked_;
};

using Clients = std::vector<std::unique_ptr<Client>>;

class Loop {
 public:
  Loop(const NetOptions& options, bool fills)
      : options_(options), fills_(fills), load_(options), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) throw_system_error("epoll_create1");
    for (unsigned i = 0; i < options.clients; ++i) {
      clients_.push_back(connect(options.contacts[i % options.contacts.size()]));
      watch(EPOLL_CTL_ADD, *clients_.back());
    }
  }
  ~Loop() { ::close(epoll_); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  NetFigures run() {
    const Clock::time_point start = Clock::now();
    Pace pace(options_);
    is_over_ = false;
    for (const auto& each : clients_) go_on(*each, start);
    while (!is_over_) {
      is_over_ = fills_ ? load_.filled == options_.keys : pace.is_over();
      if (!fills_) pace.say(load_.figures.latencies.count());
      ask_what_is_due(pace);
      look(options_.is_open_loop() ? 0 : look_ms);
    }
    drain();
    load_.figures.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return std::move(load_.figures);
  }

 private:
  static constexpr int look_ms = 100;  // how late the end may be

  std::unique_ptr<Client> connect(const std::string& contact) {
    const auto [host, port] = host_and_port(contact);
    Tcp::resolver resolver(io_);
    Tcp::socket socket(io_);
    boost::system::error_code ec;
    const auto found = resolver.resolve(host, port, ec);
    if (!ec) boost::asio::connect(socket, found, ec);
    if (ec) throw std::runtime_error("cannot connect to " + contact + ": " + ec.message());
    return std::make_unique<Client>(load_, std::move(socket));
  }

  void watch(int change, Client& client) {
    epoll_event event{};
    event.events = EPOLLIN | (client.has_unsent() ? EPOLLOUT : 0u);
    event.data.ptr = &client;
    if (::epoll_ctl(epoll_, change, client.descriptor(), &event) < 0) {
      throw_system_error("epoll_ctl");
    }
  }

  // Closed loops ask again when all that was asked is answered.
  void go_on(Client& client, Clock::time_point now) {
    if (is_over_ || !client.is_idle()) return;
    if (fills_) {
      client.fill();
    } else if (!options_.is_open_loop()) {
      client.ask(now, options_.pipeline);
    }
    send(client);
  }

  void send(Client& client) {
    client.send();
    if (client.has_unsent()) watch(EPOLL_CTL_MOD, client);
  }

  void ask_what_is_due(Pace& pace) {
    while (pace.is_due() && clients_[turn_]->outstanding() < outstanding_max) {
      clients_[turn_]->ask(pace.due(), 1);
      send(*clients_[turn_]);
      pace.next();
      turn_ = (turn_ + 1) % clients_.size();
    }
  }

  void look(int patience_ms) {
    std::array<epoll_event, 256> events;
    const int count =
        ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), patience_ms);
    if (count < 0 && errno != EINTR) throw_system_error("epoll_wait");
    for (int i = 0; i < count; ++i) serve(events[static_cast<std::size_t>(i)]);
  }

  void serve(const epoll_event& event) {
    Client& client = *static_cast<Client*>(event.data.ptr);
    if ((event.events & EPOLLOUT) != 0) {
      client.send();
      if (!client.has_unsent()) watch(EPOLL_CTL_MOD, client);
    }
    if ((event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) == 0) return;
    client.receive();
    go_on(client, Clock::now());
  }

  void drain() {
    const auto ends = Clock::now() + drain_patience;
    for (const auto& each : clients_) {
      while (!each->is_idle()) {
        if (Clock::now() > ends) throw std::runtime_error("the server does not answer");
        look(look_ms);
      }
    }
  }

  const NetOptions& options_;
  const bool fills_;
  Load load_;
  const int epoll_;
  boost::asio::io_context io_;
  Clients clients_;
  std::size_t turn_ = 0;
  bool is_over_ = false;
};

}  // namespace

void fill_by_sockets(const NetOptions& options) {
  const NetFigures figures = Loop(options, true).run();
  if (figures.errors > 0) throw std::runtime_error("filling: " + figures.first_error);
}

NetFigures load_by_sockets(const NetOptions& options) { return Loop(options, false).run(); }

}  // namespace hopring::bench
