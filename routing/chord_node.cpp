#include "routing/chord_node.hpp"

#include "base/check.hpp"

namespace hopring {

void ChordNode::set_view(const View& view) {
  HOPRING_CHECK(view.arc.end == view_.arc.end);
  view_ = view;
  successors_.rebase(view_.arc);
  if (predecessor_ && predecessor_->arc.end != view_.arc.begin) predecessor_.reset();
}

void ChordNode::extend(const PeerRef& self, const View& view) {
  const auto entries = successors_.entries();
  if (entries.empty()) return;
  std::vector<View> rest(entries.begin() + 1, entries.end());
  rest.push_back(view);
  const View first = entries.front();
  on_successor(self, first, rest);
}

void ChordNode::on_notify(Time now, const View& candidate, const PeerHealth& health) {
  if (candidate.arc.end != view_.arc.begin || overlaps(candidate.arc, view_.arc)) return;
  noticed_at_ = now;
  if (predecessor_ && !health.is_dead(primary_of(*predecessor_)) &&
      beats(*predecessor_, candidate)) {
    return;
  }
  predecessor_ = candidate;
}

std::optional<PeerRef> ChordNode::successor_to_ask(const PeerHealth& health) const {
  if (successors_.empty()) return std::nullopt;
  const PeerRef& primary = primary_of(successors_.entries().front());
  if (!health.is_routable(primary)) return std::nullopt;
  return primary;
}

std::span<const View> ChordNode::dead_run(const PeerHealth& health) const {
  const auto entries = successors_.entries();
  std::size_t count = 0;
  while (count < entries.size() && health.is_dead(primary_of(entries[count]))) ++count;
  return entries.first(count);
}

NodeHints ChordNode::hints() const {
  NodeHints hints;
  hints.end = view_.arc.end;
  const auto entries = successors_.entries();
  hints.successors.assign(entries.begin(), entries.end());
  for (const KnownArc& known : fingers_.known())
    hints.fingers.push_back(Hint{known.arc, known.peer});
  return hints;
}

void ChordNode::take_hints(const PeerRef& self, const NodeHints& hints) {
  if (successors_.empty() && !hints.successors.empty()) {
    const std::span<const View> views(hints.successors);
    on_successor(self, views.front(), views.subspan(1));
  }
  for (const Hint& hint : hints.fingers) {
    for (unsigned i = 0; i < FingerTable::bits; ++i) {
      if (!contains(hint.arc, FingerTable::target(view_.arc.end, i))) continue;
      fingers_.set(view_.arc.end, i, KnownArc{hint.arc, hint.peer});
      break;
    }
  }
}

}  // namespace hopring
