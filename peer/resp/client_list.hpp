#pragma once

// What the connections of a peer that speak RESP have said of themselves, and how much they have
// asked: for CLIENT and INFO.
//
// Thread rule of ClientList: any thread. It is shared by the sessions of all of them, which tell it
// when they open, close or are given a name, and how many commands each read has brought.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/endpoint.hpp"
#include "base/time.hpp"
#include "peer/resp/reply.hpp"

namespace hopring::resp {

// What a connection has said of itself, and how it is served.
struct Client {
  std::uint64_t id = 0;
  Endpoint address = {};  // of the other end
  Time opened{};
  Protocol protocol = Protocol::resp2;
  std::string name = {};
  std::string library = {};
  std::string library_version = {};
  bool is_ending = false;  // nothing more is read; it is closed once its replies are written
};
// Of name, library and its version.
inline constexpr std::size_t client_word_bytes_max = 1024;

// A line of CLIENT LIST. `local`: where the peer listens.
std::string line_of(const Client& client, const Endpoint& local, Time now);

class ClientList {
 public:
  void put(const Client& client);
  void remove(std::uint64_t id);

  // By id.
  std::vector<Client> all() const;
  std::size_t size() const;

  void count_commands(std::uint64_t count) noexcept {
    commands_.fetch_add(count, std::memory_order_relaxed);
  }
  // Since the peer was started.
  std::uint64_t commands() const noexcept { return commands_.load(std::memory_order_relaxed); }
  std::uint64_t connections() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Client> clients_;
  std::uint64_t connections_ = 0;
  std::atomic<std::uint64_t> commands_ = 0;
};

}  // namespace hopring::resp
