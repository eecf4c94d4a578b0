#include "storage/raft/raft_log.hpp"

#include <utility>

#include "base/check.hpp"

namespace hopring {
namespace {

constexpr std::size_t entry_overhead_bytes = 128;  // the Entry itself, or its fields on the wire

struct PayloadBytes {
  std::size_t operator()(const Put& put) const { return put.key.size() + put.value.bytes.size(); }
  std::size_t operator()(const CompareAndSet& operation) const {
    return operation.key.size() + operation.expected.bytes.size() + operation.desired.bytes.size();
  }
  std::size_t operator()(const Erase& erase) const {
    return erase.key.size() + (erase.expected ? erase.expected->bytes.size() : 0);
  }
  std::size_t operator()(const Add& add) const { return add.key.size(); }
  std::size_t operator()(const RemoveExpired& command) const { return command.key.size(); }
  std::size_t operator()(const SplitArc&) const { return 0; }
  std::size_t operator()(const Nothing&) const { return 0; }
  std::size_t operator()(const ChangeView& change) const {
    return change.view.members.size() * sizeof(PeerRef);
  }
  std::size_t operator()(const ChangeRoster& change) const {
    return (change.roster.voters.size() + change.roster.incoming.size()) * sizeof(Voter);
  }
};

}  // namespace

std::size_t bytes_of(const Command& command) {
  return entry_overhead_bytes + std::visit(PayloadBytes{}, command);
}

std::uint64_t RaftLog::term_at(std::uint64_t index) const {
  return index == base_index_ ? base_term_ : at(index).term;
}

const Entry& RaftLog::at(std::uint64_t index) const {
  HOPRING_CHECK(base_index_ < index && index <= last_index());
  return *entries_[static_cast<std::size_t>(index - base_index_ - 1)];
}

void RaftLog::push(SharedEntry entry) {
  HOPRING_CHECK(entry->index == last_index() + 1 && entry->term >= last_term());
  const std::size_t bytes = bytes_of(entry->command);
  bytes_ += bytes;
  waiting_bytes_ += bytes;
  entries_.push_back(std::move(entry));
}

void RaftLog::set_applied(std::uint64_t index) {
  HOPRING_CHECK(base_index_ <= index && index <= last_index());
  while (applied_ < index) waiting_bytes_ -= bytes_of(at(++applied_).command);
  while (applied_ > index) waiting_bytes_ += bytes_of(at(applied_--).command);
}

void RaftLog::truncate(std::uint64_t index) {
  HOPRING_CHECK(applied_ <= index);
  while (last_index() > index) {
    const std::size_t bytes = bytes_of(entries_.back()->command);
    bytes_ -= bytes;
    waiting_bytes_ -= bytes;
    entries_.pop_back();
  }
}

void RaftLog::trim(std::uint64_t index) {
  HOPRING_CHECK(index <= last_index());
  if (applied_ < index) set_applied(index);
  while (base_index_ < index) {
    base_term_ = entries_.front()->term;
    ++base_index_;
    bytes_ -= bytes_of(entries_.front()->command);
    entries_.pop_front();
  }
}

std::vector<SharedEntry> RaftLog::after(std::uint64_t index, std::size_t bytes_max) const {
  HOPRING_CHECK(base_index_ <= index);
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (std::uint64_t each = index + 1; each <= last_index(); ++each) {
    bytes += bytes_of(at(each).command);
    if (count > 0 && bytes > bytes_max) break;
    ++count;
  }
  const auto first = entries_.begin() + static_cast<std::ptrdiff_t>(index - base_index_);
  return {first, first + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace hopring
