// hopring-peer: one peer as a process. Exit codes: 0 left as asked, 1 could not go on, 2 a bad
// option, 130 and 143 ended by a second SIGINT or SIGTERM.

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstdio>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/entropy.hpp"
#include "base/standard_streams.hpp"
#include "peer/allocations.hpp"
#include "peer/config.hpp"
#include "peer/net/address.hpp"
#include "peer/net/driver.hpp"
#include "peer/net/system.hpp"

namespace hopring {
namespace {

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

int complain(const std::string& problem, int exit_code) {
  std::fprintf(stderr, "hopring-peer: %s\n", problem.c_str());
  return exit_code;
}

// `bound`: where it listens, with the port that the system has picked if it was to.
Endpoint reached_at(const Config& config, const Endpoint& bound) {
  Endpoint endpoint = config.advertise.value_or(bound);
  if (endpoint.port == 0) endpoint.port = bound.port;
  return endpoint;
}

RingConfig new_ring(const Config& config) {
  RingConfig ring;
  ring.ring_id = random_word();
  ring.hash_key.words = {random_word(), random_word()};
  ring.nodes_per_peer = config.nodes_per_peer;
  ring.replicas = config.replicas;
  ring.reads = config.reads;
  return ring;
}

Limits within_descriptors(Limits limits) {
  constexpr std::size_t kept_back = 256;  // for connections to other peers, files and the rest
  const std::size_t descriptors =
      raise_descriptor_limit(limits.connections_max + limits.links_max + kept_back);
  if (descriptors < limits.connections_max + kept_back) {
    limits.connections_max = descriptors - std::min(descriptors / 2, kept_back);
    limits.silent_connections_max =
        std::min(limits.silent_connections_max, limits.connections_max / 10);
  }
  return limits;
}

int run(const Config& config) {
  boost::asio::io_context io(1);
  auto acceptor = listen_on(io, config.listen);
  if (!acceptor) {
    return complain("cannot listen on " + to_string(config.listen) + ": " +
                        acceptor.error().message() + "; choose another --listen",
                    exit_failure);
  }
  std::optional<boost::asio::ip::tcp::acceptor> resp_acceptor;
  if (config.resp) {
    auto listening = listen_on(io, *config.resp);
    if (!listening) {
      return complain("cannot listen on " + to_string(*config.resp) + ": " +
                          listening.error().message() + "; choose another --resp",
                      exit_failure);
    }
    resp_acceptor = std::move(*listening);
  }
  const Endpoint bound = from_asio(acceptor->local_endpoint());
  PeerOptions peer{.self = {reached_at(config, bound), random_word()},
                   .ring = new_ring(config),
                   .contacts = config.contacts,
                   .nodes_given = config.nodes_given,
                   .replicas_given = config.replicas_given,
                   .reads_given = config.reads_given,
                   .limits = within_descriptors(config.limits),
                   .memory_bytes_max = table_bytes_of(config.memory_bytes_max),
                   .evicts = config.evicts,
                   .copy_rate = config.copy_rate,
                   .weight = config.weight,
                   .shards = config.threads};
  Driver driver(io, std::move(*acceptor),
                {.peer = std::move(peer),
                 .resident_bytes_max = config.memory_bytes_max,
                 .give_free_memory_back = give_free_memory_back,
                 .may_flush = config.may_flush,
                 .log_level = config.log_level},
                std::move(resp_acceptor));
  driver.start();
  io.run();
  const Driver::Ending ending = driver.ending().value();
  return ending.line.empty() ? ending.exit_code : complain(ending.line, ending.exit_code);
}

}  // namespace
}  // namespace hopring

int main(int argc, char** argv) {
  using namespace hopring;
  hold_standard_streams();
  std::signal(SIGPIPE, SIG_IGN);  // a connection that broke is told by the write
  const auto config = read_config(std::vector<std::string>(argv + 1, argv + argc));
  if (const auto* notice = std::get_if<Notice>(&config)) {
    std::fputs(notice->text.c_str(), stdout);
    return 0;
  }
  if (const auto* bad = std::get_if<BadConfig>(&config)) return complain(bad->problem, exit_usage);
  return run(std::get<Config>(config));
}
