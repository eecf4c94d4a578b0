// The parts of Replica about copies: what it gives to others, the one that is coming, and its votes
// meanwhile.

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "storage/group/replica.hpp"
#include "storage/group/walks.hpp"

namespace hopring {

OfferCopy Replica::offer(TransferId transfer) const {
  Raft::Start start = raft_.start_of_copy();
  return {transfer,    raft_.group(),    view_,        start.term,
          start.index, start.index_term, start.roster, records_.bytes()};
}

Chunk Replica::read_chunk(Position first, std::size_t bytes_max) const {
  return hopring::read_chunk(records_, arc(), raft_.applied(), first, bytes_max);
}

CopyResults Replica::read_results(std::uint64_t after, std::size_t count) const {
  CopyResults part{{}, raft_.applied(), after, results_.forgotten(), results_.after(after, count)};
  if (has(PlantedBug::copy_lacks_results)) part = {{}, raft_.applied(), after, 0, {}};
  part.is_last = part.results.empty() || part.results.back().index == results_.newest();
  return part;
}

// The copy that comes.

std::unique_ptr<Replica> Replica::coming(const GroupOptions& options, const PeerRef& self,
                                         const OfferCopy& offer, ArcRecords records, Rng rng,
                                         Now now) {
  Raft::Start start{offer.term, offer.index, offer.index_term, offer.roster};
  auto replica = std::make_unique<Replica>(options, self, offer.view, std::move(start),
                                           std::move(records), rng, now);
  const Voter* self_in_roster = hopring::find(offer.roster, self);
  if (self_in_roster != nullptr) replica->raft_.disown(self_in_roster->admitted);
  replica->await_copy(offer.index);
  replica->was_complete_ = false;
  return replica;
}

bool Replica::has_vote_below(Position at) const {
  return can_cut(arc(), at) && raft_.is_voter() && !has_part_come(at);
}

void Replica::note_part_came(Position end) {
  std::erase_if(parts_come_, [&](Position each) { return !contains(arc(), each); });
  if (!has_part_come(end)) parts_come_.push_back(end);
}

bool Replica::has_part_come(Position end) const {
  return parts_come_.size() == parts_come_max ||
         std::find(parts_come_.begin(), parts_come_.end(), end) != parts_come_.end();
}

std::unique_ptr<Replica> Replica::vote_below(Position at, ArcRecords records, Now now) {
  HOPRING_CHECK(has_vote_below(at));
  View lower = view_;
  lower.arc.end = at;
  lower.term = 0;
  Raft::Start start = raft_.start_of_copy();
  start.term = start.index_term;
  // Who votes there is not known. Members so far may know.
  if (start.roster.is_joint()) start.roster = Roster{start.roster.incoming, {}};
  for (Voter& each : start.roster.voters) each.admitted = start.index + 1;
  auto replica = std::make_unique<Replica>(*options_, self_, std::move(lower), std::move(start),
                                           std::move(records), rng_.fork(), now);
  replica->await_copy(replica->raft_.applied());
  return replica;
}

bool Replica::begin_again(Now now, const OfferCopy& offer, ArcRecords records) {
  if (!raft_.install(now, {offer.term, offer.index, offer.index_term, offer.roster})) return false;
  records_ = std::move(records);
  view_ = offer.view;
  newer_.clear();
  await_copy(offer.index);
  return true;
}

void Replica::await_copy(std::uint64_t index) {
  raft_.set_complete(false);
  missing_ = advance(arc().begin, 1);
  copied_at_ = index;
  drop_results();
}

bool Replica::has(const OfferCopy& offer) const {
  return is_complete() && raft_.has({offer.term, offer.index, offer.index_term, offer.roster});
}

void Replica::drop_results() {
  results_ = ResultWindow(records_.pool(), options_->results_max);
  has_results_ = false;
  results_upto_ = 0;
  results_at_ = 0;
}

// Parts follow each other. What the primary has forgotten in between is missing here, too.
void Replica::on_results(Now now, const CopyResults& part, GroupOutbox& out) {
  heard_at_ = now.monotonic;
  if (has_results_ || part.after != results_upto_ || part.index < raft_.applied()) return;
  for (const RememberedResult& each : part.results) {
    if (!results_.append(each)) {
      is_lost_ = true;
      return;
    }
    results_upto_ = each.index;
  }
  if (!part.is_last) return;
  if (results_upto_ > part.index || part.forgotten > part.index) {
    is_lost_ = true;
    return;
  }
  results_.forget_to(part.forgotten);
  has_results_ = true;
  results_at_ = copied_at_ = part.index;
  apply_committed(now, out);
}

// Takes what continues the copy, and was not read before an entry that has gone by.
void Replica::on_chunk(Now now, const Chunk& chunk, GroupOutbox& out) {
  heard_at_ = now.monotonic;
  const bool fits = missing_ && advance(chunk.interval.begin, 1) == *missing_;
  if (!fits || !has_results_ || chunk.index < raft_.applied()) return;
  if (newer_.size() >= options_->newer_chunks_max) return;
  copied_at_ = chunk.index;
  apply_committed(now, out);
  if (is_lost_) return;
  if (!install(chunk)) {
    is_lost_ = true;
    return;
  }
  missing_.reset();
  if (chunk.interval.end != arc().end) missing_ = advance(chunk.interval.end, 1);
  if (chunk.index > raft_.applied()) newer_.push_back({chunk.interval, chunk.index});
  apply_committed(now, out);
  end_copying();
}

// False: it makes no sense, or the system has no memory. It has been accepted, and takes what it
// takes.
bool Replica::install(const Chunk& chunk) {
  const BlockPool::Overdraft beyond(records_.pool());
  if (!is_straight(chunk.interval) || !covers(arc(), chunk.interval)) return false;
  return std::all_of(chunk.records.begin(), chunk.records.end(), [&](const Record& record) {
    const Position position = records_.position_of(record.key);
    return is_installable(record) && contains(chunk.interval, position) &&
           records_.install(position, record) != Change::out_of_memory;
  });
}

void Replica::end_copying() {
  std::erase_if(newer_, [&](const NewerChunk& chunk) { return chunk.index <= raft_.applied(); });
  if (!is_complete()) return;
  raft_.set_complete(true);
  was_complete_ = true;
}

// Has the copy what stands at the position, but for the entry of this index?
bool Replica::is_here(Position position, std::uint64_t index) const {
  if (missing_ && position >= *missing_) return false;
  if (has(PlantedBug::copy_skips_writes) && missing_) return false;
  return std::none_of(newer_.begin(), newer_.end(), [&](const NewerChunk& chunk) {
    return contains(chunk.interval, position) && index <= chunk.index;
  });
}

}  // namespace hopring
