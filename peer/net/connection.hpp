#pragma once

// One TCP socket that carries frames: reading, cutting, queueing, writing, and the time that the
// other end may take for each. What frames mean is its owner's business.
//
//        socket --> FrameReader --> Owner::on_frame()
//        socket <-- WriteQueue  <-- send()
//
// An accepted connection may speak RESP instead of frames, as its first bytes say: then its owner
// is shown the bytes, takes as many as it likes, and writes what it likes.
//
// All that an owner sends while it handles the frames of one read leaves in one write, and so does
// all else that it sends in one turn of its thread (peer/net/turn.hpp). Bytes are written at once
// as far as the socket takes them; only the rest waits in the queue.
//
// Thread rule: the thread that runs the io_context.
//
// Invariants:
//   (1) The owner is called from handlers of the io_context only, never from inside a call that it
//       makes, so it may be in the middle of anything when it sends or closes.
//   (2) After a message that found no room in the queue nothing is sent any more: what the other
//       end receives is a prefix of what was sent.
//   (3) Bytes held: at most one frame, twice, and one read on the way in (FrameReader);
//       write_queue_bytes_max on the way out, unless it holds back.

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/time.hpp"
#include "peer/core/limits.hpp"
#include "peer/net/stall.hpp"
#include "peer/net/turn.hpp"
#include "peer/net/write_queue.hpp"
#include "peer/wire/codec.hpp"
#include "peer/wire/frame.hpp"

namespace hopring {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  class Owner {
   public:
    // `frame.body` lies in the connection's buffer and ends with the call.
    virtual void on_frame(const Frame& frame) = 0;
    // Of a frame some has come in and not all; or some could be written of what had found no room
    // in the socket. Its end may be long in coming, but the other end lives.
    virtual void on_progress() {}
    // What came in cannot be cut into frames, and nothing after it will be. The owner may send last
    // words before it closes.
    virtual void on_wire_error(WireError error) = 0;
    struct Taken {
      std::size_t bytes = 0;
      bool is_all = true;  // of what is left nothing can be taken until more has come
    };
    // All that was received and not taken, of a connection that speaks no frames. It lies in the
    // connection's buffer and ends with the call.
    virtual Taken on_bytes(std::string_view) { return {}; }
    // The last call, and the only one of its kind; `why` is for logs. The owner may destroy itself.
    virtual void on_closed(std::string_view why) = 0;

   protected:
    ~Owner() = default;
  };

  // `socket`: connected. `owner` and `limits` outlive the connection, or abandon() it.
  static std::shared_ptr<Connection> create(boost::asio::ip::tcp::socket socket, Owner& owner,
                                            const Limits& limits);

  // Begins to read. The first frame must come within hello_timeout and is bounded by
  // hello_frame_bytes_max. Of a connection that listens for bytes, too, the time begins with the
  // first byte; while it is_silent() its owner decides.
  void start();

  // Before start(): the first bytes say whether frames follow.
  void listen_for_bytes() { is_unknown_ = true; }

  // The hello is over: frames may have up to frame_bytes_max now.
  void welcome() { reader_.set_frame_bytes_max(limits_.frame_bytes_max); }

  // From now on no frame is looked at, and none is read, while more than `bytes` wait to be
  // written: an other end that asks faster than it reads slows itself down. Its queue is bounded by
  // what it had asked before, and no longer by write_queue_bytes_max.
  void hold_back_above(std::size_t bytes) {
    held_back_above_ = bytes;
    queue_.set_bytes_max(std::numeric_limits<std::size_t>::max());
  }

  // While held, no frame is looked at, and none is read.
  void hold(bool is_held);

  // From now on it closes if the other end's system has acknowledged nothing of what was sent for
  // link_silence_max. A process that is paused, or reads slowly, is not silent.
  void end_after_silence() { ends_after_silence_ = true; }

  // Queues a message or a family of messages (peer/wire/codec.hpp). If it does not fit, the other
  // end reads too slowly and the connection closes. Without effect once closed or finishing.
  template <class Message>
  void send(const Message& message, std::uint64_t request_id) {
    write([&](std::string& out) { encode(message, request_id, out); });
  }

  // The same of what `append(std::string&)` appends.
  template <class Append>
  void write(Append&& append) {
    if (state_ != State::open) return;
    if (!queue_.push(std::forward<Append>(append))) {
      return close("it reads too slowly: the write queue is full");
    }
    flush_soon();
  }

  // Writes what is queued, says that nothing follows, lets the other end read it and closes. Frames
  // that come in meanwhile are thrown away.
  void finish();

  // Closes at once; on_closed() follows from a handler of the io_context.
  void close(std::string_view why);

  // Closes, and calls the owner no more.
  void abandon();

  // Looks whether the other end has exceeded a timeout. Call it every sweep_interval.
  void sweep(Time now);

  // At the last look it listened for bytes, and for longer than hello_timeout none has come.
  bool is_silent() const { return is_silent_; }

  // Bytes that its buffers take.
  std::size_t memory() const { return reader_.memory() + queue_.memory(); }
  bool has_unsent() const { return !queue_.empty(); }
  std::size_t bytes_unsent() const { return queue_.bytes(); }

 private:
  enum class State : std::uint8_t {
    open,
    finishing,  // writes the rest of the queue
    lingering,  // has said that nothing follows; waits for the other end to close
    closed,
  };

  Connection(boost::asio::ip::tcp::socket socket, Owner& owner, const Limits& limits);

  void read();
  void on_read(const boost::system::error_code& ec, std::size_t size);
  void adapt_read_size(std::size_t size);
  void handle_frames();
  bool take_frames();
  bool take_bytes();
  bool is_held_back() const { return is_held_ || queue_.bytes() > held_back_above_; }
  void go_on();
  void flush_soon();
  void flush();
  void wait_until_writable();
  void linger();
  bool acknowledges_nothing(Time now);

  boost::asio::ip::tcp::socket socket_;
  Turn& turn_;
  Owner* owner_;
  const Limits& limits_;
  State state_ = State::open;

  FrameReader reader_;
  std::size_t read_bytes_;      // to be read next; grows while reads are filled
  std::size_t unfinished_ = 0;  // bytes received that no frame has been made of
  std::uint64_t frames_ = 0;    // taken
  bool is_reading_ = false;     // a read is under way
  bool is_taking_frames_ = false;
  bool is_unknown_ = false;   // frames or bytes: not enough has come to say
  bool takes_bytes_ = false;  // not frames
  bool is_silent_ = false;

  WriteQueue queue_;
  std::size_t held_back_above_ = std::numeric_limits<std::size_t>::max();
  bool is_held_ = false;
  std::uint64_t bytes_written_ = 0;
  bool is_waiting_to_write_ = false;
  bool is_flush_posted_ = false;

  bool ends_after_silence_ = false;

  Stall hello_stall_;
  Time queue_look_at_{};
  Stall silence_stall_;
  Stall frame_stall_;
  Stall write_stall_;
  Stall linger_stall_;
};

}  // namespace hopring
