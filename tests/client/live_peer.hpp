#pragma once

// A whole peer behind a real socket, in a thread of this process.

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/entropy.hpp"
#include "peer/net/address.hpp"
#include "peer/net/driver.hpp"

namespace hopring::test {

class LivePeer {
 public:
  explicit LivePeer(std::vector<Endpoint> contacts = {}) {
    auto acceptor = listen_on(io_, ipv4_endpoint(0x7f000001, 0)).value();
    endpoint_ = from_asio(acceptor.local_endpoint());
    driver_ = std::make_unique<Driver>(io_, std::move(acceptor), options(std::move(contacts)));
    driver_->start();
    thread_ = std::thread([this] { io_.run(); });
  }

  // Leaves the ring: its arcs are handed over, or gone with the last peer.
  ~LivePeer() {
    boost::asio::post(io_, [this] { driver_->leave(); });
    thread_.join();
    driver_.reset();
    std::fclose(nowhere_);
  }

  const Endpoint& endpoint() const { return endpoint_; }
  std::string address() const { return to_string(endpoint_); }

 private:
  Driver::Options options(std::vector<Endpoint> contacts) {
    Driver::Options options;
    options.peer.self = PeerRef{endpoint_, random_word()};
    options.peer.ring.ring_id = random_word();
    options.peer.ring.hash_key.words = {random_word(), random_word()};
    options.peer.contacts = std::move(contacts);
    options.peer.shards = 2;
    options.peer.limits.fresh_for = std::chrono::milliseconds(1);  // nobody knew its address
    options.log_level = LogLevel::error;
    options.announcements = nowhere_;
    return options;
  }

  boost::asio::io_context io_{1};
  std::FILE* nowhere_ = std::fopen("/dev/null", "w");
  Endpoint endpoint_;
  std::unique_ptr<Driver> driver_;
  std::thread thread_;
};

}  // namespace hopring::test
