#pragma once

// Random messages of every kind, for tests of the codec. RandomArchive "reads" a message through
// its own serialize(), so that a new member is filled, and tested, without a word here.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/count.hpp"
#include "base/rng.hpp"
#include "peer/wire/archive_types.hpp"
#include "peer/wire/bounds.hpp"
#include "peer/wire/kinds.hpp"
#include "peer/wire/messages.hpp"
#include "peer/wire/wire_traits.hpp"

namespace hopring {

class RandomArchive {
 public:
  using is_loading = std::true_type;
  explicit RandomArchive(Rng& rng) : rng_(rng) {}

  template <class T>
  RandomArchive& operator&(T& value) {
    fill(value);
    return *this;
  }

 private:
  static constexpr std::uint64_t elements_max = closer_sent_max;  // no list has a lower bound
  static constexpr std::uint64_t string_bytes_max = 300;  // a length of two bytes, sometimes

  void fill(bool& value) { value = rng_.chance(1, 2); }

  template <wire::Number T>
  void fill(T& value) {
    value = static_cast<T>(rng_.next() >> rng_.below(64));
  }

  template <wire::Enum T>
  void fill(T& value) {
    using Range = WireEnumRange<T>;
    const std::uint64_t count = Range::highest - Range::lowest + 1u;
    value = static_cast<T>(Range::lowest + rng_.below(count));
  }

  void fill(std::string& value) {
    value.resize(rng_.chance(1, 8) ? rng_.below(string_bytes_max) : rng_.below(12));
    for (char& byte : value) byte = static_cast<char>(rng_.next());
  }

  template <class T, std::size_t size>
  void fill(std::array<T, size>& values) {
    for (T& value : values) fill(value);
  }

  template <class T>
  void fill(std::vector<T>& values) {
    values.resize(rng_.below(elements_max + 1));
    for (T& value : values) fill(value);
  }

  template <class T>
  void fill(std::optional<T>& value) {
    value.reset();
    if (rng_.chance(1, 2)) fill(value.emplace());
  }

  template <class... Alternatives>
  void fill(std::variant<Alternatives...>& value) {
    wire::emplace_alternative(value, rng_.below(sizeof...(Alternatives)));
    std::visit([this](auto& alternative) { fill(alternative); }, value);
  }

  // What follows keeps the bounds of peer/wire/bounds.hpp where random bytes would not.
  void fill(View& view) {
    view.serialize(*this, 0);
    view.number.generation |= 1;
    keep_counts({&view.term});
  }

  void fill(ViewNumber& number) {
    number.serialize(*this, 0);
    keep_counts({&number.generation, &number.number});
  }

  void keep_counts(std::initializer_list<std::uint64_t*> numbers) {
    for (std::uint64_t* number : numbers) *number &= count_max - 1;
  }

  void fill(Members& members) {
    members.resize(1 + rng_.below(members_max));
    for (PeerRef& member : members) fill(member);
  }

  void fill(Roster& roster) {
    roster.voters.resize(1 + rng_.below(members_max));
    roster.incoming.resize(rng_.below(members_max + 1));
    for (Voter& voter : roster.voters) fill(voter);
    for (Voter& voter : roster.incoming) fill(voter);
  }

  void fill(Voter& voter) {
    voter.serialize(*this, 0);
    voter.admitted |= 1;
    keep_counts({&voter.admitted});
  }

  void fill(PeerRef& peer) {
    peer.serialize(*this, 0);
    peer.endpoint.port |= 1;
    peer.incarnation = rng_.next() | 1;
  }

  void fill(RingConfig& ring) {
    fill(ring.ring_id);
    fill(ring.hash_key.words);
    ring.nodes_per_peer = 1U << rng_.below(8);
    ring.replicas = static_cast<std::uint32_t>(1 + 2 * rng_.below(3));
    ring.value_bytes_max = rng_.below(std::uint64_t{1} << 30);
    ring.reads = rng_.chance(1, 2) ? Reads::lease : Reads::majority;
  }

  void fill(PeerLoad& load) {
    load.serialize(*this, 0);
    load.ring_parts >>= 32;
    load.copy_parts >>= 32;
    load.rooms.resize(rng_.below(rooms_sent_max + 1));
  }

  void fill(Value& value) {
    value.serialize(*this, 0);
    if (value.type == ValueType::integer || value.type == ValueType::floating) {
      value.bytes.resize(8);
    }
  }

  void fill(RememberedResult& remembered) {
    remembered.serialize(*this, 0);
    keep_counts({&remembered.index});
    std::optional<Value>& value = remembered.result.value;
    const std::size_t longest = window_value_bytes_max;
    if (value && value->bytes.size() > longest) value->bytes.resize(longest);
  }

  // The members that peer/wire/bounds.hpp holds to count_max.
  template <class T>
  void keep_counts_of(T& object) {
    if constexpr (requires { object.generation; }) keep_counts({&object.generation});
    if constexpr (requires { object.term; }) keep_counts({&object.term});
    if constexpr (requires { object.index; }) keep_counts({&object.index});
    if constexpr (requires { object.index_term; }) keep_counts({&object.index_term});
    if constexpr (requires { object.admitted; }) keep_counts({&object.admitted});
    if constexpr (requires { object.committed; }) keep_counts({&object.committed});
    if constexpr (requires { object.previous_index; }) keep_counts({&object.previous_index});
    if constexpr (requires { object.previous_term; }) keep_counts({&object.previous_term});
    if constexpr (requires { object.held_by_all; }) keep_counts({&object.held_by_all});
    if constexpr (requires { object.last_index; }) keep_counts({&object.last_index});
    if constexpr (requires { object.last_term; }) keep_counts({&object.last_term});
    if constexpr (requires { object.resigned_term; }) keep_counts({&object.resigned_term});
    if constexpr (requires { object.after; }) keep_counts({&object.after});
    if constexpr (requires { object.forgotten; }) keep_counts({&object.forgotten});
    if constexpr (std::is_same_v<T, Append>) keep_counts({&object.previous});
    if constexpr (std::is_same_v<T, HeartbeatAnswer>) keep_counts({&object.asked});
  }

  template <class T>
  void fill(T& object) {
    object.serialize(*this, 0);
    keep_counts_of(object);
    if constexpr (requires { object.key; }) object.key += 'k';
    if constexpr (std::is_same_v<T, BatchRequest>) {
      if (!object.stamps.empty()) object.stamps.resize(object.operations.size());
      if (!object.known.empty()) object.known.resize(object.operations.size());
    }
    if constexpr (std::is_same_v<T, BatchReply>) {
      if (!object.places.empty()) object.places.resize(object.answers.size());
    }
    if constexpr (std::is_same_v<T, Record>) object.expiry_ms &= 0xffffffff;
    if constexpr (requires { object.sent; }) object.sent &= 0xffffffff;
    if constexpr (std::is_same_v<T, Scan>) object.records_max = object.records_max % 1000 + 1;
    if constexpr (std::is_same_v<T, Repair>) object.generation = (object.generation >> 17) + 2;
    if constexpr (std::is_same_v<T, Hello>) {
      object.version_lowest = 0;
      if (object.role == Role::client) object.from = PeerRef{};
    }
  }

  Rng& rng_;
};

// A random message of alternative `index` of family `family`.
inline WireMessage random_message(Rng& rng, std::size_t family, std::size_t index) {
  WireMessage message;
  wire::emplace_alternative(message, family);
  RandomArchive archive(rng);
  std::visit(
      [&](auto& each) {
        wire::emplace_alternative(each, index);
        std::visit([&](auto& single) { archive& single; }, each);
      },
      message);
  return message;
}

// `count` random messages of each kind, in the order of the kinds: visitor(message).
template <class Visitor>
void for_random_messages(Rng& rng, unsigned count, Visitor visitor) {
  for (const MessageRow& row : message_rows) {
    std::size_t family = family_bases.size() - 1;
    while (row.kind < family_bases[family]) --family;
    const std::size_t index = row.kind - family_bases[family];
    for (unsigned i = 0; i < count; ++i) visitor(random_message(rng, family, index));
  }
}

}  // namespace hopring
