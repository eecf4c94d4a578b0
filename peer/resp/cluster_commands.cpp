// Commands about the peers: how large the ring is, and what a client in cluster mode wants to know.
//
// Any peer answers for any key. So that such clients spread over the peers nevertheless, the hash
// slots are dealt out among them evenly, in the order of their addresses: peers that know of the
// same peers say the same, and where they do not, it does no harm. A slot says nothing about where
// its keys are stored.

#include <algorithm>
#include <array>
#include <set>

#include "peer/resp/ring_walk.hpp"

namespace hopring::resp {
namespace {

constexpr std::uint32_t slots_all = 16384;  // of Redis Cluster

// The cyclic redundancy code that Redis Cluster takes: CRC-16/XMODEM.
std::uint32_t crc16(std::string_view bytes) {
  constexpr std::uint32_t polynomial = 0x1021;
  std::uint32_t crc = 0;
  for (const char c : bytes) {
    crc ^= static_cast<std::uint32_t>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 0x8000) != 0 ? (crc << 1) ^ polynomial : crc << 1;
    }
  }
  return crc & 0xffff;
}

// Of what stands in the key's first braces, if anything does: Redis Cluster Specification.
std::uint32_t slot_of(std::string_view key) {
  const std::size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  return crc16(key) % slots_all;
}

// 40 digits, as Redis's: of the incarnation, the port, and the end of the address.
std::string node_id(const PeerRef& peer) {
  std::string id;
  const auto add = [&](std::uint64_t byte) {
    constexpr std::string_view digits = "0123456789abcdef";
    id += digits[(byte >> 4) & 15];
    id += digits[byte & 15];
  };
  for (int shift = 56; shift >= 0; shift -= 8) add(peer.incarnation >> shift);
  add(peer.endpoint.port >> 8);
  add(peer.endpoint.port);
  for (std::size_t i = 6; i < peer.endpoint.address.size(); ++i) add(peer.endpoint.address[i]);
  return id;
}

// Without the port and without brackets.
std::string host_of(const Endpoint& endpoint) {
  std::string text = to_string(endpoint);
  text.resize(text.rfind(':'));
  if (text.starts_with('[')) text = text.substr(1, text.size() - 2);
  return text;
}

struct Share {
  PeerRef peer;
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};

std::vector<Share> shares_of(const ReportReply& report) {
  std::vector<PeerRef> peers{report.self};
  peers.insert(peers.end(), report.known.begin(), report.known.end());
  // Of two incarnations at one address the peer's own knows best; of others either will do.
  const auto by_address = [](const PeerRef& a, const PeerRef& b) {
    return a.endpoint < b.endpoint;
  };
  const auto at_one_address = [](const PeerRef& a, const PeerRef& b) {
    return a.endpoint == b.endpoint;
  };
  std::stable_sort(peers.begin(), peers.end(), by_address);
  peers.erase(std::unique(peers.begin(), peers.end(), at_one_address), peers.end());
  if (peers.size() > slots_all) peers.resize(slots_all);
  std::vector<Share> shares;
  const auto count = static_cast<std::uint32_t>(peers.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    shares.push_back({peers[i], i * slots_all / count, (i + 1) * slots_all / count - 1});
  }
  return shares;
}

void tell_info(Turn& turn, const ReportReply& report) {
  const std::string nodes = std::to_string(shares_of(report).size());
  turn.reply.verbatim(
      "cluster_enabled:1\r\ncluster_state:ok\r\ncluster_slots_assigned:16384\r\n"
      "cluster_slots_ok:16384\r\ncluster_slots_pfail:0\r\ncluster_slots_fail:0\r\n"
      "cluster_known_nodes:" +
      nodes + "\r\ncluster_size:" + nodes +
      "\r\ncluster_current_epoch:1\r\ncluster_my_epoch:1\r\ncluster_stats_messages_sent:0\r\n"
      "cluster_stats_messages_received:0\r\ntotal_cluster_links_buffer_limit_exceeded:0\r\n");
}

void tell_slots(Turn& turn, const ReportReply& report) {
  const std::vector<Share> shares = shares_of(report);
  turn.reply.array(shares.size());
  for (const Share& each : shares) {
    turn.reply.array(3);
    turn.reply.integer(each.first);
    turn.reply.integer(each.last);
    turn.reply.array(4);
    turn.reply.bulk(host_of(each.peer.endpoint));
    turn.reply.integer(each.peer.endpoint.port);
    turn.reply.bulk(node_id(each.peer));
    turn.reply.array(0);
  }
}

void tell_node(ReplyWriter& reply, const PeerRef& peer) {
  const std::string host = host_of(peer.endpoint);
  const std::pair<std::string_view, std::string> texts[] = {
      {"id", node_id(peer)}, {"ip", host},         {"endpoint", host},
      {"role", "master"},    {"health", "online"},
  };
  const std::pair<std::string_view, std::int64_t> numbers[] = {
      {"port", peer.endpoint.port},
      {"replication-offset", 0},
  };
  reply.map(std::size(texts) + std::size(numbers));
  for (const auto& [name, text] : texts) {
    reply.bulk(name);
    reply.bulk(text);
  }
  for (const auto& [name, number] : numbers) {
    reply.bulk(name);
    reply.integer(number);
  }
}

void tell_shards(Turn& turn, const ReportReply& report) {
  const std::vector<Share> shares = shares_of(report);
  turn.reply.array(shares.size());
  for (const Share& each : shares) {
    turn.reply.map(2);
    turn.reply.bulk("slots");
    turn.reply.array(2);
    turn.reply.integer(each.first);
    turn.reply.integer(each.last);
    turn.reply.bulk("nodes");
    turn.reply.array(1);
    tell_node(turn.reply, each.peer);
  }
}

void tell_nodes(Turn& turn, const ReportReply& report) {
  std::string text;
  for (const Share& each : shares_of(report)) {
    const std::string port = std::to_string(each.peer.endpoint.port);
    text += node_id(each.peer) + " " + host_of(each.peer.endpoint) + ":" + port + "@" + port;
    text += each.peer == report.self ? " myself,master" : " master";
    text += " - 0 0 1 connected " + std::to_string(each.first) + "-" + std::to_string(each.last);
    text += "\n";
  }
  turn.reply.verbatim(text);
}

// COUNTKEYSINSLOT: of the whole ring.
class CountInSlot final : public RingWalk {
 public:
  CountInSlot(std::uint32_t slot, Time ends) : RingWalk({}, ends), slot_(slot) {}

 private:
  std::optional<std::size_t> on_keys(Turn&, std::vector<Record>& records) override {
    count_ += std::count_if(records.begin(), records.end(),
                            [&](const Record& each) { return slot_of(each.key) == slot_; });
    return records.size();
  }
  void on_end(Turn& turn) override { turn.reply.integer(count_); }

  std::uint32_t slot_;
  std::int64_t count_ = 0;
};

void count_in_slot(Turn& turn) {
  std::int64_t slot = 0;
  const bool is_slot = parse_integer(turn.arguments[2], slot) && slot >= 0 && slot < slots_all;
  if (!is_slot) return turn.reply.error("ERR Invalid slot");
  RingWalk::begin(turn, std::make_unique<CountInSlot>(static_cast<std::uint32_t>(slot),
                                                      turn.now.monotonic + walk_time_max));
}

// DBSIZE: asks this peer, all that it knows, all that those know. What they say counts if their
// arcs are the whole ring; an arc that moves meanwhile may be missing, or be there twice.
class CountKeys final : public Task {
 public:
  void go_on(Turn& turn, std::vector<Finding>&& findings) override {
    for (Finding& each : findings) {
      const auto& report = std::get<ReportFound>(each).report;
      if (!report || std::get<ReportFound>(each).error) continue;
      met_.insert(report->self);
      for (const ArcReport& arc : report->arcs) arcs_.push_back({arc.view.arc, arc.keys});
      known_.insert(known_.end(), report->known.begin(), report->known.end());
    }
    for (const PeerRef& each : std::exchange(known_, {})) {
      if (met_.size() >= peers_max || !met_.insert(each).second) continue;
      turn.many.emplace_back(AskReport{each});
    }
    if (!turn.many.empty()) return;
    if (is_whole_ring()) return turn.reply.integer(static_cast<std::int64_t>(keys()));
    if (++rounds_ == rounds_max) {
      return turn.reply.error(
          "UNAVAILABLE not all peers say how many keys they have; try again in a moment");
    }
    met_.clear();
    arcs_.clear();
    turn.many.emplace_back(AskReport{});
  }
  std::size_t memory() const override {
    return met_.size() * 2 * sizeof(PeerRef) + arcs_.size() * sizeof(Count);
  }

 private:
  struct Count {
    Arc arc;
    std::uint64_t keys = 0;
  };
  static constexpr std::size_t peers_max = 4096;
  static constexpr int rounds_max = 3;

  bool is_whole_ring() {
    if (arcs_.empty()) return false;
    std::sort(arcs_.begin(), arcs_.end(),
              [](const Count& a, const Count& b) { return a.arc.end < b.arc.end; });
    Position end = arcs_.back().arc.end;
    for (const Count& each : arcs_) {
      if (each.arc.begin != end) return false;
      end = each.arc.end;
    }
    return true;
  }
  std::uint64_t keys() const {
    std::uint64_t keys = 0;
    for (const Count& each : arcs_) keys += each.keys;
    return keys;
  }

  std::set<PeerRef> met_;
  std::vector<PeerRef> known_;
  std::vector<Count> arcs_;
  int rounds_ = 0;
};

// How many copies beside the primary's each acknowledged write has: what is left of a majority. Of
// the arcs that are not this peer's it is known only how many copies they can have.
std::int64_t copies_guaranteed(const ReportReply& report) {
  std::size_t members = std::min<std::size_t>(report.ring.replicas, report.known.size() + 1);
  for (const ArcReport& each : report.arcs) {
    members = std::min<std::size_t>(members, each.view.members.size());
  }
  return static_cast<std::int64_t>(members / 2);
}

}  // namespace

namespace begin {

void cluster(Turn& turn) {
  const std::string_view what = turn.arguments[1];
  const std::size_t words = turn.arguments.size();
  const auto is = [&](std::string_view word) { return is_same_word(what, word); };
  if (is("keyslot") || is("countkeysinslot")) {
    if (words != 3) return turn.wrong_arity(what);
    return is("keyslot") ? turn.reply.integer(slot_of(turn.arguments[2])) : count_in_slot(turn);
  }
  const ReportAnswer answer = is("info")     ? tell_info
                              : is("slots")  ? tell_slots
                              : is("shards") ? tell_shards
                              : is("nodes")  ? tell_nodes
                                             : nullptr;
  if (answer == nullptr && !is("myid")) return turn.unknown_subcommand();
  if (words != 2) return turn.wrong_arity(what);
  answer == nullptr ? turn.reply.bulk(node_id(turn.self)) : turn.ask_report(answer);
}

void dbsize(Turn& turn) {
  turn.many.emplace_back(AskReport{});
  turn.task = std::make_unique<CountKeys>();
}

// What has been answered has the copies that it will have: nothing is to be waited for.
void wait(Turn& turn) {
  std::int64_t wanted = 0;
  std::int64_t timeout = 0;
  if (!parse_integer(turn.arguments[1], wanted)) return turn.not_an_integer();
  if (!parse_integer(turn.arguments[2], timeout)) {
    return turn.reply.error("ERR timeout is not an integer or out of range");
  }
  if (timeout < 0) return turn.reply.error("ERR timeout is negative");
  turn.ask_report(
      [](Turn& then, const ReportReply& report) { then.reply.integer(copies_guaranteed(report)); });
}

// Of READONLY, READWRITE and ASKING: which peer answers makes no difference.
void ok(Turn& turn) { turn.reply.ok(); }

}  // namespace begin

}  // namespace hopring::resp
