// Going: what waits for other peers, and what goes with this one.

#include <algorithm>
#include <string>
#include <utility>

#include "peer/core/front.hpp"

namespace hopring {

namespace {

constexpr std::chrono::seconds leaving_note_pause{5};

}  // namespace

// Whoever waits for it sees what it waits for.
void Front::tell_of_leaving(Now now, Outbox& out) {
  if (next_leaving_note_ > now.monotonic) return;
  next_leaving_note_ = now.monotonic + leaving_note_pause;
  out.push_back(
      LogLine{LogLevel::info, "event=leaving arcs=" + std::to_string(directory_.entries().size()) +
                                  " copies=" + std::to_string(directory_.copies().size())});
}

void Front::leave(Now now, Outbox& out) {
  if (state_ == State::gone || state_ == State::leaving) return;
  next_leaving_note_ = now.monotonic;
  tell_of_leaving(now, out);
  if (is_alone()) return be_gone(out);
  state_ = State::leaving;
  join_deadline_ = Time::never();
  fresh_until_ = Time::never();
  member_.begin_leaving();
  membership_->leave(now);
  settle(now, out);
}

// Of members that answer, as far as is known here.
bool Front::has_majority_without_self(const View& view) const {
  if (!is_member(view, options_.self)) return true;  // it has no part in that
  const auto answers = [&](const PeerRef& each) {
    return each != options_.self && member_.health().is_routable(each);
  };
  const auto left = std::count_if(view.members.begin(), view.members.end(), answers);
  return 2 * static_cast<std::size_t>(left) > view.members.size();
}

// What nobody else has is lost with it. Members of the other arcs elect another primary, if they
// have a majority without this peer.
void Front::be_gone(Outbox& out) {
  Left left{{}, directory_.keys_of_sole_copies()};
  std::size_t copies = 0;
  std::size_t orphans = 0;
  const auto leave_copy = [&](const ArcEntry& arc) {
    copies += 1;
    if (!arc.is_orphan && has_majority_without_self(arc.view)) return;
    orphans += 1;
    left.records_orphaned += arc.keys;
  };
  for (const ArcEntry& each : directory_.copies()) leave_copy(each);
  for (const ArcEntry& each : directory_.entries()) {
    left.not_handed_over.push_back(each.view);
    if (each.copies > 1) leave_copy(each);
  }
  if (copies > 0) {
    out.push_back(
        LogLine{LogLevel::warning, "event=copies_not_taken arcs=" + std::to_string(copies) +
                                       " without_majority=" + std::to_string(orphans)});
  }
  state_ = State::gone;
  out.push_back(std::move(left));
}

void Front::check_left(Now now, Outbox& out) {
  if (state_ != State::leaving) return;
  if (directory_.entries().empty() && directory_.transfers() == 0 && !farewell_said_) {
    farewell_said_ = true;
    member_.say_farewell(out);
  }
  if (!membership_->is_done_leaving(now, directory_)) return;
  be_gone(out);
}

}  // namespace hopring
