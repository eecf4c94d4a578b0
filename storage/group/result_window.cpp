#include "storage/group/result_window.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "base/check.hpp"

namespace hopring {
namespace {

std::uint32_t seconds_of(std::int64_t ms) {
  const std::int64_t seconds = std::max<std::int64_t>(ms, 0) / 1000;
  return static_cast<std::uint32_t>(
      std::min<std::int64_t>(seconds, std::numeric_limits<std::uint32_t>::max()));
}

bool is_too_old(std::uint32_t as_of_s, std::uint32_t now_s) {
  return std::uint64_t{as_of_s} + window_age_max.count() < now_s;
}

}  // namespace

// Slots.

ResultWindow::Slots::Slots(Slots&& other) noexcept
    : pool_(other.pool_),
      piece_(std::exchange(other.piece_, Piece{})),
      count_(std::exchange(other.count_, 0)) {}

ResultWindow::Slots& ResultWindow::Slots::operator=(Slots&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(piece_, other.piece_);
  std::swap(count_, other.count_);
  return *this;
}

void ResultWindow::Slots::reset(std::size_t count) {
  pool_->take_back(std::exchange(piece_, Piece{}));
  count_ = count;
  if (count == 0) return;
  const BlockPool::Overdraft beyond(*pool_);
  piece_ = pool_->lend(pool_->round_up(count * sizeof(Slot)));
  if (piece_.data == nullptr) throw std::bad_alloc();
  for (std::size_t i = 0; i < count; ++i) new (&(*this)[i]) Slot();
}

// Of the stamp, or the free one where it would be. REQUIRES: there are slots.
std::size_t ResultWindow::find_slot(std::uint64_t client, std::uint64_t sequence) const noexcept {
  const std::size_t mask = slots_.count() - 1;
  const Hash hash = hash_of(client, sequence);
  for (std::size_t slot = home_of(hash);; slot = (slot + 1) & mask) {
    if (slots_[slot].place == 0) return slot;
    if (slots_[slot].hash != hash) continue;
    const Result& each = results_[number_at(slots_[slot].place, first_result_)];
    if (each.client == client && each.sequence == sequence) return slot;
  }
}

void ResultWindow::take_slot(std::size_t i) {
  const Result& result = results_[i];
  Slot& slot = slots_[find_slot(result.client, result.sequence)];
  HOPRING_CHECK(slot.place == 0);
  slot = {place_of(i, first_result_), hash_of(result.client, result.sequence)};
}

// Of the oldest one. Those behind it that would not be found any more move up.
void ResultWindow::free_slot() {
  const std::size_t mask = slots_.count() - 1;
  const Place place = place_of(0, first_result_);
  std::size_t slot = hash_of(results_.front().client, results_.front().sequence) & mask;
  while (slots_[slot].place != place) slot = (slot + 1) & mask;
  for (std::size_t next = (slot + 1) & mask; slots_[next].place != 0; next = (next + 1) & mask) {
    const std::size_t home = slots_[next].hash & mask;
    if (((next - home) & mask) < ((next - slot) & mask)) continue;
    slots_[slot] = slots_[next];
    slot = next;
  }
  slots_[slot] = {};
}

// Twice as many as the queue has room for. True if all have been taken anew.
bool ResultWindow::fit_slots() {
  if (slots_.count() == 2 * results_.capacity()) return false;
  slots_.reset(2 * results_.capacity());
  for (std::size_t i = 0; i < results_.size(); ++i) take_slot(i);
  return true;
}

// The window.

ResultWindow::ResultWindow(BlockPool& pool, std::size_t results_max)
    : results_max_(results_max), results_(pool), values_(pool), slots_(pool) {
  HOPRING_CHECK(results_max > 0 && results_max <= 32768);
}

ResultWindow ResultWindow::copy() const {
  ResultWindow other(results_.pool(), results_max_);
  other.forgotten_ = forgotten_;
  other.newest_s_ = newest_s_;
  other.first_value_ = first_value_;
  for (std::size_t i = 0; i < values_.size(); ++i) other.values_.push_back(values_[i]);
  for (std::size_t i = 0; i < results_.size(); ++i) other.push(results_[i]);
  return other;
}

std::optional<OpResult> ResultWindow::find(const Stamp& stamp) const {
  if (results_.empty()) return std::nullopt;
  const Place place = slots_[find_slot(stamp.client, stamp.sequence)].place;
  if (place == 0) return std::nullopt;
  return told(number_at(place, first_result_));
}

OpResult ResultWindow::told(std::size_t i) const {
  const Result& result = results_[i];
  if (result.error != 0) return error_result(static_cast<OpError>(result.error));
  OpResult told;
  told.outcome = static_cast<Outcome>(result.outcome);
  if (result.value == 0) return told;
  const ShortValue& value = values_[number_at(result.value, first_value_)];
  told.value = Value{static_cast<ValueType>(value.type),
                     std::string(value.bytes.data(), std::size_t{value.length})};
  told.expiry_ms = value.expiry_ms;
  return told;
}

void ResultWindow::remember(const Stamp& stamp, std::uint64_t index, std::int64_t as_of_ms,
                            const OpResult& result) {
  HOPRING_CHECK(index > newest());
  add({stamp.client, stamp.sequence, index, seconds_of(as_of_ms), 0, 0, 0}, result);
}

bool ResultWindow::append(const RememberedResult& given) {
  const bool is_known =
      !results_.empty() && slots_[find_slot(given.client, given.sequence)].place != 0;
  if (given.index <= newest() || is_known) return false;
  add({given.client, given.sequence, given.index, given.as_of_s, 0, 0, 0}, given.result);
  return true;
}

// Error, outcome and value are those of `given`.
void ResultWindow::add(Result result, const OpResult& given) {
  if (results_.size() == results_max_) pop();
  result.error = given.error ? static_cast<std::uint8_t>(*given.error) : 0;
  result.outcome = static_cast<std::uint8_t>(given.outcome);
  const std::optional<Value>& value = given.value;
  if (value && value->bytes.size() <= window_value_bytes_max) {
    ShortValue kept{given.expiry_ms,
                    static_cast<std::uint8_t>(value->type),
                    static_cast<std::uint8_t>(value->bytes.size()),
                    {}};
    std::copy(value->bytes.begin(), value->bytes.end(), kept.bytes.begin());
    values_.push_back(kept);
    result.value = place_of(values_.size() - 1, first_value_);
  }
  push(result);
}

void ResultWindow::push(const Result& result) {
  newest_s_ = results_.empty() ? result.as_of_s : std::max(newest_s_, result.as_of_s);
  results_.push_back(result);
  if (!fit_slots()) take_slot(results_.size() - 1);
}

void ResultWindow::pop() {
  const Result& oldest = results_.front();
  forgotten_ = oldest.index;
  free_slot();
  if (oldest.value != 0) {
    values_.pop_front();
    first_value_ = (first_value_ + 1) % places_max;
  }
  results_.pop_front();
  first_result_ = (first_result_ + 1) % places_max;
  fit_slots();
}

void ResultWindow::forget_old(std::int64_t as_of_ms) {
  const std::uint32_t now = seconds_of(as_of_ms);
  while (!results_.empty() && is_too_old(results_.front().as_of_s, now)) pop();
}

bool ResultWindow::is_old(std::int64_t as_of_ms) const noexcept {
  return !results_.empty() && is_too_old(newest_s_, seconds_of(as_of_ms));
}

void ResultWindow::forget_to(std::uint64_t index) {
  while (!results_.empty() && results_.front().index <= index) pop();
  forgotten_ = std::max(forgotten_, index);
}

std::vector<RememberedResult> ResultWindow::after(std::uint64_t index, std::size_t count) const {
  std::size_t first = 0;
  for (std::size_t last = results_.size(); first < last;) {
    const std::size_t middle = (first + last) / 2;
    if (results_[middle].index <= index) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  std::vector<RememberedResult> given;
  for (; first < results_.size() && given.size() < count; ++first) {
    const Result& each = results_[first];
    given.push_back({each.client, each.sequence, each.index, each.as_of_s, told(first)});
  }
  return given;
}

void ResultWindow::audit() const {
  HOPRING_CHECK(results_.size() <= results_max_);
  std::size_t values = 0;
  std::uint64_t before = forgotten_;
  for (std::size_t i = 0; i < results_.size(); ++i) {
    const Result& each = results_[i];
    HOPRING_CHECK(each.index > before && each.as_of_s <= newest_s_);
    before = each.index;
    const Place place = slots_[find_slot(each.client, each.sequence)].place;
    HOPRING_CHECK(place == place_of(i, first_result_));
    if (each.value != 0) HOPRING_CHECK(each.value == place_of(values++, first_value_));
  }
  HOPRING_CHECK(values == values_.size());
  HOPRING_CHECK(slots_.count() == 2 * results_.capacity());
  std::size_t taken = 0;
  for (std::size_t slot = 0; slot < slots_.count(); ++slot)
    taken += slots_[slot].place != 0 ? 1 : 0;
  HOPRING_CHECK(taken == results_.size());
}

}  // namespace hopring
