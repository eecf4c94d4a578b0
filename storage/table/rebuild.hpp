#pragma once

// Copies the records of neighbouring segments into fresh ones: how segments are cut, merged and
// compacted. The sources stay as they are until commit(), so a rebuild that runs out of memory is
// simply dropped. Records lie in the order of their slots afterwards; those with extents of their
// own are handed over, not copied.
//
// Bounded: the sources hold at most Segment::records_max records together. So its notes are a part
// of it, 30 KiB on the stack and 15 more while it places copies, and not an allocation whose pages
// would be new at times.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "storage/table/segment.hpp"

namespace hopring {

class Rebuild {
 public:
  // Segments that have been made ahead, to be built first; nullptr where there is none.
  using Ahead = std::array<std::unique_ptr<Segment>, 2>;

  Rebuild(BlockPool& pool, PositionOf position_of, Ahead& ahead)
      : pool_(pool), position_of_(position_of), ahead_(ahead) {}
  ~Rebuild();
  Rebuild(const Rebuild&) = delete;
  Rebuild& operator=(const Rebuild&) = delete;

  // Adds a source. REQUIRES: with the others it holds at most records_max. Throws std::bad_alloc.
  void take(Segment& source);

  // Builds the next fresh segment from the records in `interval`. False if the pool refuses.
  // REQUIRES: all sources have been taken. Throws std::bad_alloc.
  [[nodiscard]] bool build(Interval interval);

  std::size_t moved_records() const noexcept { return count_; }
  std::size_t copied_bytes() const noexcept { return copied_bytes_; }

  // Records for which the fresh segments have no slot: too many positions are equal. They belong
  // to the sources until commit().
  const std::vector<RecordView>& homeless() const noexcept { return homeless_; }

  // The fresh segments, to stand in the place of the sources, which are left fit for destruction.
  std::vector<std::unique_ptr<Segment>> commit() noexcept;

 private:
  struct Move {
    std::uint64_t position;
    Segment* source;
    const std::byte* encoded;
    Segment::SlotId slot;
    std::uint32_t bytes;
  };

  // A copy without a slot.
  struct Waiting {
    const Move* move;
    Reference reference;
  };

  std::span<const Move> moves() const noexcept { return std::span(moves_).first(count_); }
  static UseClock::Mark mark_of(const Move& move) noexcept {
    return move.source->slots_.mark(move.slot);
  }
  std::unique_ptr<Segment> fresh_segment(Interval interval);
  bool place(Interval interval, Segment& target);
  static void on_placed(const Move& move, Segment& target) noexcept;
  Reference copy(const Move& move, Segment& target);

  BlockPool& pool_;
  PositionOf position_of_;
  Ahead& ahead_;
  std::vector<Segment*> sources_;
  std::array<Move, Segment::records_max> moves_;
  std::size_t count_ = 0;   // of moves_
  std::size_t placed_ = 0;  // how many of them are in fresh_ or homeless_
  std::size_t copied_bytes_ = 0;
  std::vector<std::unique_ptr<Segment>> fresh_;
  std::vector<RecordView> homeless_;
};

}  // namespace hopring
