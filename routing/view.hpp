#pragma once

// A view: who holds the copies of an arc. Whether a peer may serve is decided by views alone;
// successor lists, fingers and client caches are copies of them that may be stale.

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "routing/arc.hpp"
#include "routing/peer_ref.hpp"

namespace hopring {

// Only grows, per position, across splits too. Compared in this order.
struct ViewNumber {
  std::uint64_t generation = 0;  // raised by a take-over or a repair, never by a majority
  std::uint64_t claimant = 0;    // incarnation that raised the generation; 0 in the first
  std::uint64_t number = 0;      // raised by every view change and split

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& generation& claimant& number;
  }
  friend constexpr auto operator<=>(const ViewNumber&, const ViewNumber&) = default;
};

constexpr ViewNumber next(ViewNumber number) noexcept {
  ++number.number;
  return number;
}

inline constexpr std::size_t members_max = 5;  // `replicas` is 1, 3 or 5

// Views are copied with every message about the ring: one member needs no allocation.
using Members = boost::container::small_vector<PeerRef, 1>;

struct View {
  Arc arc;
  ViewNumber number;
  // The incarnation whose arc was claimed when the generation was raised; 0 in a generation that
  // no take-over began. Of an arc whose holder nobody knew it is the claimant's own.
  std::uint64_t taken_from = 0;
  Members members;  // 1 to members_max; the first is the primary as far as is known
  // A claim's: the last view of the dead that the claimant knew. What came later had moved on.
  ViewNumber taken_at = {};
  // The term in which members.front() is primary, a hint beside the number; 0 where there is one
  // member.
  std::uint64_t term = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& arc& number& taken_from& members& taken_at& term;
  }
  friend bool operator==(const View&, const View&) = default;
};

// Tells a view from all others of a position by 64 bits of its number and term. Never 0.
inline std::uint64_t mark_of(const View& view) {
  const ViewNumber& number = view.number;
  std::uint64_t mark = 0;
  for (const std::uint64_t each : {number.generation, number.claimant, number.number, view.term}) {
    mark = (mark ^ each) * 0x9e3779b97f4a7c15u;  // 2^64 divided by the golden ratio
    mark ^= mark >> 32;
  }
  return mark | 1;
}

// Tells the order of an arc from those of its other generations, also from one that another peer
// has begun under the same generation. Never 0.
constexpr std::uint64_t order_of(const ViewNumber& number) noexcept {
  if (number.claimant == 0) return number.generation;
  return (number.claimant ^ number.generation * 0x9e3779b97f4a7c15u) | 1;
}

// REQUIRES: the view has a member; one from the network has passed is_well_formed().
inline const PeerRef& primary_of(const View& view) { return view.members.front(); }

inline bool contains(const Members& members, const PeerRef& peer) {
  return std::find(members.begin(), members.end(), peer) != members.end();
}
template <class Predicate>
void erase_if(Members& members, Predicate&& predicate) {
  members.erase(std::remove_if(members.begin(), members.end(), predicate), members.end());
}

inline bool is_member(const View& view, const PeerRef& peer) {
  return contains(view.members, peer);
}

// How many of the members share a host with one before them: 0 if they live on distinct hosts.
std::size_t crowding(std::span<const PeerRef> members);
// Would more of them do so if `to` stood in the place of `from`?
bool crowds(std::span<const PeerRef> members, const PeerRef& from, const PeerRef& to);

// Does a view that came from elsewhere keep the rules above?
bool is_well_formed(const View& view);
bool is_well_formed(const ViewNumber& number);

// Which of two views that share a position holds there. Mostly the higher number, and of one number
// the higher term; but a claim
// (taken_from != 0) yields to a view of a lower generation that the claimant had missed: one later
// than taken_at whose sole member is not the incarnation that the claim names.
bool beats(const View& challenger, const View& holder);

// `claimant` takes over `arc`, whose last known view was `last`, from its dead primary.
View claim_of(const Arc& arc, const View& last, const PeerRef& claimant);

// "(0x1fff.., 0x3fff..] 1.0.7 {127.0.0.1:7000#..}", as it stands in logs.
std::string to_string(const View& view);

}  // namespace hopring
