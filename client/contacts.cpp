#include "client/contacts.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string_view>

#include "peer/net/address.hpp"

namespace hopring {
namespace {

using boost::asio::ip::tcp;

Failure malformed_contact(const std::string& contact) {
  return {OpError::invalid_argument, "\"" + contact + "\" is not an address; write host:port",
          std::nullopt};
}

Result<std::vector<Endpoint>> resolve(const std::string& contact) {
  if (const auto numeric = parse_endpoint(contact)) {
    return numeric->port == 0 ? Result<std::vector<Endpoint>>(malformed_contact(contact))
                              : std::vector{*numeric};
  }
  const std::size_t colon = contact.rfind(':');
  if (colon == std::string::npos || colon == 0) return malformed_contact(contact);
  const std::string host = contact.substr(0, colon);
  const auto port = parse_endpoint("127.0.0.1:" + contact.substr(colon + 1));
  if (!port || port->port == 0 || host.find(':') != std::string::npos) {
    return malformed_contact(contact);
  }
  boost::asio::io_context io;
  boost::system::error_code ec;
  const auto found = tcp::resolver(io).resolve(host, std::to_string(port->port),
                                               tcp::resolver::numeric_service, ec);
  if (ec || found.empty()) {
    return Failure{OpError::no_route, "no address is known of " + contact + ": " + ec.message(),
                   std::nullopt};
  }
  std::vector<Endpoint> endpoints;
  for (const auto& entry : found) endpoints.push_back(from_asio(entry.endpoint()));
  return endpoints;
}

}  // namespace

Result<std::vector<Endpoint>> resolve_contacts(const std::vector<std::string>& contacts) {
  std::vector<Endpoint> all;
  for (const std::string& contact : contacts) {
    auto endpoints = resolve(contact);
    if (!endpoints) return endpoints.error();
    all.insert(all.end(), endpoints->begin(), endpoints->end());
  }
  if (all.empty()) {
    return Failure{OpError::invalid_argument, "no contact was given; name one peer of the ring",
                   std::nullopt};
  }
  return all;
}

}  // namespace hopring
