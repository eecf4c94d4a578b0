#pragma once

#include <string>
#include <vector>

#include "base/endpoint.hpp"
#include "client/failure.hpp"

namespace hopring {

// The addresses of `contacts` ("host:port"; see MapOptions), in their order. Names are asked of the
// system's resolver, which may take seconds. A failure names the contact that is at fault; one that
// is no "host:port" is `invalid_argument`, one without an address `no_route`.
Result<std::vector<Endpoint>> resolve_contacts(const std::vector<std::string>& contacts);

}  // namespace hopring
