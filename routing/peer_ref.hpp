#pragma once

// Who a peer is: where it listens and which run of the process it is. A restarted process is a new
// peer; an old identity never comes back empty (design: no disk, so no memory of a former life).

#include <compare>
#include <cstdint>
#include <functional>

#include "base/endpoint.hpp"

namespace hopring {

struct PeerRef {
  Endpoint endpoint;
  std::uint64_t incarnation = 0;  // random, never 0 for a peer; 0 where none is known

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& endpoint.address& endpoint.port& incarnation;
  }
  // The incarnation tells most peers apart, in one comparison.
  friend constexpr bool operator==(const PeerRef& a, const PeerRef& b) {
    return a.incarnation == b.incarnation && a.endpoint == b.endpoint;
  }
  friend constexpr auto operator<=>(const PeerRef&, const PeerRef&) = default;
};

// Do two peers live, and fail, together? A host is an address; of two peers of one endpoint one is
// dead.
constexpr bool share_host(const PeerRef& a, const PeerRef& b) {
  return a.endpoint.address == b.endpoint.address && a.endpoint.port != b.endpoint.port;
}

// "127.0.0.1:7000#1f0c5a7e00c0ffee", as it stands in logs.
std::string to_string(const PeerRef& peer);

}  // namespace hopring

// An incarnation is random already: it hashes to itself.
template <>
struct std::hash<hopring::PeerRef> {
  std::size_t operator()(const hopring::PeerRef& peer) const noexcept { return peer.incarnation; }
};
