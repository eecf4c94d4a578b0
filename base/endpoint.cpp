#include "base/endpoint.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace hopring {
namespace {

constexpr std::array<std::uint8_t, 12> ipv4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_ipv4(const Endpoint& endpoint) {
  return std::equal(ipv4_prefix.begin(), ipv4_prefix.end(), endpoint.address.begin());
}

bool parse_address(std::string_view text, Endpoint& endpoint) {
  const std::string terminated(text);
  if (inet_pton(AF_INET6, terminated.c_str(), endpoint.address.data()) == 1) return true;
  std::copy(ipv4_prefix.begin(), ipv4_prefix.end(), endpoint.address.begin());
  return inet_pton(AF_INET, terminated.c_str(), endpoint.address.data() + 12) == 1;
}

}  // namespace

std::string to_string(const Endpoint& endpoint) {
  char text[INET6_ADDRSTRLEN] = {};
  if (is_ipv4(endpoint)) {
    inet_ntop(AF_INET, endpoint.address.data() + 12, text, sizeof text);
    return std::string(text) + ":" + std::to_string(endpoint.port);
  }
  inet_ntop(AF_INET6, endpoint.address.data(), text, sizeof text);
  return "[" + std::string(text) + "]:" + std::to_string(endpoint.port);
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed != (host.find(':') != std::string_view::npos)) return std::nullopt;

  Endpoint endpoint;
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (port.empty() || parsed.ec != std::errc{} || parsed.ptr != port.data() + port.size()) {
    return std::nullopt;
  }
  if (!parse_address(host, endpoint)) return std::nullopt;
  return endpoint;
}

Endpoint ipv4_endpoint(std::uint32_t address, std::uint16_t port) {
  Endpoint endpoint;
  std::copy(ipv4_prefix.begin(), ipv4_prefix.end(), endpoint.address.begin());
  for (std::size_t i = 0; i < 4; ++i) {
    endpoint.address[12 + i] = static_cast<std::uint8_t>(address >> (24 - 8 * i));
  }
  endpoint.port = port;
  return endpoint;
}

}  // namespace hopring
