#pragma once

// What the tests of routing share: numbered peers, views on a small ring, and how they print.

#include <cstdint>
#include <cstdlib>
#include <ostream>
#include <vector>

#include "base/time.hpp"
#include "routing/messages.hpp"

namespace hopring {

using namespace std::chrono_literals;

inline std::ostream& operator<<(std::ostream& os, const PeerRef& peer) {
  return os << to_string(peer);
}
inline std::ostream& operator<<(std::ostream& os, const View& view) {
  return os << to_string(view);
}
inline std::ostream& operator<<(std::ostream& os, const Position& position) {
  return os << position.value;
}
inline std::ostream& operator<<(std::ostream& os, const Arc& arc) {
  return os << '(' << arc.begin << ", " << arc.end << ']';
}
inline std::ostream& operator<<(std::ostream& os, const Hint& hint) {
  return os << hint.arc << " at " << hint.peer;
}
inline std::ostream& operator<<(std::ostream& os, const Time& time) {
  return os << time.since_start.count() << " ns";
}

inline PeerRef peer(std::uint16_t n) { return {ipv4_endpoint(0x7f000001, n), n}; }
inline PeerRef anyone_at(const PeerRef& peer) { return {peer.endpoint, 0}; }

constexpr Arc arc(std::uint64_t begin, std::uint64_t end) {
  return Arc{Position{begin}, Position{end}};
}

inline View view(std::uint64_t begin, std::uint64_t end, const PeerRef& primary,
                 std::uint64_t number = 1) {
  return View{arc(begin, end), ViewNumber{1, 0, number}, 0, {primary}};
}

// `claimant` has taken the arc over from `dead`, whose last view known to it had this number.
inline View claim(std::uint64_t begin, std::uint64_t end, const PeerRef& claimant,
                  const PeerRef& dead, std::uint64_t generation = 2, ViewNumber taken_at = {}) {
  return View{arc(begin, end),
              ViewNumber{generation, claimant.incarnation, 1},
              dead.incarnation,
              {claimant},
              taken_at};
}

// The seed of a random test: 1, or HOPRING_TEST_SEED from the environment.
inline std::uint64_t test_seed() {
  const char* text = std::getenv("HOPRING_TEST_SEED");
  return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

}  // namespace hopring
