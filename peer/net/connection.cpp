#include "peer/net/connection.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "peer/net/socket_queue.hpp"

namespace hopring {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// One read. An idle connection keeps the small size, a busy one reads its frames in few calls.
constexpr std::size_t read_bytes_min = std::size_t{4} << 10;
constexpr std::size_t read_bytes_max = std::size_t{256} << 10;
constexpr std::size_t read_bytes_factor = 4;
// At the system's queue within link_silence_max: each is a call of the system.
constexpr int queue_looks = 8;

}  // namespace

std::shared_ptr<Connection> Connection::create(asio::ip::tcp::socket socket, Owner& owner,
                                               const Limits& limits) {
  return std::shared_ptr<Connection>(new Connection(std::move(socket), owner, limits));
}

Connection::Connection(asio::ip::tcp::socket socket, Owner& owner, const Limits& limits)
    : socket_(std::move(socket)),
      turn_(Turn::of(asio::query(socket_.get_executor(), asio::execution::context))),
      owner_(&owner),
      limits_(limits),
      read_bytes_(read_bytes_min),
      queue_(limits.write_queue_bytes_max) {}

void Connection::start() {
  error_code ec;
  socket_.set_option(asio::ip::tcp::no_delay(true), ec);  // fails only if it is closed already,
  socket_.non_blocking(true, ec);                         // which the read will tell
  read();
}

void Connection::read() {
  if (is_reading_ || state_ == State::closed) return;
  is_reading_ = true;
  const auto room = reader_.prepare(read_bytes_);
  socket_.async_read_some(asio::buffer(room.data(), room.size()),
                          [self = shared_from_this()](const error_code& ec, std::size_t size) {
                            self->is_reading_ = false;
                            self->on_read(ec, size);
                          });
}

void Connection::on_read(const error_code& ec, std::size_t size) {
  if (state_ == State::closed) return;
  if (ec == asio::error::eof) return close("the other end closed it");
  if (ec) return close("the connection broke");
  if (state_ != State::open) return read();  // thrown away
  reader_.commit(size);
  unfinished_ += size;
  adapt_read_size(size);
  handle_frames();
  if (state_ == State::open && unfinished_ > 0) owner_->on_progress();
}

void Connection::adapt_read_size(std::size_t size) {
  if (size == read_bytes_) {
    read_bytes_ = std::min(read_bytes_ * read_bytes_factor, read_bytes_max);
  } else if (size < read_bytes_ / read_bytes_factor) {
    read_bytes_ = std::max(read_bytes_ / read_bytes_factor, read_bytes_min);
  }
}

// Until all is taken and the next read begins, or until something holds it back: whatever ends that
// goes on here.
void Connection::handle_frames() {
  bool took_all = false;
  while (state_ == State::open && !took_all && !is_held_back()) {
    is_taking_frames_ = true;
    took_all = take_frames();
    is_taking_frames_ = false;
    flush();
  }
  if (state_ == State::open && reader_.error()) return owner_->on_wire_error(*reader_.error());
  if (state_ != State::open || took_all) read();
}

// False: there may be more, but replies wait.
bool Connection::take_frames() {
  if (is_unknown_) {
    const auto frames = is_frame(reader_.received());
    if (!frames) return true;
    is_unknown_ = false;
    takes_bytes_ = !*frames;
  }
  if (takes_bytes_) return take_bytes();
  while (state_ == State::open && !is_held_back()) {
    const auto frame = reader_.next();
    if (!frame) return true;
    unfinished_ -= frame_header_bytes + frame->body.size();
    ++frames_;
    owner_->on_frame(*frame);
  }
  return false;
}

bool Connection::take_bytes() {
  while (state_ == State::open && !is_held_back()) {
    const Owner::Taken taken = owner_->on_bytes(reader_.received());
    reader_.take(taken.bytes);
    unfinished_ -= taken.bytes;
    if (taken.bytes > 0) ++frames_;
    if (taken.is_all) return true;
  }
  return false;
}

// Goes on by a handler of its own: the owner may be in the middle of anything.
void Connection::hold(bool is_held) {
  if (is_held == is_held_) return;
  is_held_ = is_held;
  if (is_held || is_taking_frames_) return;
  turn_.post([self = shared_from_this()] { self->go_on(); });
}

// Frames may lie in the buffer that had been held back.
void Connection::go_on() {
  if (state_ == State::open && !is_reading_) handle_frames();
}

void Connection::flush_soon() {
  if (is_taking_frames_ || is_flush_posted_ || is_waiting_to_write_) return;
  is_flush_posted_ = true;
  turn_.post_last([self = shared_from_this()] {
    self->is_flush_posted_ = false;
    self->flush();
    self->go_on();
  });
}

void Connection::flush() {
  if (is_waiting_to_write_ || state_ == State::closed) return;
  while (!queue_.empty()) {
    const std::string_view front = queue_.front();
    error_code ec;
    const std::size_t size = socket_.write_some(asio::buffer(front.data(), front.size()), ec);
    if (ec == asio::error::would_block) return wait_until_writable();
    if (ec) return close("the connection broke");
    bytes_written_ += size;
    queue_.pop(size);
  }
  if (state_ == State::finishing) linger();
}

void Connection::wait_until_writable() {
  is_waiting_to_write_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_write,
                     [self = shared_from_this()](const error_code&) {
                       self->is_waiting_to_write_ = false;
                       const std::uint64_t before = self->bytes_written_;
                       self->flush();
                       const bool is_open = self->state_ == State::open;
                       if (is_open && self->bytes_written_ > before) self->owner_->on_progress();
                       self->go_on();
                     });
}

void Connection::finish() {
  if (state_ != State::open) return;
  state_ = State::finishing;
  flush_soon();
}

// A socket that is closed while it has unread bytes resets the connection, and the other end might
// lose our last words. So it is read until the other end closes, or last_words_timeout.
void Connection::linger() {
  state_ = State::lingering;
  error_code ec;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ec);
  read();
}

void Connection::close(std::string_view why) {
  if (state_ == State::closed) return;
  state_ = State::closed;
  error_code ec;
  socket_.close(ec);
  turn_.post([self = shared_from_this(), why] {
    if (self->owner_ != nullptr) std::exchange(self->owner_, nullptr)->on_closed(why);
  });
}

void Connection::abandon() {
  owner_ = nullptr;
  close("abandoned");
}

// What is on its way is sent again after pauses that double, up to minutes: a network that is whole
// again would not be noticed before the next of them ends.
bool Connection::acknowledges_nothing(Time now) {
  const SocketQueue queue = queue_of(socket_);
  return silence_stall_.is_over(now, queue.on_way > 0, bytes_written_ - queue.bytes,
                                limits_.link_silence_max);
}

void Connection::sweep(Time now) {
  const bool is_open = state_ == State::open;
  if (ends_after_silence_ && is_open && queue_look_at_ <= now) {
    queue_look_at_ = now + Duration(limits_.link_silence_max) / queue_looks;
    if (acknowledges_nothing(now)) {
      forget_queue(socket_);
      return close("it acknowledges nothing");
    }
  }
  const bool is_late = hello_stall_.is_over(now, is_open && frames_ == 0, unfinished_ > 0 ? 1 : 0,
                                            limits_.hello_timeout);
  is_silent_ = is_late && is_unknown_ && unfinished_ == 0;
  if (is_late && !is_silent_) return close("no hello came");
  const bool in_frame = is_open && unfinished_ > 0 && !is_held_back();
  if (frame_stall_.is_over(now, in_frame, frames_, limits_.frame_timeout)) {
    return close("a frame was begun and not finished");
  }
  const auto write_timeout = is_open ? limits_.write_timeout : limits_.last_words_timeout;
  if (write_stall_.is_over(now, has_unsent(), bytes_written_, write_timeout)) {
    return close("it reads nothing");
  }
  if (linger_stall_.is_over(now, state_ == State::lingering, 0, limits_.last_words_timeout)) {
    close("the other end did not close it");
  }
}

}  // namespace hopring
