#pragma once

// The Chord node at an arc's end: the arc's view with its successor list, its fingers and its
// predecessor. It moves with the arc's primary. All of it but the view is a cache.
//
// Sans-IO. Thread rule: belongs to the peer's ring core.

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "routing/finger_table.hpp"
#include "routing/messages.hpp"
#include "routing/peer_health.hpp"
#include "routing/successor_list.hpp"

namespace hopring {

class ChordNode {
 public:
  ChordNode(View view, Time now) : view_(std::move(view)), noticed_at_(now) {}

  const View& view() const noexcept { return view_; }
  const Arc& arc() const noexcept { return view_.arc; }
  const SuccessorList& successors() const noexcept { return successors_; }
  const std::optional<View>& predecessor() const noexcept { return predecessor_; }
  FingerTable& fingers() noexcept { return fingers_; }
  const FingerTable& fingers() const noexcept { return fingers_; }

  // The arc was split or its view changed. REQUIRES: the same end.
  void set_view(const View& view);

  // The position whose owner is this node's successor.
  Position successor_position() const noexcept { return advance(view_.arc.end, 1); }

  // Has somebody who answers the question "whose is successor_position()?" Returns whether the list
  // changed.
  bool on_successor(const PeerRef& self, const View& successor, std::span<const View> rest) {
    unfound_ = 0;
    return successors_.assign(view_.arc, self, successor, rest);
  }
  // A search for the successor has found nobody. Returns whether that has happened so often in turn
  // that it cannot be an arc that was just between two peers.
  bool on_successor_unfound() {
    ++unfound_;
    return is_successor_unfound();
  }
  bool is_successor_unfound() const noexcept { return unfound_ >= unfound_max; }
  static constexpr unsigned unfound_max = 2;

  // Chord's notify: `candidate` is the nearest before this arc that its primary knows. Taken unless
  // a nearer one, or a better one that ends there, is known that is not dead.
  void on_notify(Time now, const View& candidate, const PeerHealth& health);
  // Forgets a predecessor that has not been confirmed for `patience`. One that lives says so every
  // round; a view that is out of date would otherwise stand for ever against a claim that it seems
  // to precede (see beats()), and before an arc that is to be claimed.
  void expire_predecessor(Time now, Duration patience);
  // How long ago a node that ends where this arc begins last made itself known, counted from the
  // node's beginning, wherever it was.
  Duration unnoticed_for(Time now) const { return now - noticed_at_; }
  std::uint32_t unnoticed_ms(Time now) const;  // as it is sent

  // Whom to ask for the successor: the first entry's primary if it is reachable. nullopt: the list
  // is empty, or its first entry is silent.
  std::optional<PeerRef> successor_to_ask(const PeerHealth& health) const;

  // The entries before the first one that is not gone; all of them if all are.
  template <class IsGone>
  std::span<const View> gone_run(IsGone&& is_gone) const {
    const auto entries = successors_.entries();
    const auto end = std::find_if_not(entries.begin(), entries.end(), is_gone);
    return entries.first(static_cast<std::size_t>(end - entries.begin()));
  }

  bool adopt(const View& view) { return successors_.adopt(view); }

  // What the arc's next primary needs to route at once, and taking it.
  NodeHints hints(Time now) const;
  void take_hints(Time now, const PeerRef& self, const NodeHints& hints);

  void forget(const PeerRef& dead) { fingers_.forget(dead); }

 private:
  View view_;
  SuccessorList successors_;
  FingerTable fingers_;
  std::optional<View> predecessor_;
  Time confirmed_at_{};      // when the predecessor last made itself known
  Time noticed_at_;          // when anybody last did so that ends where this arc begins
  bool is_noticed_ = false;  // here, at this peer
  unsigned unfound_ = 0;
};

}  // namespace hopring
