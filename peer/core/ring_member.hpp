#pragma once

// A peer's part in the ring: its Chord nodes kept fresh (stabilize, fingers), lookups, the health
// of other peers, and the decision to claim the arcs of a dead one (docs/design.md).
//
// What it knows are caches. What it decides it asks of the groups: ClaimArc and LoseArc are carried
// out there, and the nodes follow the arcs that are served (sync()).
//
// Sans-IO. Thread rule: one thread, the one of the peer's first shard.
//
// Invariants:
//   (1) Nodes are sorted by their arcs' ends; their arcs do not overlap.
//   (2) At most asks_max questions are open; each ends by an answer, by ask_timeout or by the news
//       that the peer cannot be reached.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/rng.hpp"
#include "peer/core/effects.hpp"
#include "peer/core/limits.hpp"
#include "routing/chord_node.hpp"
#include "routing/location_table.hpp"
#include "routing/lookup.hpp"
#include "routing/peer_health.hpp"

namespace hopring {

// This peer should serve `claim.arc`, whose sole member is dead: empty, or from a copy. It may
// reach across cells (shard.hpp).
struct ClaimArc {
  View claim;
};

// Another peer's view beats ours on this part of one of our arcs.
struct LoseArc {
  Arc lost;
  View winner;
};

struct LookupDone {
  std::uint64_t token = 0;
  std::optional<ArcFound> found;  // nullopt: nobody who could tell answers
  std::uint32_t asked = 0;        // peers asked; 0 if this peer serves the position itself
};

struct PeerDied {
  PeerRef peer;
  std::string_view why;  // for the log
};

using RingEvent = std::variant<ClaimArc, LoseArc, LookupDone, PeerDied>;
using RingEvents = std::vector<RingEvent>;

class RingMember {
 public:
  static constexpr std::size_t asks_max = 1024;    // beyond it a lookup fails at once
  static constexpr std::size_t moved_max = 256;    // arcs handed over that are still pointed to
  static constexpr std::size_t contacts_max = 16;  // the oldest goes for one more
  static constexpr std::size_t denied_max = 256;   // views known to be out of date; so
  static constexpr std::size_t known_peers_max = 1024;  // of one report
  // Arcs remembered from passing answers, until what the nodes know is all that is kept.
  static constexpr std::size_t locations_min = 1024;

  RingMember(const PeerRef& self, const Limits& limits, Rng rng);

  // The arcs that are served now, in ring order of their ends. Nodes come, change and go with them.
  void sync(Now now, std::span<const View> served);
  // An arc of ours has another primary now: its node's hints go there; if the view does not say
  // who, once on_followed() does. REQUIRES: its node is still there.
  void on_moved(Now now, const View& view, Outbox& out);
  // This peer has heard who serves an arc that it holds a copy of.
  void on_followed(const View& view, Outbox& out);
  void set_load(const PeerLoad& load) { load_ = load; }
  // It is leaving: remembers those who name it, while it has nodes that know them.
  void begin_leaving() { acquainted_ = known_peers(); }
  // All arcs have been handed over: nobody should claim them.
  void say_farewell(Outbox& out) const;
  // Arcs have several copies: a gap is nobody's to claim, who was silent for long may come back,
  // and what only silent peers serve is a gap until then.
  void on_several_copies() {
    has_copies_ = true;
    health_.forgive_silence();
  }
  // Who knows nobody else that lives routes through these.
  void add_contact(const PeerRef& contact);

  void on_message(Now now, const PeerRef& from, const RingMessage& message, Outbox& out,
                  RingEvents& events);
  void on_heard(const PeerRef& from);
  // How often a peer has been heard again that had been silent.
  std::uint64_t returns() const noexcept { return returns_; }
  void on_unreachable(Now now, const PeerRef& peer, Unreachable why, Outbox& out,
                      RingEvents& events);

  // It should have answered somebody else here, and has not: if it does not answer this either it
  // is silent.
  void ask_whether_there(Now now, const PeerRef& peer, Outbox& out);
  // Ends with a LookupDone of this token, perhaps at once.
  void start_lookup(Now now, Position target, std::uint64_t token, Outbox& out, RingEvents& events);

  void on_deadline(Now now, Outbox& out, RingEvents& events);
  Time next_deadline() const;

  const PeerHealth& health() const noexcept { return health_; }
  std::span<const ChordNode> nodes() const noexcept { return nodes_; }
  // The peers closest to a position that this peer does not serve.
  std::vector<Hint> closest(Position position) const;
  // The best known view of the arc that holds the position.
  const View* known_view(Position position) const;
  // Arcs have several copies, and the last node of this peer before the position has found nobody
  // who serves there, and has no successor.
  bool is_in_gap(Position position) const;
  // The end of an arc whose holder this peer believes to know, about there; else `position`.
  Position known_end_near(Position position) const { return locations_.end_near(position); }
  // Peers that the caches name, also as members of arcs that others lead; without repetition,
  // `self` and the dead.
  std::vector<PeerRef> known_peers() const;

 private:
  struct Search {
    enum class Purpose : std::uint8_t { caller, successor, finger, predecessor, gap };
    Purpose purpose = Purpose::caller;
    Lookup lookup;
    Position node_end;        // all others: for which node
    unsigned finger = 0;      // finger: which
    std::uint64_t token = 0;  // caller: whose
    // gap: the live arc that the walk has come to; none while one is looked for
    std::optional<ArcFound> beyond = {};
  };
  struct Ask {
    enum class Kind : std::uint8_t { stabilize, search, presence };
    Kind kind = Kind::stabilize;
    PeerRef to;
    Time deadline;
    Position node_end;         // stabilize: for which node
    std::uint64_t search = 0;  // search: which
  };

  static void send(const PeerRef& to, RingMessage message, Outbox& out);
  template <class Consider>
  void for_each_view(Consider&& consider) const;  // of others, by all caches
  void deny(Position position, const PeerRef& peer);
  bool is_denied(const View& view) const;
  void learn(const Hint& hint);
  void learn(const View& view);
  void learn_anew();
  void forget(const PeerRef& dead);
  void keep_hints(Now now, Position end);
  std::size_t index_from(Position position) const;
  ChordNode* node_at(Position end);
  const ChordNode* node_at(Position end) const;
  const ChordNode& first_node_from(Position position) const;
  const ChordNode& last_node_until(Position position) const;
  ChordNode* node_holding(Position position);
  std::optional<View> believed_predecessor(const ChordNode& node) const;
  ArcFound found(Now now, const ChordNode& node, std::uint32_t nonce) const;

  void on(Now now, const PeerRef& from, const FindArc& message, Outbox& out, RingEvents& events);
  void on(Now now, const PeerRef& from, const Stabilize& message, Outbox& out, RingEvents& events);
  void on(Now now, const PeerRef& from, const ArcFound& message, Outbox& out, RingEvents& events);
  void on(Now now, const PeerRef& from, const Closer& message, Outbox& out, RingEvents& events);
  void on(Now now, const PeerRef& from, const NodeHints& message, Outbox& out, RingEvents& events);
  void on(Now now, const PeerRef& from, const ArcNews& message, Outbox& out, RingEvents& events);
  void on(Now now, const PeerRef& from, const Departed& message, Outbox& out, RingEvents& events);
  void on(Now now, const PeerRef& from, const Ping& message, Outbox& out, RingEvents& events);
  void on(Now now, const PeerRef& from, const Pong& message, Outbox& out, RingEvents& events);

  void answer_position(Now now, const PeerRef& from, std::uint32_t nonce, Position position,
                       Outbox& out);
  void serve_urgent(Now now, Outbox& out, RingEvents& events);
  void serve_some(Now now, Outbox& out, RingEvents& events);
  void round(Now now, ChordNode& node, Outbox& out, RingEvents& events);
  void stabilize(Now now, ChordNode& node, Outbox& out, RingEvents& events);
  void refresh_finger(Now now, ChordNode& node, Outbox& out, RingEvents& events);
  void check_successors(Now now, ChordNode& node, Outbox& out, RingEvents& events);
  void find_gap_end(Now now, ChordNode& node, Position from, Outbox& out, RingEvents& events);
  void search_gap(Now now, const ChordNode& node, const Hint& hint,
                  const std::optional<ArcFound>& beyond, Outbox& out, RingEvents& events);
  void on_successor_unfound(Now now, ChordNode& node, Outbox& out, RingEvents& events);
  void on_gap_unfound(Now now, ChordNode& node, const Search& search, Outbox& out,
                      RingEvents& events);
  void close_gap(Now now, ChordNode& node, const ArcFound& live, Outbox& out, RingEvents& events);
  void walk_gap(Now now, ChordNode& node, const ArcFound& live, Position until, Outbox& out,
                RingEvents& events);
  bool is_gone(const View& view) const;
  bool is_gone(const PeerRef& peer) const;
  std::span<const View> gone_run(const ChordNode& node) const;
  std::optional<Hint> last_known_in(const Arc& stretch, const std::optional<View>& told) const;
  void check_claims_soon(Now now);
  void check_all_successors(Now now, Outbox& out, RingEvents& events);
  void tell(const PeerRef& peer, const View& view, Outbox& out);
  void claim(Now now, const ChordNode& node, const ArcFound& live, RingEvents& events);
  void note_gap(Now now, const ChordNode& node, const Arc& gap, Duration unnoticed);
  void keep_gap(Now now, const Arc& gap);
  NodeHints hints_of(Now now, const ChordNode& node) const;
  void take_hints(Now now, ChordNode& node, const NodeHints& hints);
  void hear(const View& view, Outbox& out, RingEvents& events);
  void hear_of(const View& view, Outbox& out);
  void introduce(Now now, const ChordNode& node, Outbox& out, RingEvents& events);
  void announce(Now now, const ChordNode& node, Outbox& out, RingEvents& events);
  void inherit(const ChordNode& from, ChordNode& node) const;
  bool follow_own(Now now, ChordNode& node);
  void take_list(ChordNode& node, const View& successor, std::span<const View> rest);
  void follow(Now now, ChordNode& node, const View& successor, std::span<const View> rest);
  void soon(Time by, Position end);
  void declare_dead(Now now, const PeerRef& peer, std::string_view why, Outbox& out,
                    RingEvents& events);

  void search(Now now, Search search, Outbox& out, RingEvents& events);
  void step(Now now, std::uint64_t id, Outbox& out, RingEvents& events);
  void finish(Now now, std::uint64_t id, const ArcFound* answer, Outbox& out, RingEvents& events);
  std::uint32_t ask(Now now, Ask ask);
  void fail(Now now, const Ask& ask, Outbox& out, RingEvents& events);
  std::optional<Ask> answered(std::uint32_t nonce, const PeerRef& from);

  PeerRef self_;
  Limits limits_;
  Rng rng_;
  PeerHealth health_;
  bool has_copies_ = false;  // each arc, several
  PeerLoad load_;
  std::vector<ChordNode> nodes_;
  std::vector<Arc> node_arcs_;  // theirs, close together: they are looked through for each message
  LocationTable locations_;
  std::size_t locations_max_ = locations_min;  // then they are learnt anew
  std::vector<PeerRef> contacts_;
  std::deque<View> moved_;
  // Where arcs have several copies: behind nodes of this peer, by their ends, what nobody serves
  // who could be found. Each look takes the place of the last one.
  struct Gap {
    Arc arc;
    Time until;
  };
  std::map<Position, Gap> gaps_;
  std::deque<View> denied_;            // by their primaries
  std::vector<PeerRef> acquainted_;    // of a peer that leaves
  std::deque<NodeHints> early_hints_;  // for arcs that are still coming; the oldest first
  std::deque<NodeHints> late_hints_;   // of nodes that went, for who is heard to serve there; so
  std::map<std::uint32_t, Ask> asks_;  // by nonce; nonces ascend, so do the deadlines
  std::map<std::uint64_t, Search> searches_;
  std::uint32_t last_nonce_ = 0;
  std::uint64_t last_search_ = 0;
  std::uint64_t returns_ = 0;
  std::size_t turn_ = 0;
  Time next_round_{};
  Time urgent_at_ = Time::never();         // nobody is urgent
  Time next_claim_check_ = Time::never();  // when a peer has been dead for claim_delay
  std::vector<Position> newcomers_;        // nodes that the one before does not know yet
  std::vector<Position> urgent_;           // nodes that must not wait for their turn
};

template <class Consider>
void RingMember::for_each_view(Consider&& consider) const {
  const auto offer = [&](const View& view) {
    if (primary_of(view) != self_) consider(view);
  };
  for (const ChordNode& node : nodes_) {
    for (const View& view : node.successors().entries()) offer(view);
    if (node.predecessor()) offer(*node.predecessor());
  }
  for (const View& view : moved_) offer(view);
}

}  // namespace hopring
