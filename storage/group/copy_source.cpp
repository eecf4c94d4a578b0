#include "storage/group/copy_source.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "storage/group/walks.hpp"

namespace hopring {
namespace {

// On the wire, about.
constexpr std::size_t result_bytes = 64;

// Has a copy that lacks `a` first come further than one that lacks `b` first?
bool is_further(const std::optional<Position>& a, const std::optional<Position>& b) {
  if (!b) return false;
  return !a || *a > *b;
}

}  // namespace

CopySource::CopySource(const GroupOptions& options, ByteBucket& budget, TransferId transfer,
                       const PeerRef& to, Now now, Replica& replica, GroupOutbox& out)
    : options_(&options),
      budget_(&budget),
      transfer_(transfer),
      to_(to),
      offer_(replica.offer(transfer)),
      missing_(advance(replica.arc().begin, 1)),
      next_read_(missing_) {
  HOPRING_CHECK(replica.raft().is_primary());
  replica.add_learner(now, to, offer_.index);
  on_progress(now);
  send(offer_, out);
}

void CopySource::send(GroupMessage message, GroupOutbox& out) const {
  out.push_back(SendGroup{to_, std::move(message)});
}

void CopySource::on_progress(Now now) {
  idle_since_.reset();
  progress_at_ = now.monotonic;
  resend_at_ = now.monotonic + options_->resend_interval;
}

void CopySource::on_message(Now now, const OfferAnswer& message, Replica& replica,
                            GroupOutbox& out) {
  if (phase_ != Phase::offering) return;
  if (!message.accepted) {
    phase_ = Phase::given_up;
    return;
  }
  on_progress(now);
  phase_ = Phase::copying;
  // What it answered before it had the offer (NoCopy) holds no more.
  replica.add_learner(now, to_, offer_.index);
  go_on(now, replica, out);
}

void CopySource::on_message(Now now, const CopyResultsAnswer& message, Replica& replica,
                            GroupOutbox& out) {
  if (phase_ != Phase::copying || has_results_) return;
  if (!message.has_all && message.after <= results_upto_) return;
  on_progress(now);
  results_upto_ = message.after;
  has_results_ = message.has_all;
  go_on(now, replica, out);
}

void CopySource::on_message(Now now, const ChunkAnswer& message, Replica& replica,
                            GroupOutbox& out) {
  if (phase_ != Phase::copying || !has_results_) return;
  if (message.missing && !contains(replica.arc(), *message.missing)) return;
  if (!is_further(message.missing, missing_)) return;
  on_progress(now);
  missing_ = message.missing;
  if (!missing_) {
    phase_ = Phase::done;
    return;
  }
  while (!chunks_.empty() && !is_further(chunks_.front().next, missing_)) chunks_.pop_front();
  if (!chunks_.empty() && chunks_.front().first != missing_) chunks_.clear();
  if (chunks_.empty()) next_read_ = missing_;
  go_on(now, replica, out);
}

// Sends what may be sent.
void CopySource::go_on(Now now, const Replica& replica, GroupOutbox& out) {
  waits_ = false;
  if (has_results_) {
    send_chunks(now, replica, out);
  } else {
    send_results(now, replica, out);
  }
  const bool is_idle = waits_ && chunks_.empty();
  if (is_idle && !idle_since_) idle_since_ = now.monotonic;
  if (is_idle || !idle_since_) return;
  progress_at_ = progress_at_ + (now.monotonic - *idle_since_);
  resend_at_ = now.monotonic + options_->resend_interval;
  idle_since_.reset();
}

bool CopySource::may_send(Now now) {
  waits_ = !budget_->has(now.monotonic, options_->chunk_bytes);
  return !waits_;
}

void CopySource::send_results(Now now, const Replica& replica, GroupOutbox& out) {
  if (!may_send(now)) return;
  const std::size_t count = std::max<std::size_t>(options_->chunk_bytes / result_bytes, 1);
  CopyResults part = replica.read_results(results_upto_, count);
  part.transfer = transfer_;
  budget_->take(now.monotonic, part.results.size() * result_bytes);
  send(std::move(part), out);
}

void CopySource::send_chunks(Now now, const Replica& replica, GroupOutbox& out) {
  while (next_read_ && chunks_.size() < options_->chunks_inflight_max && may_send(now)) {
    Chunk chunk = replica.read_chunk(*next_read_, options_->chunk_bytes);
    chunk.transfer = transfer_;
    std::optional<Position> next;
    if (chunk.interval.end != replica.arc().end) next = advance(chunk.interval.end, 1);
    chunks_.push_back({*next_read_, next});
    next_read_ = next;
    budget_->take(now.monotonic, wire_bytes(chunk));
    send(std::move(chunk), out);
  }
}

void CopySource::on_deadline(Now now, const Replica& replica, GroupOutbox& out) {
  if (idle_since_) return go_on(now, replica, out);
  if (now.monotonic >= progress_at_ + options_->transfer_timeout) {
    phase_ = Phase::given_up;
    return;
  }
  if (now.monotonic < resend_at_) {
    if (waits_) go_on(now, replica, out);
    return;
  }
  resend_at_ = now.monotonic + options_->resend_interval;
  if (phase_ == Phase::offering) return send(offer_, out);
  if (has_results_) {
    chunks_.clear();
    next_read_ = missing_;
  }
  go_on(now, replica, out);
}

Time CopySource::next_deadline() const noexcept {
  const Time ready_at = waits_ ? budget_->ready_at(options_->chunk_bytes) : Time::never();
  if (idle_since_) return ready_at;
  return std::min({ready_at, resend_at_, progress_at_ + options_->transfer_timeout});
}

}  // namespace hopring
