#include "routing/chord_node.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace hopring {

void ChordNode::set_view(const View& view) {
  HOPRING_CHECK(view.arc.end == view_.arc.end);
  view_ = view;
  successors_.rebase(view_.arc);
}

void ChordNode::on_notify(Time now, const View& candidate, const PeerHealth& health) {
  if (overlaps(candidate.arc, view_.arc)) return;
  const std::uint64_t gap = distance(candidate.arc.end, view_.arc.begin);
  if (gap == 0) {
    noticed_at_ = now;
    is_noticed_ = true;
  }
  if (predecessor_ && !health.is_dead(primary_of(*predecessor_))) {
    const std::uint64_t known_gap = distance(predecessor_->arc.end, view_.arc.begin);
    if (known_gap < gap || (known_gap == gap && beats(*predecessor_, candidate))) return;
  }
  predecessor_ = candidate;
  confirmed_at_ = now;
}

void ChordNode::expire_predecessor(Time now, Duration patience) {
  if (predecessor_ && now - confirmed_at_ > patience) predecessor_.reset();
}

std::optional<PeerRef> ChordNode::successor_to_ask(const PeerHealth& health) const {
  if (successors_.empty()) return std::nullopt;
  const PeerRef& primary = primary_of(successors_.entries().front());
  if (!health.is_routable(primary)) return std::nullopt;
  return primary;
}

std::uint32_t ChordNode::unnoticed_ms(Time now) const {
  using std::chrono::milliseconds;
  const auto ms = std::chrono::duration_cast<milliseconds>(unnoticed_for(now)).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(ms, 0, ~0u));
}

NodeHints ChordNode::hints(Time now) const {
  NodeHints hints;
  hints.arc = view_.arc;
  const auto entries = successors_.entries();
  hints.successors.assign(entries.begin(), entries.end());
  const auto fingers = fingers_.known();
  hints.fingers.assign(fingers.begin(), fingers.end());
  hints.predecessor = predecessor_;
  hints.unnoticed_ms = unnoticed_ms(now);
  return hints;
}

void ChordNode::take_hints(Time now, const PeerRef& self, const NodeHints& hints) {
  if (successors_.empty() && !hints.successors.empty()) {
    const std::span<const View> views(hints.successors);
    on_successor(self, views.front(), views.subspan(1));
  }
  const std::optional<View>& before = hints.predecessor;
  if (!predecessor_ && before && !overlaps(before->arc, view_.arc)) {
    predecessor_ = before;
    confirmed_at_ = now;
  }
  if (!is_noticed_ && hints.arc.begin == view_.arc.begin) {
    const Duration unnoticed = std::chrono::milliseconds(hints.unnoticed_ms);
    noticed_at_ = std::min(noticed_at_, now + -unnoticed);
  }
  for (const Hint& hint : hints.fingers) {
    for (unsigned i = 0; i < FingerTable::bits; ++i) {
      if (!contains(hint.arc, FingerTable::target(view_.arc.end, i))) continue;
      fingers_.set(view_.arc.end, i, hint);
      break;
    }
  }
}

}  // namespace hopring
