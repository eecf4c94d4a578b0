// What clients are told of keys that no shard of this peer serves: where to go.

#include <algorithm>
#include <utility>

#include "peer/core/front.hpp"

namespace hopring {
namespace {

// Of lookups: 48 positions drawn every two to four seconds, and every one while none is found.
constexpr int claim_delays_unfound = 2;

}  // namespace

// The arc of a peer that is silent may be served by nobody; that of a dead one turns up elsewhere
// or is claimed in a moment.
Redirect Front::elsewhere(Position position) const {
  Redirect redirect;
  redirect.hints = member_.closest(position);
  // It has been served, or will be: by a shard that has not said so yet.
  if (directory_.holding(position) != nullptr) {
    redirect.nobody = OpError::moving;
    return redirect;
  }
  // Whom an orphan names leads no more; where it has no vote the shard says nothing of it either.
  if (const ArcEntry* copy = directory_.copy_holding(position); copy && !copy->is_orphan) {
    redirect.view = copy->view;
    return redirect;
  }
  for (const ChordNode& node : member_.nodes()) {
    if (ring_->replicas > 1) break;
    for (const View& view : node.successors().entries()) {
      const PeerRef& primary = primary_of(view);
      if (member_.health().is_routable(primary)) break;
      if (!contains(view.arc, position)) continue;
      redirect.nobody = member_.health().is_dead(primary) ? OpError::moving : OpError::unavailable;
      return redirect;
    }
  }
  const View* view = member_.known_view(position);
  if (is_lost(position, view)) {
    redirect.nobody = OpError::unavailable;
    return redirect;
  }
  const auto is_routable = [&](const PeerRef& peer) { return member_.health().is_routable(peer); };
  if (view != nullptr && !is_member(*view, options_.self) &&
      std::any_of(view->members.begin(), view->members.end(), is_routable)) {
    redirect.view = *view;
  }
  if (redirect.view || !redirect.hints.empty()) return redirect;
  hint_at_members(position, redirect);
  if (redirect.hints.empty()) redirect.nobody = OpError::unavailable;
  return redirect;
}

// A peer that serves nothing borders on no gap, and knows of others only that they do not serve
// what was looked for.
void Front::note_lookup(Now now, bool has_found) {
  if (has_found || !member_.nodes().empty()) {
    unfound_since_ = Time::never();
    nobody_serves_ = false;
    return;
  }
  unfound_since_ = std::min(unfound_since_, now.monotonic);
  nobody_serves_ =
      now.monotonic - unfound_since_ >= claim_delays_unfound * options_.limits.claim_delay;
  if (ring_->replicas > 1) membership_->look_by(now.monotonic + options_.limits.stabilize_interval);
}

// Does nobody serve it, as far as this peer has looked, and has nobody been heard of since?
bool Front::is_lost(Position position, const View* known) const {
  if (known != nullptr && member_.health().is_routable(primary_of(*known))) return false;
  if (member_.nodes().empty()) return nobody_serves_ && ring_->replicas > 1;
  return member_.is_in_gap(position);
}

ToDesk Front::answer(Unserved&& note) const {
  for (const auto& [index, position] : note.holes) {
    OpAnswer answer =
        ring_ ? OpAnswer(elsewhere(position)) : OpAnswer(error_result(OpError::unavailable));
    if (auto* op = std::get_if<OpReply>(&note.done.reply)) {
      op->answer = std::move(answer);
    } else if (auto* batch = std::get_if<BatchReply>(&note.done.reply)) {
      batch->answers[index] = std::move(answer);
    } else if (auto* redirect = std::get_if<Redirect>(&answer)) {
      std::get<ScanReply>(note.done.reply).answer = std::move(*redirect);
    } else {
      note.done.reply = ErrorReply{OpError::unavailable};
    }
  }
  return ToDesk{note.desk, std::move(note.done)};
}

}  // namespace hopring
