#include "storage/table/page_arena.hpp"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "base/check.hpp"

namespace hopring {

namespace {
constexpr std::align_val_t page_alignment{PageArena::page_bytes};
constexpr std::size_t nowhere = ~std::size_t{0};

constexpr std::size_t whole_pages(std::size_t bytes) {
  return (bytes + PageArena::page_bytes - 1) / PageArena::page_bytes * PageArena::page_bytes;
}
}  // namespace

PageArena::PageArena(PageSource source) : source_(source) { lists_.fill(no_region); }

PageArena::~PageArena() {
  HOPRING_CHECK(lent_bytes_ == 0);
  while (lists_[free_list] != no_region) drop_region(lists_[free_list], region_bytes);
}

// Where a region turns out to have no such run, it says so from then on.
PageArena::Place PageArena::place_for(std::size_t bytes) noexcept {
  if (is_alone(bytes)) return {no_region, 0, whole_pages(bytes), 0};
  const unsigned units = units_of(bytes);
  while (true) {
    const std::uint32_t region = region_with_run(units);
    if (region == no_region) {
      return {no_region, 0, whole_pages(bytes), units_per_region - units};
    }
    Place place = best_place(*regions_[region].free, units);
    if (place.fresh_bytes != nowhere) {
      place.region = region;
      place.longest = std::min<unsigned>(place.longest, regions_[region].longest);
      return place;
    }
    set_longest(region, units - 1);
  }
}

PageArena::Taken PageArena::take(const Place& place, std::size_t bytes) noexcept {
  Taken taken{nullptr, place.region};
  if (is_alone(bytes)) {
    taken = take_region(whole_pages(bytes), false);
    if (taken.data == nullptr) return taken;
    alone_bytes_ += whole_pages(bytes);
  } else {
    if (place.region == no_region) taken = take_region(region_bytes, true);
    if (taken.region == no_region) return taken;
    Region& region = regions_[taken.region];
    taken.data = region.data + place.first * unit_bytes;
    set(*region.free, {place.first, units_of(bytes)}, false);
    set_longest(taken.region, place.longest);
  }
  lent_bytes_ += cost_of(bytes);
  resident_bytes_ += place.fresh_bytes;
  return taken;
}

void PageArena::give_back(const Taken& piece, std::size_t bytes) noexcept {
  lent_bytes_ -= cost_of(bytes);
  Region& region = regions_[piece.region];
  if (region.free == nullptr) {
    alone_bytes_ -= whole_pages(bytes);
    resident_bytes_ -= whole_pages(bytes);
    return drop_region(piece.region, whole_pages(bytes));
  }
  const Run run = run_of(region, piece, bytes);
  set(*region.free, run, true);
  discard_free_pages(region, run);
  const unsigned merged =
      end_of_run(*region.free, run.first) - begin_of_run(*region.free, run.first);
  set_longest(piece.region, std::max<unsigned>(region.longest, merged));
  if (region.list != free_list || region.next == no_region) return;
  drop_region(piece.region, region_bytes);
}

std::size_t PageArena::bytes_kept_by(const Taken& piece, std::size_t bytes) const noexcept {
  const Region& region = regions_[piece.region];
  if (region.free == nullptr) return whole_pages(bytes);
  return own_pages(*region.free, run_of(region, piece, bytes)).count * page_bytes;
}

// Regions.

unsigned PageArena::list_of(unsigned longest) noexcept {
  if (longest <= runs_listed) return longest;
  if (longest == units_per_region) return free_list;
  const auto width = static_cast<unsigned>(std::bit_width(longest));  // 7 and more
  return runs_listed + 1 + (width - 7) * 4 + ((longest >> (width - 3)) & 3);
}

// Of the shortest such run, roughly; no_region if there is none.
std::uint32_t PageArena::region_with_run(unsigned units) const noexcept {
  int looks = 0;
  for (unsigned list = list_of(units); list <= free_list; ++list) {
    for (std::uint32_t i = lists_[list]; i != no_region; i = regions_[i].next) {
      if (regions_[i].longest >= units) return i;
      if (++looks == looks_max) break;
    }
  }
  return no_region;
}

// A new one, all of it taken by one piece or wholly free. Its region is no_region if the system
// refuses.
PageArena::Taken PageArena::take_region(std::size_t bytes, bool is_shared) noexcept {
  constexpr Taken refused{nullptr, no_region};
  std::unique_ptr<Free> free(is_shared ? new (std::nothrow) Free : nullptr);
  if ((is_shared && free == nullptr) || !make_vacant()) return refused;
  void* const data = take_pages(bytes);
  if (data == nullptr) return refused;
  const std::uint32_t index = lists_[vacant_list];
  unlink(index);
  Region& region = regions_[index];
  region.data = static_cast<std::byte*>(data);
  region.longest = is_shared ? units_per_region : 0;
  region.free = std::move(free);
  if (is_shared) region.free->fill(~std::uint64_t{0});
  link(index, list_of(region.longest));
  return {region.data, index};
}

// Is there an entry of regions_ without a region, be it a new one?
bool PageArena::make_vacant() noexcept {
  if (lists_[vacant_list] != no_region) return true;
  if (regions_.size() == regions_max) return false;
  try {
    regions_.emplace_back();
  } catch (const std::bad_alloc&) {
    return false;
  }
  link(static_cast<std::uint32_t>(regions_.size() - 1), vacant_list);
  return true;
}

// REQUIRES: nothing of it is lent.
void PageArena::drop_region(std::uint32_t index, std::size_t bytes) noexcept {
  Region& region = regions_[index];
  unlink(index);
  give_pages_back(region.data, bytes);
  region.data = nullptr;
  region.free.reset();
  region.longest = 0;
  link(index, vacant_list);
}

void PageArena::set_longest(std::uint32_t index, unsigned longest) noexcept {
  Region& region = regions_[index];
  region.longest = static_cast<std::uint16_t>(longest);
  const unsigned list = list_of(longest);
  if (list == region.list) return;
  unlink(index);
  link(index, list);
}

void PageArena::link(std::uint32_t index, unsigned list) noexcept {
  Region& region = regions_[index];
  region.list = static_cast<std::uint8_t>(list);
  region.previous = no_region;
  region.next = lists_[list];
  if (region.next != no_region) regions_[region.next].previous = index;
  lists_[list] = index;
}

void PageArena::unlink(std::uint32_t index) noexcept {
  const Region& region = regions_[index];
  if (region.next != no_region) regions_[region.next].previous = region.previous;
  if (region.previous != no_region) {
    regions_[region.previous].next = region.next;
  } else {
    lists_[region.list] = region.next;
  }
}

// Pages.

void* PageArena::take_pages(std::size_t bytes) noexcept {
  if (source_.take != nullptr) return source_.take(source_.context, bytes);
  return ::operator new(bytes, page_alignment, std::nothrow);
}

void PageArena::give_pages_back(void* data, std::size_t bytes) noexcept {
  if (source_.give_back != nullptr) return source_.give_back(source_.context, data, bytes);
  ::operator delete(data, page_alignment);
}

// Gives up the pages of a run that is free now where nothing else of them is lent.
void PageArena::discard_free_pages(const Region& region, Run run) noexcept {
  const Run pages = own_pages(*region.free, run);
  if (pages.count == 0) return;
  resident_bytes_ -= pages.count * page_bytes;
  if (source_.discard == nullptr) return;
  source_.discard(source_.context, region.data + pages.first * page_bytes,
                  pages.count * page_bytes);
}

// The pages that a run touches and nothing else that is lent does.
PageArena::Run PageArena::own_pages(const Free& free, Run run) noexcept {
  unsigned first = run.first / units_per_page;
  unsigned end = (run.end() + units_per_page - 1) / units_per_page;
  const unsigned before = first * units_per_page;
  const unsigned behind = end * units_per_page - run.end();
  if (!are_free(free, {before, run.first - before})) ++first;
  if (first < end && !are_free(free, {run.end(), behind})) --end;
  return {first, end - first};
}

// Units.

PageArena::Run PageArena::run_of(const Region& region, const Taken& piece,
                                 std::size_t bytes) noexcept {
  const auto offset = static_cast<std::size_t>(piece.data - region.data);
  return {static_cast<unsigned>(offset / unit_bytes), units_of(bytes)};
}

// REQUIRES: all in one page.
bool PageArena::are_free(const Free& free, Run run) noexcept {
  static_assert(bits % units_per_page == 0, "a page is part of one word");
  if (run.count == 0) return true;
  const std::uint64_t mask = ~std::uint64_t{0} >> (bits - run.count);
  return (free[run.first / bits] >> run.first % bits & mask) == mask;
}

void PageArena::set(Free& free, Run run, bool is_free) noexcept {
  for (unsigned at = run.first; at < run.end();) {
    const unsigned count = std::min(run.end() - at, bits - at % bits);
    const std::uint64_t mask = ~std::uint64_t{0} >> (bits - count) << at % bits;
    is_free ? free[at / bits] |= mask : free[at / bits] &= ~mask;
    at += count;
  }
}

// REQUIRES: unit `at` is free.
unsigned PageArena::begin_of_run(const Free& free, unsigned at) noexcept {
  while (at > 0) {
    const unsigned below = (at - 1) % bits;
    const auto count =
        static_cast<unsigned>(std::countl_one(free[(at - 1) / bits] << (bits - 1 - below)));
    at -= std::min(count, below + 1);
    if (count <= below) break;
  }
  return at;
}

// REQUIRES: unit `at` is free.
unsigned PageArena::end_of_run(const Free& free, unsigned at) noexcept {
  while (at < units_per_region) {
    const auto count = static_cast<unsigned>(std::countr_one(free[at / bits] >> at % bits));
    at += count;
    if (at % bits != 0 || count == 0) break;
  }
  return at;
}

// The next one from there on; of no units if there is none.
PageArena::Run PageArena::next_run(const Free& free, unsigned from) noexcept {
  while (from < units_per_region) {
    const std::uint64_t rest = free[from / bits] >> from % bits;
    if (rest != 0) {
      const unsigned first = from + static_cast<unsigned>(std::countr_zero(rest));
      return {first, end_of_run(free, first) - first};
    }
    from = (from / bits + 1) * bits;
  }
  return {};
}

// Bit i <=> a run of `units` free ones starts at unit i. REQUIRES: units are not alone.
PageArena::Free PageArena::starts_of_runs(const Free& free, unsigned units) noexcept {
  constexpr std::size_t words_max = units_per_region / 4 / bits;  // by which a step looks ahead
  std::array<std::uint64_t, std::tuple_size_v<Free> + words_max + 1> starts;
  std::fill(std::copy(free.begin(), free.end(), starts.begin()), starts.end(), 0);
  for (unsigned length = 1; length < units;) {
    const unsigned step = std::min(length, units - length);
    const std::uint64_t* const ahead = starts.data() + step / bits;
    if (const unsigned shift = step % bits; shift == 0) {
      for (std::size_t i = 0; i < free.size(); ++i) starts[i] &= ahead[i];
    } else {
      for (std::size_t i = 0; i < free.size(); ++i) {
        starts[i] &= ahead[i] >> shift | ahead[i + 1] << (bits - shift);
      }
    }
    length += step;
  }
  Free found;
  std::copy_n(starts.begin(), found.size(), found.begin());
  return found;
}

// At one end of the run where that makes the fewest pages resident, of several the shortest.
// Its fresh_bytes are `nowhere` if no run is long enough.
PageArena::Place PageArena::best_place(const Free& free, unsigned units) noexcept {
  const Free starts = starts_of_runs(free, units);
  Place best{no_region, 0, nowhere, 0};
  unsigned taken = 0;  // length of the run of `best`
  unsigned longest = 0;
  unsigned second = 0;
  for (Run run = next_run(starts, 0); run.count > 0; run = next_run(starts, run.end())) {
    const unsigned length = run.count + units - 1;
    second = std::max(second, std::min(longest, length));
    longest = std::max(longest, length);
    for (const unsigned first : {run.first, run.end() - 1}) {
      const std::size_t fresh = own_pages(free, {first, units}).count * page_bytes;
      if (fresh > best.fresh_bytes || (fresh == best.fresh_bytes && length >= taken)) continue;
      best = {no_region, first, fresh, 0};
      taken = length;
    }
  }
  const unsigned left = taken == longest ? std::max(second, taken - units) : longest;
  best.longest = std::max(left, units - 1);  // shorter runs have not been looked at
  return best;
}

void PageArena::audit() const {
  std::size_t resident = alone_bytes_;
  std::size_t lent = alone_bytes_;
  std::size_t wholly_free = 0;
  std::vector<bool> seen(regions_.size());
  for (unsigned list = 0; list < lists_.size(); ++list) {
    for (std::uint32_t i = lists_[list]; i != no_region; i = regions_[i].next) {
      const Region& region = regions_[i];
      HOPRING_CHECK(region.list == list && !seen[i]);
      seen[i] = true;
      HOPRING_CHECK((list == vacant_list) == (region.data == nullptr));
      if (region.free == nullptr) continue;
      for (Run run = next_run(*region.free, 0); run.count > 0;
           run = next_run(*region.free, run.end())) {
        HOPRING_CHECK(run.count <= region.longest);
      }
      HOPRING_CHECK(list == list_of(region.longest));
      HOPRING_CHECK((list == free_list) == (end_of_run(*region.free, 0) == units_per_region));
      wholly_free += list == free_list ? 1 : 0;
      for (const std::uint64_t word : *region.free) {
        lent += (bits - static_cast<unsigned>(std::popcount(word))) * unit_bytes;
      }
      for (unsigned page = 0; page < units_per_region / units_per_page; ++page) {
        const Run units{page * units_per_page, units_per_page};
        resident += are_free(*region.free, units) ? 0 : page_bytes;
      }
    }
  }
  HOPRING_CHECK(std::find(seen.begin(), seen.end(), false) == seen.end());
  HOPRING_CHECK(wholly_free <= 1);
  HOPRING_CHECK(resident == resident_bytes_ && lent == lent_bytes_);
}

}  // namespace hopring
