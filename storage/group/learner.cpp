#include "storage/group/learner.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/count.hpp"

namespace hopring {
namespace {

Learner::Verdict verdict_on(Change change) {
  return change == Change::out_of_memory ? Learner::Verdict::no_room : Learner::Verdict::fine;
}

}  // namespace

Learner::Learner(const GroupOptions& options, const PeerRef& self, const PeerRef& from,
                 const OfferArc& offer, ArcRecords records, Now now)
    : options_(&options),
      self_(self),
      from_(from),
      transfer_(offer.transfer),
      offered_(offer.view),
      term_(offer.term),
      index_(offer.index),
      records_(std::move(records)),
      missing_(advance(arc().begin, 1)) {
  HOPRING_CHECK(is_straight(arc()));
  heard(now);
}

void Learner::heard(Now now) {
  heard_at_ = now.monotonic;
  if (!is_orphan()) probe_at_ = now.monotonic + options_->learner_probe_interval;
}

Learner::Verdict Learner::on_message(Now now, const Chunk& message, GroupOutbox& out) {
  heard(now);
  const bool fits = missing_ && advance(message.interval.begin, 1) == *missing_;
  const bool has_room = newer_.size() < options_->newer_chunks_max;
  if (fits && has_room && message.index >= index_) {
    if (const Verdict verdict = install(message); verdict != Verdict::fine) return verdict;
  }
  out.push_back(SendGroup{from_, ChunkAnswer{transfer_, missing_}});
  return Verdict::fine;
}

Learner::Verdict Learner::install(const Chunk& chunk) {
  if (!is_straight(chunk.interval) || !covers(arc(), chunk.interval)) return Verdict::malformed;
  for (const Record& record : chunk.records) {
    if (!is_installable(record)) return Verdict::malformed;
    const Position position = records_.position_of(record.key);
    if (!contains(chunk.interval, position)) return Verdict::malformed;
    const Change change = records_.install(position, record);
    if (change == Change::out_of_memory) return Verdict::no_room;
  }
  missing_.reset();
  if (chunk.interval.end != arc().end) missing_ = advance(chunk.interval.end, 1);
  if (chunk.index > index_) newer_.push_back({chunk.interval, chunk.index});
  return Verdict::fine;
}

Learner::Verdict Learner::on_message(Now now, const Append& message, GroupOutbox& out) {
  heard(now);
  if (message.previous <= index_) {
    for (const Entry& entry : message.entries) {
      if (const Verdict verdict = take(entry); verdict != Verdict::fine) return verdict;
    }
  }
  out.push_back(SendGroup{from_, AppendAnswer{transfer_, index_}});
  return Verdict::fine;
}

Learner::Verdict Learner::take(const Entry& entry) {
  if (entry.index <= index_) return Verdict::fine;
  if (entry.index != index_ + 1 || is_prepared()) return Verdict::malformed;
  if (!is_applicable(entry.command)) return Verdict::malformed;
  const auto* change = std::get_if<ChangeView>(&entry.command);
  const Verdict verdict = change != nullptr ? take_change_of_view(*change) : apply(entry);
  if (verdict != Verdict::fine) return verdict;
  index_ = entry.index;
  std::erase_if(newer_, [&](const NewerChunk& chunk) { return chunk.index <= index_; });
  return Verdict::fine;
}

Learner::Verdict Learner::take_change_of_view(const ChangeView& change) {
  const View& view = change.view;
  const bool names_me = view.members.size() == 1 && view.members.front() == self_;
  const bool goes_on = view.number > offered_.number && may_count_from(view.number.number);
  if (missing_ || !names_me || view.arc != arc() || !goes_on) {
    return Verdict::malformed;
  }
  next_view_ = view;
  return Verdict::fine;
}

Learner::Verdict Learner::apply(const Entry& entry) {
  const std::string* key = key_in(entry.command);
  if (key == nullptr) return Verdict::malformed;  // no split while an arc is copied
  const Position position = records_.position_of(*key);
  if (!contains(arc(), position)) return Verdict::malformed;
  if (!is_taken(position) || already_has(position, entry.index)) return Verdict::fine;
  return verdict_on(records_.apply(position, entry.command));
}

bool Learner::already_has(Position position, std::uint64_t index) const {
  return std::any_of(newer_.begin(), newer_.end(), [&](const NewerChunk& chunk) {
    return contains(chunk.interval, position) && index <= chunk.index;
  });
}

void Learner::on_deadline(Now now, GroupOutbox& out) {
  HOPRING_CHECK(now.monotonic >= next_deadline());
  probe_at_ = now.monotonic + options_->learner_probe_interval;
  out.push_back(SendGroup{from_, AppendAnswer{transfer_, index_}});
}

bool Learner::is_stale(Now now) const noexcept {
  return !is_prepared() && now.monotonic >= heard_at_ + options_->learner_timeout;
}

}  // namespace hopring
