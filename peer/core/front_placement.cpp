// Where the copies of the arcs that are served here should be.

#include <algorithm>
#include <utility>

#include "peer/core/front.hpp"

namespace hopring {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t mending_max = 4;  // arcs at a time: nothing is lost meanwhile
constexpr auto mending_pause = 10s;     // after one has failed: the other host may be full
// After a peer has been heard again it is looked at each placement_interval which copies have no
// primary: until the others have been heard, too, and have been asked.
constexpr auto meeting_lasts = 5s;
constexpr auto handed_on_lasts = 1s;  // by then another leads, or this peer's copy has nobody

bool has(const std::vector<PeerRef>& peers, const PeerRef& peer) {
  return std::find(peers.begin(), peers.end(), peer) != peers.end();
}

// As many as it takes for the others to have a majority of those that are left.
void leave_out_silent(const std::vector<PeerRef>& silent, std::vector<PeerRef>& members) {
  const auto is_silent = [&](const PeerRef& each) { return has(silent, each); };
  auto staying = std::count_if(members.begin(), members.end(), is_silent);
  while (staying > 0 && 2 * static_cast<std::size_t>(staying) >= members.size()) {
    members.erase(std::find_if(members.begin(), members.end(), is_silent));
    --staying;
  }
}

}  // namespace

// An arc that is served here should have all its copies, at peers that live and answer. A member
// that is dead is let go for another, or where there is no other; one that is silent only for
// another.
void Front::place_copies(Now now, Outbox& out) {
  next_placement_ = now.monotonic + rng_.jittered(options_.limits.placement_interval);
  std::erase_if(handed_on_, [&](const auto& each) {
    return each.second.at + handed_on_lasts <= now.monotonic;
  });
  const std::vector<PeerRef> others = member_.known_peers();
  for (const ArcEntry& each : directory_.entries()) {
    if (directory_.is_moving(each.view.arc.end)) continue;
    const Members& present = each.view.members;
    std::vector<PeerRef> next;
    std::vector<PeerRef> silent;
    for (const PeerRef& member : present) {
      if (member_.health().is_dead(member)) continue;
      (has(each.silent, member) ? silent : next).push_back(member);
    }
    for (const PeerRef& member : silent) member_.ask_whether_there(now, member, out);
    const bool has_dead = next.size() + silent.size() < present.size();
    const std::size_t newcomers = add_newcomers(now, each, others, next);
    const bool is_better = newcomers > 0;
    if (!is_better && !has_dead) {
      mend_hosts(now, each, others);
      continue;
    }
    for (const PeerRef& member : silent) {
      if (next.size() < ring_->replicas) next.push_back(member);
    }
    if (is_better && (has_dead || !silent.empty())) {
      burst_.on_begun(each.view.arc.end, each.bytes * newcomers);
    }
    directory_.begin_move(each.view.arc.end);
    command(each.view.arc.end, SetMembers{each.view.arc.end, std::move(next)});
  }
  tell_of_burst(now, out);
}

// To those that are to be its members, until there are as many as there should be. Beside the first
// one nobody comes that has just refused: the whole change would fail with it.
std::size_t Front::add_newcomers(Now now, const ArcEntry& arc, const std::vector<PeerRef>& others,
                                 std::vector<PeerRef>& next) {
  const std::size_t before = next.size();
  std::vector<PeerRef> taken(arc.view.members.begin(), arc.view.members.end());
  taken.insert(taken.end(), next.begin(), next.end());
  while (next.size() < ring_->replicas) {
    const bool is_first = next.size() == before;
    const auto newcomer =
        membership_->newcomer(now, {taken, next, arc.view.arc.end, arc.bytes, !is_first}, others);
    if (!newcomer) break;
    next.push_back(*newcomer);
    taken.push_back(*newcomer);
  }
  return next.size() - before;
}

void Front::tell_of_burst(Now now, Outbox& out) {
  std::uint64_t bytes_sent = 0;
  for (const ShardStatus& status : statuses_) bytes_sent += status.counters.copy_bytes_sent;
  const auto tell = [&](const std::string& event, const CopyBurst::Totals& totals) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(totals.took).count();
    out.push_back(LogLine{LogLevel::info, "event=" + event +
                                              " arcs=" + std::to_string(totals.arcs) +
                                              " bytes=" + std::to_string(totals.bytes) +
                                              (ms > 0 ? " ms=" + std::to_string(ms) : "")});
  };
  if (const auto begun = burst_.just_begun(now.monotonic, bytes_sent)) tell("copies_lost", *begun);
  if (const auto ended = burst_.just_ended(now.monotonic, bytes_sent)) tell("copies_made", *ended);
}

// Of an arc that lacks nothing, one of two members on one host is replaced if there is a host with
// none. That leaves fewer that share one, and no move for balance makes them more: it comes to an
// end.
void Front::mend_hosts(Now now, const ArcEntry& arc, const std::vector<PeerRef>& others) {
  const Members& present = arc.view.members;
  const bool is_free = mending_.size() < mending_max && next_mending_ <= now.monotonic;
  if (!is_free || membership_->leaving() || crowding(present) == 0) return;
  if (arc.copies < present.size() || !arc.silent.empty()) return;
  const auto is_crowded = [&](const PeerRef& member) {
    return member != options_.self &&
           std::any_of(present.begin(), present.end(),
                       [&](const PeerRef& each) { return share_host(each, member); });
  };
  const auto victim = std::find_if(present.rbegin(), present.rend(), is_crowded);
  if (victim == present.rend()) return;
  std::vector<PeerRef> next(present.begin(), present.end());
  std::erase(next, *victim);
  const auto newcomer =
      membership_->newcomer_elsewhere(now, {present, next, arc.view.arc.end, arc.bytes}, others);
  if (!newcomer) return;
  next.push_back(*newcomer);
  mending_.insert(arc.view.arc.end);
  directory_.begin_move(arc.view.arc.end);
  command(arc.view.arc.end, SetMembers{arc.view.arc.end, std::move(next), true});
}

void Front::on_each(Now now, MoveEnded&& news, Outbox& out) {
  directory_.end_move(news.end);
  membership_->on_move_ended(now, news.to, news.done);
  burst_.on_ended(news.end, news.done);
  if (mending_.erase(news.end) > 0 && !news.done) next_mending_ = now.monotonic + mending_pause;
  const auto passing = passing_.find(news.end);
  if (!news.done) {
    member_.ask_whether_there(now, news.to, out);
    tell_not_given(news.to, news.end, out);
    if (passing != passing_.end()) tell_not_given(passing->second, news.end, out);
  }
  if (passing != passing_.end()) passing_.erase(passing);
}

// Peers have been heard again after a silence: this one may have been cut off, and left out.
bool Front::is_meeting(Now now) const {
  return now.monotonic < meets_until_ || member_.returns() != returns_;
}

// Copies that have heard of no primary for long: the ring may know better than their groups.
void Front::seek_primaries(Now now, Outbox& out) {
  if (member_.returns() != returns_) meets_until_ = now.monotonic + meeting_lasts;
  returns_ = member_.returns();
  for (const Position end : std::exchange(orphans_, {})) {
    const auto is_end = [&](const auto& each) { return each.second == end; };
    if (std::any_of(sought_.begin(), sought_.end(), is_end)) continue;
    sought_[++last_sought_] = end;
    member_.start_lookup(now, end, last_sought_, out, events_);
  }
}

// A member wants to go, or another peer to have its copy for balance. That one does not get it if
// it has a copy already: two members may have been asked by the same peer, and the arc would be
// left with fewer copies. Nor while copies are missing: placement mends that first.
void Front::on_pass(Now now, const PeerRef& from, const PassCopy& pass, Outbox& out) {
  if (!pass.to) membership_->on_leaver(now, from);
  const ArcEntry* arc = directory_.at(pass.end);
  const bool is_welcome =
      arc != nullptr && is_member(arc->view, from) && from != options_.self &&
      !directory_.is_moving(pass.end) &&
      !(pass.to && (is_member(arc->view, *pass.to) || member_.health().is_dead(*pass.to) ||
                    lacks_members(*arc) || crowds(arc->view.members, from, *pass.to)));
  if (!is_welcome) {
    tell_not_given(from, pass.end, out);
    if (pass.to) tell_not_given(*pass.to, pass.end, out);
    return;
  }
  const Members& members = arc->view.members;
  std::vector<PeerRef> next(members.begin(), members.end());
  std::erase(next, from);
  if (pass.to) {
    next.push_back(*pass.to);
  } else {
    // One that is dead is replaced by the same change: with another one for that the arc would rely
    // on fewer copies in between.
    const auto is_dead = [&](const PeerRef& each) { return member_.health().is_dead(each); };
    const std::size_t dead = std::erase_if(next, is_dead);
    const std::size_t newcomers = add_newcomers(now, *arc, member_.known_peers(), next);
    if (dead > 0 && newcomers > 1) {
      burst_.on_begun(pass.end, arc->bytes * std::min(dead, newcomers - 1));
    }
    leave_out_silent(arc->silent, next);
  }
  passing_[pass.end] = from;
  directory_.begin_move(pass.end);
  command(pass.end, SetMembers{pass.end, std::move(next), pass.to.has_value()});
}

// Whose lead has just gone from here: to one of them.
void Front::hint_at_members(Position position, Redirect& redirect) const {
  for (const auto& each : handed_on_) {
    const View& view = each.second.view;
    if (!contains(view.arc, position)) continue;
    for (const PeerRef& member : view.members) {
      if (redirect.hints.size() == closer_sent_max) return;
      const bool may_lead = member != options_.self && member_.health().is_routable(member);
      if (may_lead) redirect.hints.push_back({view.arc, member});
    }
  }
}

// Members that answer, as far as is known here.
bool Front::lacks_members(const ArcEntry& arc) const {
  const Members& members = arc.view.members;
  return members.size() < ring_->replicas ||
         std::any_of(members.begin(), members.end(),
                     [&](const PeerRef& each) { return member_.health().is_dead(each); });
}

void Front::tell_not_given(const PeerRef& to, Position end, Outbox& out) const {
  if (to.incarnation == 0 || to == options_.self) return;
  out.push_back(SendPeer{to, RingMessage(NotGiven{end})});
}

}  // namespace hopring
