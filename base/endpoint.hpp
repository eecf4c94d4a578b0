#pragma once

// Where a peer listens: an IP address and a TCP port, in 18 bytes without a heap. Names are
// resolved at the door (configuration, command line); the cores know addresses only.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hopring {

struct Endpoint {
  std::array<std::uint8_t, 16> address{};  // IPv6; IPv4 as ::ffff:a.b.c.d
  std::uint16_t port = 0;

  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// "127.0.0.1:7000" or "[::1]:7000".
std::string to_string(const Endpoint& endpoint);

// The reverse. nullopt if `text` is not a numeric address with a port from 0 to 65535.
std::optional<Endpoint> parse_endpoint(std::string_view text);

// An IPv4 endpoint from the address's 32 bits, most significant byte first.
Endpoint ipv4_endpoint(std::uint32_t address, std::uint16_t port);

}  // namespace hopring
