#pragma once

// The segments of a table in the order of their intervals, and the way from a position to the one
// that holds it.
//
// The guide divides the range into slots of equal width, at least two for each segment. A slot that
// lies in one segment names it; the few that do not, because a cut lies within them, are searched.
// Cuts fall on round positions (cut_point()), so where arcs begin and end at round ones no slot is
// searched once slots are as narrow as segments.
//
//   guide     | A | A | A | A | B | B | ? | C | C | C | D | D |
//   segments  |       A       |     B    |     C      |   D   |
//
// Beside each name stands the word that leads to the segment's slots without a look at the segment
// (Segment::direct()), for those that have one: a lookup reads no more than this word.
//
// Not thread-safe. Invariants (audit() checks them):
//   (1) there is at least one segment; the intervals tile the range.
//   (2) what a slot of the guide names holds all of the slot's positions.
//   (3) the words are those of the segments named, once their owner has told of changes.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "storage/table/interval.hpp"
#include "storage/table/segment.hpp"

namespace hopring {

class Directory {
 public:
  using Segments = std::vector<std::unique_ptr<Segment>>;

  // REQUIRES: the segments tile `whole`, clockwise. Throws std::bad_alloc.
  Directory(Interval whole, Segments&& segments);

  // REQUIRES of the calls with a position: it is in the range.
  Segment& segment_of(std::uint64_t position) const noexcept {
    Segment* const named = guide_[guide_slot(position)];
    return named != nullptr ? *named : *segments_[index_of(position)];
  }
  Segment::Start start_of(std::uint64_t position) const noexcept {
    const std::uint64_t direct = direct_[guide_slot(position)];
    if (direct == 0) [[unlikely]]
      return segment_of(position).start(position);
    return Segment::start_by(direct, position);
  }
  std::size_t index_of(std::uint64_t position) const noexcept;

  std::size_t size() const noexcept { return segments_.size(); }
  Segment& operator[](std::size_t index) const noexcept { return *segments_[index]; }
  const Segments& segments() const noexcept { return segments_; }
  std::size_t resident_bytes() const noexcept {
    return segments_.capacity() * sizeof(Segments::value_type) + guide_.capacity() * sizeof(void*) +
           direct_.capacity() * sizeof(std::uint64_t);
  }

  // Room for `more` segments: replace() cannot fail then. Throws std::bad_alloc.
  void reserve(std::size_t more);
  // The word of a segment has changed.
  void on_change(const Segment& segment) noexcept { write_guide(segment.interval()); }
  // Puts `fresh` in the place of `count` segments. REQUIRES: they tile the same positions, and
  // there is room.
  void replace(std::size_t index, std::size_t count, Segments&& fresh) noexcept;

  // Cuts the range: keeps the segments before `index`, which tile `left`; the others, which tile
  // `right`, are the directory that is returned. REQUIRES: both have segments. Throws
  // std::bad_alloc, and nothing changed.
  Directory split_off(std::size_t index, Interval left, Interval right);

  void audit() const;

 private:
  Directory(Interval whole, std::size_t segments);

  std::size_t guide_slot(std::uint64_t position) const noexcept {
    return static_cast<std::size_t>((position - whole_.first) >> shift_);
  }
  void fit_guide() noexcept;
  void write_guide(const Interval& changed) noexcept;

  Interval whole_;
  unsigned shift_ = 0;  // from a position's distance from whole_.first to its slot
  Segments segments_;
  std::vector<Segment*> guide_;        // nullptr: search
  std::vector<std::uint64_t> direct_;  // 0: ask the segment
};

}  // namespace hopring
