#pragma once

// The peers that a client could turn to: those that its user named, and those that it has heard of
// since. A client that was told one peer thereby goes on when that one dies.
//
// Thread rule: none; the owner serializes.
//
// Invariants (audit() checks them):
//   (1) at most one entry for each endpoint; those that the user gave are never dropped.
//   (2) at most contacts_max entries beside those.
//   (3) an entry that is up has an incarnation and no failures.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/rng.hpp"
#include "base/time.hpp"
#include "client/core/limits.hpp"
#include "routing/peer_ref.hpp"

namespace hopring {

// The `failures`-th pause in a row, jittered. REQUIRES: failures > 0.
Duration pause(const ClientLimits& limits, std::uint32_t failures, Rng& rng);

class PeerBook {
 public:
  PeerBook(const ClientLimits& limits, const std::vector<Endpoint>& given);

  // Somebody named `peer`. Remembered if there is room, or in the place of one that does not
  // answer.
  void learn(const PeerRef& peer);

  // A link to `peer` stands.
  void on_up(const PeerRef& peer);

  // `peer` could not be reached: it is left alone for a pause that doubles.
  void on_unreachable(Time now, const PeerRef& peer, Rng& rng);

  // After on_unreachable(): the pause lasts until then at least, since a dial that nobody answers
  // takes long.
  void leave_alone(const PeerRef& peer, Time until);

  // The link to `peer` is gone; it may be dialled again at once.
  void on_lost(const PeerRef& peer);

  // Is `peer` being left alone?
  bool is_down(Time now, const PeerRef& peer) const;

  // Has it not been reached since it could not be?
  bool has_failed(const PeerRef& peer) const;

  // Until when it has been left alone; the beginning of time if it has not failed. Of several that
  // may be there again the one with the earliest has been tried least lately.
  Time alone_until(const PeerRef& peer) const;

  // A peer to turn to that is not among `asked`: in turn, those with a link first; of those that
  // have failed, if they may be tried at all, none that is being left alone. Its incarnation is 0
  // where whoever listens there will do. The turn moves on by next_turn(), not by asking.
  std::optional<PeerRef> contact(Time now, const std::vector<PeerRef>& asked,
                                 bool tries_failed = true) const;
  void next_turn(const Endpoint& taken) {
    turn_ = taken;
    is_taken_ = true;
  }

  bool knows(const Endpoint& endpoint) const { return entries_.contains(endpoint); }
  std::size_t size() const { return entries_.size(); }
  void audit() const;

 private:
  struct Entry {
    bool given = false;
    bool up = false;
    std::uint64_t incarnation = 0;
    std::uint32_t failures = 0;
    Time retry_at{};
  };
  using Entries = std::map<Endpoint, Entry>;

  bool make_room();
  template <class Accept>
  std::optional<PeerRef> in_turn(const std::vector<PeerRef>& asked, Accept&& accept) const;

  const ClientLimits& limits_;
  Entries entries_;
  std::size_t given_ = 0;
  Endpoint turn_;  // whose turn it is: the first entry not before it; once taken, the one after
  bool is_taken_ = false;
};

}  // namespace hopring
