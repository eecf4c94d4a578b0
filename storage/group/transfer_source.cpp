#include "storage/group/transfer_source.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace hopring {
namespace {

// Has a copy that lacks `a` first come further than one that lacks `b` first?
bool is_further(const std::optional<Position>& a, const std::optional<Position>& b) {
  if (!b) return false;
  return !a || *a > *b;
}

std::optional<Position> position_after(const Arc& interval, const Arc& arc) {
  if (interval.end == arc.end) return std::nullopt;
  return advance(interval.end, 1);
}

}  // namespace

TransferSource::TransferSource(const GroupOptions& options, TransferId transfer, const PeerRef& to,
                               Now now, Group& group, GroupOutbox& out)
    : options_(&options),
      transfer_(transfer),
      to_(to),
      offer_{transfer, group.view(), group.term(), group.last_index(), group.bytes()},
      missing_(advance(group.view().arc.begin, 1)),
      next_read_(missing_),
      matched_(group.last_index()),
      sent_(group.last_index()),
      progress_at_(now.monotonic),
      resend_at_(now.monotonic + options.resend_interval) {
  HOPRING_CHECK(group.phase() == Group::Phase::serving);
  HOPRING_CHECK(!group.tail().is_kept());
  group.tail().start();
  send(offer_, out);
}

void TransferSource::send(GroupMessage message, GroupOutbox& out) const {
  out.push_back(SendGroup{to_, std::move(message)});
}

void TransferSource::on_progress(Now now) {
  progress_at_ = now.monotonic;
  resend_at_ = now.monotonic + options_->resend_interval;
}

void TransferSource::on_message(Now now, const OfferAnswer& message, Group& group,
                                GroupOutbox& out) {
  if (phase_ != Phase::offering) return;
  if (!message.accepted) return end_without_change(group);
  on_progress(now);
  phase_ = Phase::copying;
  pump(now, group, out);
}

void TransferSource::on_message(Now now, const ChunkAnswer& message, Group& group,
                                GroupOutbox& out) {
  if (phase_ != Phase::copying) return;
  if (message.missing && !contains(group.view().arc, *message.missing)) return;
  if (!is_further(message.missing, missing_)) return;
  on_progress(now);
  missing_ = message.missing;
  while (!chunks_.empty() && !is_further(chunks_.front().next, missing_)) chunks_.pop_front();
  // It took an earlier reading that was cut elsewhere: what is on its way does not fit any more.
  if (!chunks_.empty() && chunks_.front().first != missing_) chunks_.clear();
  if (chunks_.empty()) next_read_ = missing_;
  pump(now, group, out);
}

void TransferSource::on_message(Now now, const AppendAnswer& message, Group& group,
                                GroupOutbox& out) {
  if (message.index > group.last_index()) return;
  if (phase_ == Phase::awaiting_serving) return send(Serve{transfer_, group.view()}, out);
  if (phase_ == Phase::offering || message.index <= matched_) return;
  on_progress(now);
  matched_ = message.index;
  sent_ = std::max(sent_, matched_);
  group.tail().trim(matched_);
  if (phase_ == Phase::copying) return pump(now, group, out);
  if (matched_ < switch_index_) return send_entries(group, out);
  group.commit_handover();
  group.tail().stop();
  phase_ = Phase::awaiting_serving;
  switch_ends_at_ = Time::never();
  send(Serve{transfer_, group.view()}, out);
}

void TransferSource::on_message(const Serving&) {
  if (phase_ == Phase::awaiting_serving) phase_ = Phase::done;
}

void TransferSource::on_message(const Abandon&, Group& group) {
  // Once it is committed only Serving ends it: an Abandon is the answer to an old message.
  if (phase_ != Phase::awaiting_serving) end_without_change(group);
}

void TransferSource::on_appended(Now now, Group& group, GroupOutbox& out) {
  if (group.tail().has_overflowed()) return give_up(group, out);
  if (phase_ == Phase::copying && sent_ == matched_) pump(now, group, out);
}

// Sends what may be sent.
void TransferSource::pump(Now now, Group& group, GroupOutbox& out) {
  send_chunks(group, out);
  if (is_nearly_caught_up(group)) begin_switch(now, group);
  send_entries(group, out);
}

void TransferSource::send_chunks(const Group& group, GroupOutbox& out) {
  while (next_read_ && chunks_.size() < options_->chunks_inflight_max) {
    Chunk chunk = group.read_chunk(*next_read_, options_->chunk_bytes);
    chunk.transfer = transfer_;
    const auto next = position_after(chunk.interval, group.view().arc);
    chunks_.push_back({*next_read_, next, chunk.index});
    next_read_ = next;
    send(std::move(chunk), out);
  }
}

// One Append in flight: what is written meanwhile makes up the next one.
void TransferSource::send_entries(Group& group, GroupOutbox& out) {
  if (sent_ != matched_) return;
  const std::uint64_t last = chunks_.empty() ? group.last_index() : chunks_.front().index;
  const std::size_t bytes_max = phase_ == Phase::switching ? group.tail().bytes()  // see below
                                                           : options_->append_bytes_max;
  std::vector<Entry> entries = group.tail().after(sent_, last, bytes_max);
  if (entries.empty()) return;
  const std::uint64_t previous = sent_;
  sent_ = entries.back().index;
  send(Append{transfer_, previous, std::move(entries)}, out);
}

// Will one Append more bring the learner all that there is?
bool TransferSource::is_nearly_caught_up(Group& group) const {
  return phase_ == Phase::copying && !missing_ && sent_ == matched_ &&
         group.tail().bytes() <= options_->append_bytes_max;
}

void TransferSource::begin_switch(Now now, Group& group) {
  group.begin_handover(to_);
  switch_index_ = group.last_index();
  phase_ = Phase::switching;
  switch_ends_at_ = now.monotonic + options_->switch_timeout;
}

void TransferSource::on_deadline(Now now, Group& group, GroupOutbox& out) {
  HOPRING_CHECK(now.monotonic >= next_deadline());
  if (phase_ != Phase::awaiting_serving) {
    const bool silent = now.monotonic >= progress_at_ + options_->transfer_timeout;
    if (silent || now.monotonic >= switch_ends_at_) return give_up(group, out);
  }
  if (now.monotonic < resend_at_) return;
  resend_at_ = now.monotonic + options_->resend_interval;
  send_again(now, group, out);
}

void TransferSource::send_again(Now now, Group& group, GroupOutbox& out) {
  if (phase_ == Phase::offering) return send(offer_, out);
  if (phase_ == Phase::awaiting_serving) return send(Serve{transfer_, group.view()}, out);
  chunks_.clear();
  next_read_ = missing_;
  sent_ = matched_;
  pump(now, group, out);
}

Time TransferSource::next_deadline() const noexcept {
  if (phase_ == Phase::awaiting_serving) return resend_at_;
  return std::min({resend_at_, switch_ends_at_, progress_at_ + options_->transfer_timeout});
}

void TransferSource::give_up(Group& group, GroupOutbox& out) {
  HOPRING_CHECK(phase_ != Phase::awaiting_serving);
  HOPRING_CHECK(phase_ != Phase::done);
  end_without_change(group);
  send(Abandon{transfer_}, out);
}

void TransferSource::end_without_change(Group& group) {
  if (phase_ == Phase::switching) group.take_back();
  group.tail().stop();
  phase_ = Phase::given_up;
}

}  // namespace hopring
