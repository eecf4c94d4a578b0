#include "storage/group/held_reads.hpp"

#include <algorithm>
#include <utility>

namespace hopring {
namespace {

std::size_t bytes_of(const Answered& answer) {
  return answer.result.value ? answer.result.value->bytes.size() : 0;
}

}  // namespace

Time HeldReads::begin(Raft& raft) {
  ++coming_;
  if (options_->raft.bug == PlantedBug::read_by_earlier_round) return sent_;
  const Time next = sent_ + Duration(1);
  if (wanted_ < next) {
    if (wanted_ == Time{} || raft.is_confirmed(wanted_)) raft.want_heartbeat();
    wanted_ = next;
  }
  return next;
}

void HeldReads::hold(Time round, Answered&& answer) {
  const auto after =
      std::upper_bound(held_.begin(), held_.end(), round,
                       [](Time sought, const Held& each) { return sought < each.round; });
  --coming_;
  bytes_ += bytes_of(answer);
  held_.insert(after, Held{round, std::move(answer)});
}

void HeldReads::release(Raft& raft, GroupOutbox& out) {
  while (!held_.empty() && raft.is_confirmed(held_.front().round)) {
    bytes_ -= bytes_of(held_.front().answer);
    out.push_back(std::move(held_.front().answer));
    held_.pop_front();
  }
  if (wanted_ > sent_ && raft.is_confirmed(sent_)) raft.want_heartbeat();
}

void HeldReads::end(GroupOutbox& out) {
  for (const Held& each : held_) {
    out.push_back(Answered{each.answer.waiter, error_result(OpError::moving)});
  }
  held_.clear();
  coming_ = 0;
  bytes_ = 0;
  wanted_ = {};
}

}  // namespace hopring
