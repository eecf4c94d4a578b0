#include "storage/table/directory.hpp"

#include <algorithm>
#include <bit>
#include <iterator>
#include <new>
#include <utility>

#include "base/check.hpp"

namespace hopring {

namespace {

constexpr std::size_t slots_per_segment_min = 2;

// 2^n slots; n is at most what a position of the interval has bits.
unsigned guide_bits(const Interval& whole, std::size_t segments) {
  const std::size_t slots = std::bit_ceil(slots_per_segment_min * segments);
  return static_cast<unsigned>(std::min(std::bit_width(slots) - 1, std::bit_width(whole.extent)));
}

unsigned shift_to_slot(const Interval& whole, std::size_t segments) {
  return static_cast<unsigned>(std::bit_width(whole.extent)) - guide_bits(whole, segments);
}

}  // namespace

Directory::Directory(Interval whole, std::size_t segments)
    : whole_(whole),
      shift_(shift_to_slot(whole, segments)),
      guide_(std::size_t{1} << guide_bits(whole, segments)),
      direct_(guide_.size()) {
  segments_.reserve(segments);
}

Directory::Directory(Interval whole, Segments&& segments) : Directory(whole, segments.size()) {
  segments_ = std::move(segments);
  write_guide(whole_);
}

// The last one whose first position is not after it.
std::size_t Directory::index_of(std::uint64_t position) const noexcept {
  const std::uint64_t wanted = position - whole_.first;
  std::size_t low = 0;
  for (std::size_t count = segments_.size(); count > 1;) {
    const std::size_t half = count / 2;
    const bool is_upper = segments_[low + half]->interval().first - whole_.first <= wanted;
    low = is_upper ? low + half : low;
    count -= half;
  }
  return low;
}

void Directory::reserve(std::size_t more) {
  if (segments_.size() + more <= segments_.capacity()) return;
  segments_.reserve(segments_.size() * 5 / 4 + more);
}

void Directory::replace(std::size_t index, std::size_t count, Segments&& fresh) noexcept {
  const Interval changed{fresh.front()->interval().first,
                         fresh.back()->interval().last() - fresh.front()->interval().first};
  const auto at = segments_.begin() + static_cast<std::ptrdiff_t>(index);
  const std::size_t kept = std::min(count, fresh.size());
  const auto rest = fresh.begin() + static_cast<std::ptrdiff_t>(kept);
  const auto behind = std::move(fresh.begin(), rest, at);
  segments_.erase(behind, at + static_cast<std::ptrdiff_t>(count));
  segments_.insert(at + static_cast<std::ptrdiff_t>(kept), std::make_move_iterator(rest),
                   std::make_move_iterator(fresh.end()));
  write_guide(changed);
  fit_guide();
}

// Without memory it stays as it is: more slots are searched. What names a segment names it still,
// so that no segment is looked at: they are many, and lie scattered.
void Directory::fit_guide() noexcept {
  const unsigned bits = guide_bits(whole_, segments_.size());
  if (guide_.size() >> bits != 0) return;
  std::vector<Segment*> guide;
  std::vector<std::uint64_t> direct;
  try {
    guide.resize(std::size_t{1} << bits);
    direct.resize(guide.size());
  } catch (const std::bad_alloc&) {
    return;
  }
  guide_.swap(guide);
  direct_.swap(direct);
  const unsigned coarser = std::exchange(shift_, shift_to_slot(whole_, segments_.size()));
  const std::size_t finer = std::size_t{1} << (coarser - shift_);
  for (std::size_t slot = 0; slot <= whole_.extent >> coarser; ++slot) {
    if (guide[slot] != nullptr) {
      std::fill_n(&guide_[slot * finer], finer, guide[slot]);
      std::fill_n(&direct_[slot * finer], finer, direct[slot]);
    } else {
      const std::uint64_t begin = std::uint64_t{slot} << coarser;
      const std::uint64_t width = (std::uint64_t{1} << coarser) - 1;
      write_guide({whole_.first + begin, std::min(width, whole_.extent - begin)});
    }
  }
}

void Directory::write_guide(const Interval& changed) noexcept {
  const std::size_t first = (changed.first - whole_.first) >> shift_;
  const std::size_t last = (changed.last() - whole_.first) >> shift_;
  const std::uint64_t width = (std::uint64_t{1} << shift_) - 1;
  std::size_t index = index_of(whole_.first + (std::uint64_t{first} << shift_));
  const auto end_of = [&](std::size_t i) { return segments_[i]->interval().last() - whole_.first; };
  for (std::size_t slot = first; slot <= last; ++slot) {
    const std::uint64_t begin = std::uint64_t{slot} << shift_;
    const std::uint64_t end = begin + std::min(width, whole_.extent - begin);
    while (end_of(index) < begin) ++index;
    guide_[slot] = end <= end_of(index) ? segments_[index].get() : nullptr;
    direct_[slot] = guide_[slot] != nullptr ? guide_[slot]->direct() : 0;
  }
}

Directory Directory::split_off(std::size_t index, Interval left, Interval right) {
  Directory before(left, index);
  Directory after(right, segments_.size() - index);
  const auto at = segments_.begin() + static_cast<std::ptrdiff_t>(index);
  std::move(segments_.begin(), at, std::back_inserter(before.segments_));
  std::move(at, segments_.end(), std::back_inserter(after.segments_));
  before.write_guide(left);
  after.write_guide(right);
  *this = std::move(before);
  return after;
}

void Directory::audit() const {
  HOPRING_CHECK(!segments_.empty());
  std::uint64_t next = whole_.first;
  for (const auto& segment : segments_) {
    HOPRING_CHECK(segment->interval().first == next);
    next = segment->interval().last() + 1;
  }
  HOPRING_CHECK(next == whole_.last() + 1);
  for (std::size_t slot = 0; slot <= whole_.extent >> shift_; ++slot) {
    const std::uint64_t begin = std::uint64_t{slot} << shift_;
    const std::uint64_t end =
        begin + std::min((std::uint64_t{1} << shift_) - 1, whole_.extent - begin);
    const std::size_t index = index_of(whole_.first + begin);
    const bool is_one = index == index_of(whole_.first + end);
    HOPRING_CHECK(guide_[slot] == (is_one ? segments_[index].get() : nullptr));
    HOPRING_CHECK(direct_[slot] == (is_one ? segments_[index]->direct() : 0));
  }
}

}  // namespace hopring
