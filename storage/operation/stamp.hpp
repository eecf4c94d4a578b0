#pragma once

// What tells a write that comes again from a new one, and what a client must know of an arc for it.

#include <cstdint>

#include "routing/arc.hpp"

namespace hopring {

// Names one write of one client. It keeps its stamp as long as it may have happened; one that is
// known not to have happened is stamped anew.
struct Stamp {
  std::uint64_t client = 0;    // drawn at random
  std::uint64_t sequence = 0;  // never twice by one client
  // Of the arc, as far as the client knew it when it sent the write first: it cannot have been
  // executed by an entry up to `index`, nor in another order (order_of() in routing/view.hpp).
  // Order 0 is none: nobody executes it, and the answer (stale_stamp) tells how far the arc has
  // come.
  std::uint64_t order = 0;
  std::uint64_t index = 0;
  bool is_again = false;  // it has been sent before, and may have been taken

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& client& sequence& order& index& is_again;
  }
  friend bool operator==(const Stamp&, const Stamp&) = default;
};

// How far an arc's order had come: what is stamped with it is younger than that.
struct ArcMark {
  Arc arc;
  std::uint64_t order = 0;
  std::uint64_t index = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& arc& order& index;
  }
  friend bool operator==(const ArcMark&, const ArcMark&) = default;
};

}  // namespace hopring
