#include "client/map.hpp"

#include "client/contacts.hpp"

namespace hopring {

Result<Map> Map::open(const MapOptions& options) {
  if (const auto wrong = problem(options.limits)) {
    return Failure{OpError::invalid_argument, std::string(*wrong), std::nullopt};
  }
  const auto contacts = resolve_contacts(options.contacts);
  if (!contacts) return contacts.error();
  return Map(std::make_unique<Engine>(*contacts, options));
}

}  // namespace hopring
