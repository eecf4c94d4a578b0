#include "storage/table/spill.hpp"

#include <utility>

#include "base/check.hpp"

namespace hopring {

RecordView Spill::Node::record() const { return decode_record(piece.data, position); }

Spill::Spill(Spill&& other) noexcept : Spill(*other.pool_) { *this = std::move(other); }

Spill& Spill::operator=(Spill&& other) noexcept {
  clear();
  pool_ = other.pool_;
  merge(other);
  return *this;
}

const std::byte* Spill::find(std::uint64_t position, std::string_view key) const {
  const auto at = records_.find(Place{position, key});
  return at == records_.end() ? nullptr : at->piece.data;
}

bool Spill::has_any_in(const Interval& interval) const noexcept {
  if (records_.empty()) return false;
  const auto next = records_.lower_bound(Place{interval.first, {}});
  return interval.contains((next == records_.end() ? records_.begin() : next)->position);
}

bool Spill::insert(const RecordView& record) {
  if (!pool_->reserve(node_bytes)) return false;
  const Piece piece = pool_->lend_alone(encoded_bytes(record));
  try {
    if (piece.data != nullptr) {
      encode_record(piece.data, record);
      HOPRING_CHECK(records_.insert(Node{record.position, piece}).second);
      totals_.add(record);
      resident_bytes_ += node_bytes + BlockPool::cost_of(piece);
      return true;
    }
  } catch (...) {
    pool_->take_back(piece);
    pool_->unreserve(node_bytes);
    throw;
  }
  pool_->unreserve(node_bytes);
  return false;
}

bool Spill::replace(const RecordView& record) {
  const auto at = records_.find(Place{record.position, record.key});
  HOPRING_CHECK(at != records_.end());
  const Piece piece = pool_->lend_alone(encoded_bytes(record));
  if (piece.data == nullptr) return false;
  encode_record(piece.data, record);
  totals_.subtract(at->record());
  totals_.add(record);
  resident_bytes_ += BlockPool::cost_of(piece);
  resident_bytes_ -= BlockPool::cost_of(at->piece);
  pool_->take_back(std::exchange(at->piece, piece));
  return true;
}

bool Spill::erase(std::uint64_t position, std::string_view key) noexcept {
  const auto at = records_.find(Place{position, key});
  if (at == records_.end()) return false;
  totals_.subtract(at->record());
  forget(at);
  return true;
}

void Spill::forget(Records::const_iterator at) noexcept {
  if (at == due_hand_) ++due_hand_;
  const Piece piece = at->piece;
  resident_bytes_ -= cost_of(*at);
  records_.erase(at);
  pool_->take_back(piece);
  pool_->unreserve(node_bytes);
}

void Spill::merge(Spill& other) noexcept {
  records_.merge(other.records_);
  HOPRING_CHECK(other.records_.empty());
  other.due_hand_ = other.records_.end();
  totals_ += std::exchange(other.totals_, {});
  resident_bytes_ += std::exchange(other.resident_bytes_, 0);
}

Spill Spill::split(Range range) {
  Spill taken(*pool_);
  const auto [first, extent] = interval_of(range);
  const std::uint64_t last = first + extent;
  if (first <= last) {
    take(first, last, taken);
  } else {
    take(0, last, taken);
    take(first, ~std::uint64_t{0}, taken);
  }
  return taken;
}

// Moves the records at positions first to last to `to`, where all others are at lower ones.
void Spill::take(std::uint64_t first, std::uint64_t last, Spill& to) noexcept {
  for (auto at = records_.lower_bound(Place{first, {}});
       at != records_.end() && at->position <= last;) {
    const auto here = at++;
    if (here == due_hand_) due_hand_ = at;
    const RecordView record = here->record();
    totals_.subtract(record);
    to.totals_.add(record);
    resident_bytes_ -= cost_of(*here);
    to.resident_bytes_ += cost_of(*here);
    to.records_.insert(to.records_.end(), records_.extract(here));
  }
}

void Spill::clear() noexcept {
  while (!records_.empty()) forget(records_.begin());
  due_hand_ = records_.end();
  totals_ = {};
}

std::optional<RecordView> Spill::next(std::uint64_t origin, std::uint64_t position,
                                      std::string_view key) const {
  auto at = records_.upper_bound(Place{position, key});
  const bool is_past_zero = position < origin;
  if (at == records_.end() && !is_past_zero) {
    at = records_.begin();
    if (at != records_.end() && at->position >= origin) return std::nullopt;
  } else if (at != records_.end() && is_past_zero && at->position >= origin) {
    return std::nullopt;
  }
  return at == records_.end() ? std::nullopt : std::optional(at->record());
}

void Spill::audit(Range range, const PositionOf& position_of) const {
  Totals totals;
  std::size_t resident_bytes = 0;
  for (auto at = records_.begin(); at != records_.end(); ++at) {
    const RecordView record = at->record();
    HOPRING_CHECK(range.contains(record.position));
    HOPRING_CHECK(position_of(record.key) == record.position);
    HOPRING_CHECK(at == records_.begin() || Order{}(*std::prev(at), *at));
    totals.add(record);
    resident_bytes += cost_of(*at);
  }
  HOPRING_CHECK(totals == totals_);
  HOPRING_CHECK(resident_bytes == resident_bytes_);
}

}  // namespace hopring
