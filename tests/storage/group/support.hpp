#pragma once

// What the tests of groups share: peers, times, hosts, and an operation's result in one line.

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "routing/ring_config.hpp"
#include "storage/group/group_host.hpp"
#include "tests/support/seeds.hpp"

namespace hopring {

using namespace std::chrono_literals;

inline std::ostream& operator<<(std::ostream& os, const View& view) {
  return os << to_string(view);
}

inline PeerRef peer(std::uint16_t n) { return {ipv4_endpoint(0x7f000001, n), n}; }

inline constexpr HashKey test_hash_key{{11, 22}};
inline const KeyedHash test_hash{test_hash_key};
inline constexpr std::int64_t test_epoch_ms = 1'700'000'000'000;

inline Now at(Duration since_start) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since_start).count();
  return {Time{since_start}, WallTime{test_epoch_ms + ms}};
}

inline View view_of(const PeerRef& peer, const Arc& arc, std::uint64_t number = 1) {
  return {arc, ViewNumber{1, 0, number}, 0, {peer}};
}

inline Arc whole_ring() { return equal_arc(0, 1); }

inline Put put_string(std::string key, std::string value) {
  return Put{std::move(key), Value{ValueType::string, std::move(value)}, Expiry{}};
}

// All effects of one kind, taken out of their order.
template <class Kind>
std::vector<Kind> all_of(const GroupOutbox& out) {
  std::vector<Kind> found;
  for (const GroupEffect& effect : out) {
    if (const auto* each = std::get_if<Kind>(&effect)) found.push_back(*each);
  }
  return found;
}

// The messages of one kind among what is to be sent.
template <class Message>
std::vector<Message> sent(const GroupOutbox& out) {
  std::vector<Message> found;
  for (const SendGroup& send : all_of<SendGroup>(out)) {
    if (const auto* message = std::get_if<Message>(&send.message)) found.push_back(*message);
  }
  return found;
}

// What the host answers of this key here and now; nullopt: it does not.
template <class Host>
std::optional<OpResult> try_read(Host& host, Now now, const std::string& key) {
  struct Sink final : ReadSink {
    void on_outcome(Outcome outcome) override { sink.on_outcome(outcome); }
    void on_value(Outcome outcome, ValueType type, std::string_view bytes,
                  std::int64_t expiry_ms) override {
      sink.on_value(outcome, type, bytes, expiry_ms);
    }
    void on_error(OpError error) override { sink.on_error(error); }
    bool takes_more() const override { return true; }
    OpResultSink sink;
  };
  Sink sink;
  const std::string_view keys[] = {key};
  if (host.try_read(now, keys, sink) == 0) return std::nullopt;
  return sink.sink.result;
}

// A host whose clock the test moves.
struct TestHost {
  explicit TestHost(std::uint16_t n, GroupOptions options = {})
      : self(peer(n)), host(self, test_hash_key, options, Rng(n)) {}

  // nullopt: not mine.
  std::optional<OpResult> execute(const Operation& operation) {
    const auto* const read = std::get_if<Get>(&operation);
    const auto at_once = read != nullptr ? try_read(host, now, read->key) : std::nullopt;
    OpResultSink sink;
    const bool is_mine = host.execute(now, operation, sink, out) != nullptr;
    BOOST_TEST((!at_once || (is_mine && *at_once == sink.result)));  // two ways, one answer
    if (!is_mine) return std::nullopt;
    return sink.result;
  }

  std::optional<std::string> get(const std::string& key) {
    const auto result = execute(Get{key});
    if (!result || !result->value) return std::nullopt;
    return result->value->bytes;
  }

  void receive(const PeerRef& from, GroupMessage message) {
    host.on_message(now, from, std::move(message), out);
  }

  PeerRef self;
  GroupHost host;
  Now now = at(0ms);
  GroupOutbox out;
};

}  // namespace hopring
