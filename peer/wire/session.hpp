#pragma once

// How a connection opens: the hello, for both ends, and who may say what afterwards.
//
//   dialler                                listener
//      | -- Hello {versions, role, ring, --> |   answer(): may it come in?
//      |           from, to, credentials}    |
//      | <-- HelloAnswer {verdict, version, -|
//      |                  from, ring}        |
//   check(): is that whom I wanted?
//
// Both name their incarnations, so that nobody takes a restarted process for its former self: a
// restarted process is a new peer and its address says nothing. Sans-IO; no state but what the
// constructors get.

#include <boost/system/result.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "peer/wire/messages.hpp"

namespace hopring {

// Who came in.
struct Accepted {
  Role role = Role::client;
  PeerRef from;  // all zero for a client
  std::uint16_t version = 0;

  friend bool operator==(const Accepted&, const Accepted&) = default;
};

class HelloListener {
 public:
  // `ring`: nullopt as long as this peer belongs to none; whoever dials is then told `not_ready`.
  HelloListener(const PeerRef& self, const std::optional<RingConfig>& ring)
      : self_(self), ring_(ring) {}

  struct Reply {
    HelloAnswer answer;                // to be sent in any case
    std::optional<Accepted> accepted;  // nullopt: close once the answer is sent
  };

  // `first`: the first message of the connection, whatever it is.
  Reply on_first(const WireMessage& first) const;

 private:
  HelloAnswer::Verdict judge(const Hello& hello) const;

  PeerRef self_;
  std::optional<RingConfig> ring_;
};

// Why a dialler must close. The first five are the listener's verdicts.
enum class Refusal : std::uint8_t {
  no_common_version,
  other_ring,         // the answer's `ring` says which one
  other_incarnation,  // the peer that was meant is gone; the answer's `from` is there instead
  not_ready,          // it has no ring yet: try again
  malformed,          // what it answered breaks the protocol, or it says that we did
  myself,             // that address is my own
};

// The enumerator's name, for logs.
const char* name(Refusal refusal) noexcept;

// Who answered.
struct Connected {
  PeerRef to;
  RingConfig ring;
  std::uint16_t version = 0;

  friend bool operator==(const Connected&, const Connected&) = default;
};

class HelloDialer {
 public:
  struct Options {
    Role role = Role::client;
    PeerRef self;                      // REQUIRES: known (port, incarnation) for a peer; else zero
    std::uint64_t ring_id = 0;         // 0: any
    std::uint64_t to_incarnation = 0;  // 0: any
    std::string credentials;           // at most credentials_bytes_max
  };

  explicit HelloDialer(Options options) : options_(std::move(options)) {}

  Hello hello() const;

  // `first`: the first message that came back, whatever it is.
  boost::system::result<Connected, Refusal> on_first(const WireMessage& first) const;

 private:
  std::optional<Refusal> judge(const HelloAnswer& answer) const;

  Options options_;
};

// After the hello. May whoever came in with `role` send this to a peer? Whoever sends what it may
// not is closed. Peers forward the operations of clients that cannot route, so they may ask, and be
// answered, like clients.
bool may_send_to_peer(Role role, const WireMessage& message);

// And may a peer send this to a client?
bool may_send_to_client(const WireMessage& message);

}  // namespace hopring
