#pragma once

// What tests do with a table that its interface does not offer: break an invariant, and count the
// steps of a lookup.

#include <bit>
#include <cstdint>
#include <string_view>

#include "storage/table/hopscotch_table.hpp"

namespace hopring {

struct TableInsides {
  static void set_has_spilled(HopscotchTable& table, std::uint64_t position, bool has_spilled) {
    table.set_has_spilled(table.directory_.segment_of(position), has_spilled);
  }

  // Buckets looked at, and records whose keys are compared, by a find() of the key: the way of
  // Segment::find(), and a binary search where that goes on into the spill.
  static std::uint64_t steps_of_find(const HopscotchTable& table, std::uint64_t position,
                                     std::string_view key) {
    const Segment::Start start = table.directory_.start_of(position);
    if (start.piece == nullptr) return steps_of_spill(table, start);
    if (SlotArray::candidates_at_home(start) == 0 &&
        SlotArray::are_all(start, SlotArray::candidates_beside(start))) {
      return 2 + steps_of_spill(table, start);
    }
    const auto hops = static_cast<unsigned>(start.bucket(start.home).hops >> 2);
    std::uint64_t compared = 0;
    const auto has = [&](Reference reference) {
      ++compared;
      return has_key(RecordStore::at(start.leads(), reference), key);
    };
    const auto slot = SlotArray::find_further(start, SlotArray::candidates(start), has);
    const std::uint64_t buckets = 2 + static_cast<std::uint64_t>(std::popcount(hops));
    const bool is_found = slot != SlotArray::no_slot;
    return buckets + compared + (is_found ? 0 : steps_of_spill(table, start));
  }

 private:
  static std::uint64_t steps_of_spill(const HopscotchTable& table, const Segment::Start& start) {
    if (!start.has_spilled()) return 0;
    return static_cast<std::uint64_t>(std::bit_width(table.spilled()));
  }
};

}  // namespace hopring
