#pragma once

// The messages of the ring: finding arcs and keeping the caches of views fresh. Each has a row in
// docs/protocol.md. None of them decides who owns what: that is the groups' (storage/group).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "routing/cells.hpp"
#include "routing/view.hpp"

namespace hopring {

inline constexpr std::size_t successors_sent_max = 64;  // entries in one answer; more are not read
inline constexpr std::size_t closer_sent_max = 3;       // alternatives, should the best be silent
inline constexpr std::size_t fingers_sent_max = 64;     // one for each bit of a position

inline constexpr std::size_t rooms_sent_max = 64;  // a peer has no more shards

inline constexpr std::uint64_t ring_parts_whole = std::uint64_t{1} << 32;

// What a peer carries, for balance: sent with every authoritative answer.
struct PeerLoad {
  std::uint64_t bytes = 0;       // of keys, values and their overhead, in all its copies of arcs
  std::uint64_t ring_parts = 0;  // of its primary arcs: its share of the ring, of ring_parts_whole
  std::uint32_t arcs = 0;        // primary arcs
  // Relative memory; a share is weight / sum of weights. 0: it is leaving.
  std::uint32_t weight = 1;
  std::uint64_t copy_parts = 0;  // of all its copies, primary arcs included
  // Of each of its shards: bytes of a copy that it would take now. None: whatever they have.
  std::vector<std::uint64_t> rooms = {};
  // For what it has no room for it makes some, by evicting, when it is offered.
  bool makes_room = false;

  // Would it take a copy of `copy` bytes, of the arc that ends there? REQUIRES: as many cells as
  // a peer of the ring has nodes.
  bool has_room(Position end, std::uint32_t cells, std::uint64_t copy) const noexcept {
    const auto shards = static_cast<std::uint32_t>(rooms.size());
    return shards == 0 || rooms[shard_of(end, cells, shards)] >= copy;
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& bytes& ring_parts& arcs& weight& copy_parts& rooms& makes_room;
  }
  friend bool operator==(const PeerLoad&, const PeerLoad&) = default;
};

// A peer that is known to hold `arc`, in the view of this number: a finger, or an entry of a
// successor list. Numbers only grow at a position, so of two hints the higher one is the later.
struct Hint {
  Arc arc;
  PeerRef peer;
  ViewNumber number = {};  // all zero: not known

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& arc& peer& number;
  }
  friend bool operator==(const Hint&, const Hint&) = default;
};

inline Hint hint_of(const View& view) { return Hint{view.arc, primary_of(view), view.number}; }

// Whose is `position`? Answered by ArcFound (the owner itself) or Closer.
struct FindArc {
  std::uint32_t nonce = 0;
  Position position;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& nonce& position;
  }
  friend bool operator==(const FindArc&, const FindArc&) = default;
};

// From a node to the owner of the position after its arc's end, once a round. It tells the
// successor who its predecessor is (Chord's notify) and asks for the successor's list (stabilize).
// Answered by ArcFound or Closer.
struct Stabilize {
  std::uint32_t nonce = 0;
  View node;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& nonce& node;
  }
  friend bool operator==(const Stabilize&, const Stabilize&) = default;
};

// "It is mine." Sent only by a member of the view.
struct ArcFound {
  std::uint32_t nonce = 0;
  View view;
  std::vector<View> successors;     // the arcs after it, clockwise, as far as its node knows
  std::optional<View> predecessor;  // the arc before it, as far as its node knows
  std::uint32_t unnoticed_ms = 0;   // since a predecessor last made itself known to its node
  PeerLoad load;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& nonce& view& successors& predecessor& unnoticed_ms& load;
  }
  friend bool operator==(const ArcFound&, const ArcFound&) = default;
};

// "Not mine; these precede it closely", the closest first. Empty: nobody closer is known.
struct Closer {
  std::uint32_t nonce = 0;
  std::vector<Hint> hints;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& nonce& hints;
  }
  friend bool operator==(const Closer&, const Closer&) = default;
};

// An arc's new primary gets the caches of its node from the old one, so that it need not learn
// them anew. Not answered.
struct NodeHints {
  Arc arc;
  std::vector<View> successors;
  std::vector<Hint> fingers;
  std::optional<View> predecessor;
  std::uint32_t unnoticed_ms = 0;        // as in ArcFound
  std::optional<Position> gap_end = {};  // up to here nobody serves who could be found

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& arc& successors& fingers& predecessor& unnoticed_ms& gap_end;
  }
  friend bool operator==(const NodeHints&, const NodeHints&) = default;
};

// What a peer wants more of: copies, which take memory, or the work of a primary, for arcs that it
// has copies of. Where there is one copy of each arc they are the same, and only copies are asked
// for.
enum class Measure : std::uint8_t { copies, lead };
inline constexpr std::uint8_t measure_max = static_cast<std::uint8_t>(Measure::lead);

// "I carry `load`, and by what I have seen a peer's fair share is `fair`: give me an arc." Answered
// by WantArcAnswer; an arc then comes as a transfer (storage/group).
struct WantArc {
  std::uint32_t nonce = 0;
  PeerLoad load;
  PeerLoad fair;            // of a peer of weight 1
  std::uint64_t peers = 0;  // in the ring, by estimate; arcs are split while they are scarce
  std::uint64_t arcs = 0;   // in the ring, by estimate
  Measure measure = Measure::copies;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& nonce& load& fair& peers& arcs& measure;
  }
  friend bool operator==(const WantArc&, const WantArc&) = default;
};

struct WantArcAnswer {
  enum class Verdict : std::uint8_t {
    coming,   // a transfer begins
    busy,     // too many transfers at present: ask again
    nothing,  // no move of mine would lower the peak: ask others
  };
  std::uint32_t nonce = 0;
  Verdict verdict = Verdict::nothing;
  PeerLoad load;
  Position end;  // coming: of the arc

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& nonce& verdict& load& end;
  }
  friend bool operator==(const WantArcAnswer&, const WantArcAnswer&) = default;
};
inline constexpr std::uint8_t want_arc_verdict_max =
    static_cast<std::uint8_t>(WantArcAnswer::Verdict::nothing);

// A view that has just come to be, for those whose caches name the old one. Not answered.
struct ArcNews {
  View view;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& view;
  }
  friend bool operator==(const ArcNews&, const ArcNews&) = default;
};

// "I have handed all my arcs over and am going." Whatever still names the sender is out of date,
// and nothing of it may be claimed. Not answered.
struct Departed {
  template <class Archive>
  void serialize(Archive&, unsigned) {}
  friend bool operator==(const Departed&, const Departed&) = default;
};

// To the primary of an arc of several copies: "`to` should have my copy of the arc that ends here".
// nullopt: I am leaving, whoever you choose should have it; also said by who is to get one. Not
// answered; who has a copy is told by the arc's view.
struct PassCopy {
  Position end;
  std::optional<PeerRef> to;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& end& to;
  }
  friend bool operator==(const PassCopy&, const PassCopy&) = default;
};

// What was to become of the arc that ends here has come to nothing: to whom it was promised, and to
// who had asked for its copy to be passed on. Not answered; who wants it may ask again.
struct NotGiven {
  Position end;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& end;
  }
  friend bool operator==(const NotGiven&, const NotGiven&) = default;
};

struct Ping {
  std::uint32_t nonce = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& nonce;
  }
  friend bool operator==(const Ping&, const Ping&) = default;
};

struct Pong {
  std::uint32_t nonce = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& nonce;
  }
  friend bool operator==(const Pong&, const Pong&) = default;
};

using RingMessage = std::variant<FindArc, Stabilize, ArcFound, Closer, NodeHints, WantArc,
                                 WantArcAnswer, Ping, Pong, ArcNews, Departed, PassCopy, NotGiven>;

}  // namespace hopring
