#include "peer/resp/client_list.hpp"

namespace hopring::resp {

std::string line_of(const Client& client, const Endpoint& local, Time now) {
  const auto age = std::chrono::floor<std::chrono::seconds>(now - client.opened).count();
  return "id=" + std::to_string(client.id) + " addr=" + to_string(client.address) +
         " laddr=" + to_string(local) + " name=" + client.name + " age=" + std::to_string(age) +
         " flags=N db=0 resp=" + std::to_string(static_cast<int>(client.protocol)) +
         " lib-name=" + client.library + " lib-ver=" + client.library_version + "\n";
}

void ClientList::put(const Client& client) {
  const std::lock_guard lock(mutex_);
  if (clients_.insert_or_assign(client.id, client).second) ++connections_;
}

void ClientList::remove(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  clients_.erase(id);
}

std::vector<Client> ClientList::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Client> all;
  all.reserve(clients_.size());
  for (const auto& [_, client] : clients_) all.push_back(client);
  return all;
}

std::uint64_t ClientList::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_;
}

std::size_t ClientList::size() const {
  const std::lock_guard lock(mutex_);
  return clients_.size();
}

}  // namespace hopring::resp
