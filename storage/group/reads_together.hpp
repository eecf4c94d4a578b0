#pragma once

// What the hosts of a shard do with several keys at once, whatever their arcs are made of.

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "base/keyed_hash.hpp"
#include "storage/group/arc_records.hpp"

namespace hopring {

// `find`: Position -> const Each*, what holds the position here; nullptr: nothing does. An Each has
// records().
template <class Find>
void expect_each(const KeyedHash& hash, std::span<const std::string_view> keys, Find&& find) {
  ArcRecords::Expected expected;
  for (const std::string_view key : keys) {
    const Position position{hash(key)};
    if (const auto* const holder = find(position)) expected.add(holder->records(), position);
  }
  expected.ask();
}

// As GroupHost::try_read(). `find`: Position -> Each*; an Each has try_read() and view(), too.
template <class Find>
std::size_t try_read_each(Now now, const KeyedHash& hash, std::span<const std::string_view> keys,
                          ReadSink& sink, Find&& find) {
  using Holder = decltype(find(Position{}));
  std::array<std::pair<Holder, Position>, keys_expected_max> places;
  ArcRecords::Expected expected;
  std::size_t count = 0;
  const bool passes_over = sink.passes_over();
  for (const std::string_view key : keys) {
    const Position position{hash(key)};
    const Holder holder = is_key(key) ? find(position) : nullptr;
    if (holder != nullptr) {
      expected.add(holder->records(), position);
    } else if (!passes_over) {
      break;
    }
    places[count++] = {holder, position};
  }
  if (count > 1) expected.ask();
  for (std::size_t i = 0; i < count; ++i) {
    if (!sink.takes_more()) return i;
    const auto [holder, position] = places[i];
    if (holder != nullptr && holder->try_read(now, position, keys[i], sink)) {
      sink.on_view(holder->view());
    } else if (passes_over) {
      sink.on_passed_over(holder == nullptr && is_key(keys[i]));
    } else {
      return i;
    }
  }
  return count;
}

}  // namespace hopring
