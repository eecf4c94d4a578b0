#include "storage/table/slot_array.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

#include "base/rng.hpp"

using namespace hopring;

namespace {
constexpr Tag tag_max = 65535;

SlotArray::SlotId slot_of(const SlotArray& slots, Tag tag, Reference reference) {
  const SlotArray::Start start = slots.start(tag);
  return SlotArray::find_further(start, SlotArray::candidates(start),
                                 [&](Reference candidate) { return candidate == reference; });
}
}  // namespace

BOOST_AUTO_TEST_SUITE(slot_array)

// Goal: a segment of random positions can be filled to what Segment calls full.
// Method: 200 arrays of the largest size, each filled until an insertion fails.
BOOST_AUTO_TEST_CASE(random_tags_fill_nearly_all_slots) {
  BlockPool pool;
  Rng rng(1);
  double least = 1;
  for (int round = 0; round < 200; ++round) {
    SlotArray slots(pool);
    BOOST_REQUIRE(slots.allocate(79, tag_max));
    Reference next = 0;
    while (slots.insert(static_cast<Tag>(rng.below(65536)), next)) ++next;
    slots.audit();
    least = std::min(least, double(slots.size()) / slots.capacity());
  }
  BOOST_TEST(least > 15.0 / 16);
}

BOOST_AUTO_TEST_CASE(equal_tags_fill_the_neighbourhood_and_no_more) {
  BlockPool pool;
  SlotArray slots(pool);
  BOOST_REQUIRE(slots.allocate(79, tag_max));
  for (Reference i = 0; i < 192; ++i) BOOST_REQUIRE(slots.insert(65535, i));
  BOOST_TEST(!slots.insert(65535, 192));
  slots.audit();
  BOOST_TEST(slots.insert(700, 193));  // its home is full of others, which were there first
  for (Reference i = 0; i < 192; ++i) {
    BOOST_TEST(slot_of(slots, 65535, i) != SlotArray::no_slot);
  }
  slots.audit();
}

// Goal: an insertion far from free slots draws one near.
// Method: fill all homes evenly but one bucket at the far side, then insert at home 0.
BOOST_AUTO_TEST_CASE(displacement_brings_a_far_free_slot_near) {
  BlockPool pool;
  SlotArray slots(pool);
  BOOST_REQUIRE(slots.allocate(64, tag_max));
  std::vector<Tag> tags;
  for (std::uint32_t home = 0; home < 64; ++home) {
    for (std::uint32_t i = 0; i < (home == 40 ? 11u : 12u); ++i) {
      tags.push_back(static_cast<Tag>(home * 1024 + i));
      BOOST_REQUIRE(slots.insert(tags.back(), tags.back()));
    }
  }
  BOOST_TEST(slots.insert(100, 100));
  slots.audit();
  BOOST_TEST(slots.size() == slots.capacity());
  for (const Tag tag : tags) BOOST_TEST(slot_of(slots, tag, tag) != SlotArray::no_slot);
  BOOST_TEST(slot_of(slots, 100, 100) != SlotArray::no_slot);
  BOOST_TEST(!slots.insert(5, 5));
  slots.audit();
}

// Goal: no order of insertions and removals loses a record or leaves a bit behind.
BOOST_AUTO_TEST_CASE(random_changes_keep_the_invariants) {
  for (const std::uint32_t buckets : {1u, 3u, 16u, 17u, 40u}) {
    BlockPool pool({.block_bytes = 4096});
    Rng rng(buckets);
    SlotArray slots(pool);
    BOOST_REQUIRE(slots.allocate(buckets, 999));
    std::vector<std::pair<Tag, Reference>> model;
    for (Reference i = 0; i < 4000; ++i) {
      if (rng.chance(3, 5)) {
        const auto tag = static_cast<Tag>(rng.chance(1, 4) ? rng.below(30) : rng.below(1000));
        if (slots.insert(tag, i)) model.emplace_back(tag, i);
      } else if (!model.empty()) {
        std::swap(model[rng.below(model.size())], model.back());
        slots.erase(slot_of(slots, model.back().first, model.back().second));
        model.pop_back();
      }
      if (i % 16 == 0) slots.audit();
    }
    BOOST_TEST(slots.size() == model.size());
    for (const auto& [tag, reference] : model) {
      BOOST_TEST(slot_of(slots, tag, reference) != SlotArray::no_slot);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
