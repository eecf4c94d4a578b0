#include "storage/group/arc_records.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "storage/group/decimal.hpp"

namespace hopring {
namespace {

// A record costs so much beside its key and value: slot, header and slack (docs/table.md).
constexpr std::size_t record_overhead_bytes = 12;

RecordView view_of(Position position, std::string_view key, ValueType type, std::string_view value,
                   std::int64_t expiry_ms) {
  return {position.value, key, value, static_cast<std::uint8_t>(type), expiry_ms};
}

ValueType type_of(const RecordView& record) { return static_cast<ValueType>(record.type); }

std::int64_t expiry_ms(const Expiry& expiry, const std::optional<RecordView>& present) {
  HOPRING_CHECK(expiry.kind != Expiry::Kind::after);
  if (expiry.kind == Expiry::Kind::keep) return present ? present->expiry_ms : 0;
  return expiry.kind == Expiry::Kind::at ? std::min(expiry.ms, expiry_ms_max) : 0;
}

// The number that `record` stands for, if Add takes it.
std::optional<std::int64_t> number_in(const RecordView& record) {
  if (type_of(record) == ValueType::integer) return decode_integer(record.value);
  if (type_of(record) == ValueType::string) return parse_canonical(record.value);
  return std::nullopt;
}

bool same_value(const RecordView& record, const Value& value) {
  return type_of(record) == value.type && record.value == value.bytes;
}

// For apply(): nobody waits for the answer.
class NoSink final : public ResultSink {
 public:
  void on_outcome(Outcome) override {}
  void on_value(Outcome, ValueType, std::string_view, std::int64_t) override {}
  void on_error(OpError) override {}
};

static_assert(key_bytes_max <= record_key_bytes_max && value_type_max <= record_type_max);

bool is_value(const Value& value) {
  if (value.bytes.size() > record_value_bytes_max) return false;
  const bool number = value.type == ValueType::integer || value.type == ValueType::floating;
  return !number || value.bytes.size() == sizeof(std::int64_t);
}

// As the primary writes it into an entry: absolute, and a time if it names one.
bool is_settled(const Expiry& expiry) {
  return expiry.kind != Expiry::Kind::after && (expiry.kind != Expiry::Kind::at || expiry.ms > 0);
}

struct WellFormed {
  bool operator()(const Put& put) const {
    return is_key(put.key) && is_value(put.value) && is_settled(put.expiry);
  }
  bool operator()(const Erase& erase) const { return is_key(erase.key); }
  bool operator()(const CompareAndSet& operation) const {
    return is_key(operation.key) && is_value(operation.desired) && is_settled(operation.expiry);
  }
  bool operator()(const Add& add) const { return is_key(add.key); }
  bool operator()(const RemoveExpired& command) const { return is_key(command.key); }
  bool operator()(const SplitArc&) const { return true; }
  bool operator()(const ChangeView& change) const { return hopring::is_well_formed(change.view); }
  bool operator()(const Nothing&) const { return true; }
  bool operator()(const ChangeRoster& change) const {
    return hopring::is_well_formed(change.roster);
  }
};

struct KeyIn {
  template <class Each>
  const std::string* operator()(const Each& command) const {
    if constexpr (requires { command.key; }) {
      return &command.key;
    } else {
      return nullptr;
    }
  }
};

struct MemoryOf {
  std::size_t operator()(const Put& put) const {
    return memory_of_record(put.key.size(), put.value.bytes.size());
  }
  std::size_t operator()(const CompareAndSet& operation) const {
    return memory_of_record(operation.key.size(), operation.desired.bytes.size());
  }
  std::size_t operator()(const Add& add) const {
    return memory_of_record(add.key.size(), sizeof(std::int64_t));
  }
  template <class Other>
  std::size_t operator()(const Other&) const {
    return 0;
  }
};

}  // namespace

std::size_t memory_of_record(std::size_t key_bytes, std::size_t value_bytes) {
  return key_bytes + value_bytes + record_overhead_bytes;
}

std::size_t memory_of(const Command& command) { return std::visit(MemoryOf{}, command); }

std::size_t memory_of(const Operation& operation) { return std::visit(MemoryOf{}, operation); }

const std::string* key_in(const Command& command) { return std::visit(KeyIn{}, command); }

bool is_applicable(const Command& command) { return std::visit(WellFormed{}, command); }

bool is_installable(const Record& record) {
  return is_key(record.key) && is_value(record.value) && record.expiry_ms >= 0 &&
         record.expiry_ms <= expiry_ms_max;
}

ArcRecords::ArcRecords(BlockPool& pool, const KeyedHash& hash, const Arc& arc)
    : pool_(&pool),
      hash_(&hash),
      table_(pool, Range{arc.begin.value, arc.end.value}, PositionOf{hash.function(), &hash}) {}

Change ArcRecords::store(const RecordView& record) {
  return table_.put(record) == PutResult::out_of_memory ? Change::out_of_memory : Change::made;
}

Change ArcRecords::store_and_tell(const RecordView& record, ResultSink& sink) {
  const Change change = store(record);
  if (change == Change::made) sink.on_outcome(Outcome::done);
  return change;
}

Change ArcRecords::put(Position position, const Put& put, const Expiry& expiry, ResultSink& sink) {
  std::optional<RecordView> present;
  if (put.condition != PutCondition::always || expiry.kind == Expiry::Kind::keep) {
    present = find(position, put.key);
  }
  if (put.condition == PutCondition::if_absent && present) {
    sink.on_outcome(Outcome::exists);
    return Change::none;
  }
  if (put.condition == PutCondition::if_present && !present) {
    sink.on_outcome(Outcome::not_found);
    return Change::none;
  }
  return store_and_tell(
      view_of(position, put.key, put.value.type, put.value.bytes, expiry_ms(expiry, present)),
      sink);
}

Change ArcRecords::compare_and_set(Position position, const CompareAndSet& operation,
                                   const Expiry& expiry, ResultSink& sink) {
  const std::optional<RecordView> present = find(position, operation.key);
  if (!present) {
    sink.on_outcome(Outcome::not_found);
    return Change::none;
  }
  const bool is_same_expiry =
      !operation.expected_expiry_ms || present->expiry_ms == *operation.expected_expiry_ms;
  if (!is_same_expiry || !same_value(*present, operation.expected)) {
    sink.on_value(Outcome::mismatch, type_of(*present), present->value, present->expiry_ms);
    return Change::none;
  }
  const Value& desired = operation.desired;
  return store_and_tell(
      view_of(position, operation.key, desired.type, desired.bytes, expiry_ms(expiry, present)),
      sink);
}

Change ArcRecords::add(Position position, const Add& add, ResultSink& sink) {
  const std::optional<RecordView> present = find(position, add.key);
  const std::optional<std::int64_t> old = present ? number_in(*present) : 0;
  if (!old) {
    sink.on_error(OpError::wrong_type);
    return Change::none;
  }
  std::int64_t sum = 0;
  if (__builtin_add_overflow(*old, add.delta, &sum)) {
    sink.on_error(OpError::overflow);
    return Change::none;
  }
  const ValueType type = present ? type_of(*present) : ValueType::integer;
  const std::int64_t ends = present ? present->expiry_ms : 0;
  const DecimalText decimal(sum);
  const std::string integer = encode_integer(sum);
  const std::string_view value = type == ValueType::integer ? integer : decimal.view();
  if (store(view_of(position, add.key, type, value, ends)) == Change::out_of_memory) {
    return Change::out_of_memory;
  }
  sink.on_value(Outcome::done, type, value, ends);
  return Change::made;
}

Change ArcRecords::erase(Position position, const Erase& erase, ResultSink& sink) {
  if (erase.expected) {
    const std::optional<RecordView> present = find(position, erase.key);
    if (present && !same_value(*present, *erase.expected)) {
      sink.on_value(Outcome::mismatch, type_of(*present), present->value, present->expiry_ms);
      return Change::none;
    }
  }
  const bool was_there = table_.erase(position.value, erase.key);
  sink.on_outcome(was_there ? Outcome::done : Outcome::not_found);
  return was_there ? Change::made : Change::none;
}

Change ArcRecords::remove_expired(Position position, const RemoveExpired& command) {
  const std::optional<RecordView> present = find(position, command.key);
  if (!present || present->expiry_ms != command.expiry_ms) return Change::none;
  table_.erase(position.value, command.key);
  return Change::made;
}

void ArcRecords::remove_due(Position position, std::string_view key, std::int64_t as_of_ms) {
  if (!table_.may_be_due(position.value, as_of_ms)) return;
  const std::optional<RecordView> present = find(position, key);
  if (present && present->expiry_ms != 0 && present->expiry_ms <= as_of_ms) {
    table_.erase(position.value, key);
  }
}

Change ArcRecords::apply(Position position, const Command& command) {
  NoSink sink;
  return apply(position, command, sink);
}

Change ArcRecords::apply(Position position, const Command& command, ResultSink& sink) {
  if (const auto* put = std::get_if<Put>(&command)) {
    return this->put(position, *put, put->expiry, sink);
  }
  if (const auto* erase = std::get_if<Erase>(&command)) return this->erase(position, *erase, sink);
  if (const auto* operation = std::get_if<CompareAndSet>(&command)) {
    return compare_and_set(position, *operation, operation->expiry, sink);
  }
  if (const auto* add = std::get_if<Add>(&command)) return this->add(position, *add, sink);
  const auto* expired = std::get_if<RemoveExpired>(&command);
  HOPRING_CHECK(expired != nullptr);
  return remove_expired(position, *expired);
}

Change ArcRecords::apply_at_any_cost(Position position, const Command& command, ResultSink& sink) {
  const Change change = apply(position, command, sink);
  if (change != Change::out_of_memory) return change;
  const BlockPool::Overdraft overdraft(*pool_);
  return apply(position, command, sink);
}

Change ArcRecords::install(Position position, const Record& record) {
  return store(
      view_of(position, record.key, record.value.type, record.value.bytes, record.expiry_ms));
}

ArcRecords ArcRecords::split_off(Position at) {
  return ArcRecords(*pool_, *hash_, table_.split_off(at.value));
}

std::uint64_t ArcRecords::bytes() const noexcept {
  return table_.key_bytes() + table_.value_bytes() + table_.size() * record_overhead_bytes;
}

}  // namespace hopring
