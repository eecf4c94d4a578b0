// A table under any sequence of operations, against a std::map: what both answer must agree, and
// the invariants must hold. See checked_table.hpp for what is compared when.
//
// The first bytes choose the blocks, whether ages are kept, the positions, the number of keys and
// the range; then each operation is a byte and its arguments. What is read past the input's end is
// zero. Cuts leave up to eight tables of neighbouring arcs; an operation goes to the one that owns
// its key's position, and to none if that one was dropped.

#include "tests/fuzz/fuzz_target.hpp"
#include "tests/storage/table/checked_table.hpp"
#include "tests/storage/table/table_fixture.hpp"

using namespace hopring;

namespace {

constexpr std::size_t tables_max = 8;
// Bounds the time of one input: each put, erase, find and scanned record is a step.
constexpr std::uint64_t steps_max = 8000;

// Keys differ in their first bytes; to hash all of the long ones would cost more than the rest.
std::uint64_t good_position_of_prefix(const void*, std::string_view key) {
  return good_position(nullptr, key.substr(0, 10));
}
// Nine positions, three of which are neighbours.
std::uint64_t bad_position_of_prefix(const void*, std::string_view key) {
  return one_of_nine_position(nullptr, key.substr(0, 10));
}
// 256 neighbouring positions, on both sides of zero.
std::uint64_t narrow_band_position(const void*, std::string_view key) {
  return good_position_of_prefix(nullptr, key) % 256 - 128;
}
// Good ones come twice: only they make many segments.
constexpr PositionOf positions[] = {{&good_position_of_prefix, nullptr},
                                    {&good_position_of_prefix, nullptr},
                                    {&bad_position_of_prefix, nullptr},
                                    constant_positions,
                                    {&narrow_band_position, nullptr}};

enum class Operation {
  put,
  put_many,
  overwrite,
  erase,
  erase_many,
  find,
  scan,
  name_due,
  name_all_due,
  use,
  use_many,
  name_oldest,
  put_evicting,
  split,
  clear,
  set_limit,
  lift_limit,
};

// By the operation's byte: what fills a table comes more often than what empties it.
constexpr Operation operations[] = {
    Operation::put,          Operation::put,          Operation::put,
    Operation::put_many,     Operation::put_many,     Operation::put_many,
    Operation::put_many,     Operation::put_many,     Operation::overwrite,
    Operation::overwrite,    Operation::overwrite,    Operation::overwrite,
    Operation::erase,        Operation::erase,        Operation::erase,
    Operation::erase_many,   Operation::find,         Operation::find,
    Operation::scan,         Operation::scan,         Operation::scan,
    Operation::name_due,     Operation::name_all_due, Operation::split,
    Operation::split,        Operation::clear,        Operation::set_limit,
    Operation::lift_limit,   Operation::use,          Operation::use_many,
    Operation::name_oldest,  Operation::name_oldest,  Operation::put_evicting,
    Operation::put_evicting,
};

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}

  bool empty() const { return at_ == end_; }
  std::uint8_t byte() { return empty() ? std::uint8_t{0} : *at_++; }
  bool chance(unsigned numerator, unsigned denominator) { return byte() % denominator < numerator; }
  template <class Choice, std::size_t count>
  const Choice& choice(const Choice (&choices)[count]) {
    return choices[byte() % count];
  }
  unsigned number() {
    const unsigned high = byte();
    return high << 8 | byte();
  }
  std::uint64_t position() {
    std::uint64_t position = 0;
    for (int i = 0; i < 8; ++i) position = position << 8 | byte();
    return position;
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

// Short for most numbers; for some above a quarter of a small block's extent, for a few of a large
// one's, and of each number of length bytes. The same for a number every time.
std::string key_of(unsigned number) {
  if (number < 32) return std::string(1, static_cast<char>(number));
  std::string key = key_number(number);
  if (number % 512 == 511) {
    key.resize(17000, 'k');
  } else if (number % 64 == 63) {
    key.resize(2100, 'k');
  } else if (number % 16 == 15) {
    key.resize(300, 'k');
  }
  return key;
}

class Run {
 public:
  Run(const std::uint8_t* data, std::size_t size)
      : input_(data, size), pool_(pool_options(input_)) {
    constexpr unsigned numbers[] = {100, 1000, 3000, 6000};
    constexpr Range ranges[] = {{0, 0}, {2, 2}, {1ull << 63, 1ull << 63}, {41, 42}};
    position_of_ = input_.choice(positions);
    numbers_ = input_.choice(numbers);
    Range range = input_.choice(ranges);
    // A range of one position is for keys that are all there.
    if (position_of_.function != constant_positions.function && range.end == 42) range = {77, 77};
    tables_.emplace_back(pool_, range, position_of_);
  }

  void run() {
    while (!input_.empty() && steps_ < steps_max) perform(input_.choice(operations));
    for (CheckedTable& table : tables_) table.check_all();
    check_lent();
    tables_.clear();
    check_all_is_back();
  }

 private:
  static PoolOptions pool_options(Input& input);
  void perform(Operation operation);
  void put(const std::string& key, const StoredRecord& stored);
  void put_many();
  void erase(const std::string& key);
  void erase_many();
  void find(const std::string& key);
  void scan();
  void name_due();
  void use(const std::string& key);
  void use_many();
  void name_oldest();
  void put_evicting();
  void split();
  void set_limit();

  std::string key() { return key_of(input_.number() % numbers_); }
  // Early in 1970, when only those are due whose expiries take six bytes, or in 2026.
  std::int64_t now_ms() { return (input_.chance(1, 2) ? year_2026_ms : 0) + input_.byte(); }
  std::string known_key();
  std::size_t value_size();
  StoredRecord stored(std::size_t value_size);
  CheckedTable* owner(const std::string& key);
  CheckedTable& any_table() { return tables_[input_.byte() % tables_.size()]; }
  void check_lent() const;
  void check_all_is_back() const;

  Input input_;
  BlockPool pool_;
  PositionOf position_of_;
  unsigned numbers_ = 1;
  std::size_t bytes_max_ = 0;  // the pool's limit, 0 = none
  bool has_refused_ = false;   // a put, ever
  std::vector<CheckedTable> tables_;
  std::uint64_t steps_ = 0;
  unsigned stored_ = 0;  // makes each value another
};

PoolOptions Run::pool_options(Input& input) {
  PoolOptions options;
  options.block_bytes = input.chance(1, 2) ? 4096 : 65536;
  options.keeps_ages = input.chance(1, 2);
  return options;
}

void Run::perform(Operation operation) {
  ++steps_;
  switch (operation) {
    case Operation::put: {
      const std::string key = this->key();
      return put(key, stored(value_size()));
    }
    case Operation::put_many:
      return put_many();
    case Operation::overwrite: {
      const std::string key = known_key();
      return put(key, stored(value_size()));
    }
    case Operation::erase:
      return erase(known_key());
    case Operation::erase_many:
      return erase_many();
    case Operation::find:
      return find(key());
    case Operation::scan:
      return scan();
    case Operation::name_due:
      return name_due();
    case Operation::name_all_due:
      return any_table().name_all_due(now_ms());
    case Operation::use:
      return use(known_key());
    case Operation::use_many:
      return use_many();
    case Operation::name_oldest:
      return name_oldest();
    case Operation::put_evicting:
      return put_evicting();
    case Operation::split:
      return split();
    case Operation::clear:
      if (input_.chance(1, 4)) any_table().clear();
      return check_lent();
    case Operation::set_limit:
      return set_limit();
    case Operation::lift_limit:
      bytes_max_ = 0;
      return pool_.set_bytes_max(bytes_max_);
  }
}

void Run::put(const std::string& key, const StoredRecord& stored) {
  ++steps_;
  CheckedTable* const table = owner(key);
  if (table == nullptr) return;
  if (table->put(key, stored, bytes_max_) == PutResult::out_of_memory) has_refused_ = true;
}

void Run::put_many() {
  const unsigned first = input_.number();
  const unsigned count = input_.byte() * 6u;
  const unsigned stride = 1u + input_.byte() % 64;
  const std::size_t size = input_.byte() % 128;
  for (unsigned i = 0; i < count && steps_ < steps_max; ++i) {
    put(key_of((first + i * stride) % numbers_), stored(size + i % 8));
  }
}

void Run::erase(const std::string& key) {
  ++steps_;
  if (CheckedTable* const table = owner(key)) table->erase(key);
}

void Run::erase_many() {
  const unsigned first = input_.number();
  const unsigned count = input_.byte() * 6u;
  const unsigned stride = 1u + input_.byte() % 64;
  for (unsigned i = 0; i < count && steps_ < steps_max; ++i) {
    erase(key_of((first + i * stride) % numbers_));
  }
  check_lent();
}

void Run::find(const std::string& key) {
  if (CheckedTable* const table = owner(key)) table->find(key);
}

void Run::scan() {
  const std::string key = this->key();
  const std::size_t records_max = 1 + std::size_t{input_.byte()};
  steps_ += records_max;
  CheckedTable* const table = owner(key);
  if (table == nullptr) return;
  const bool is_within_position = input_.chance(3, 4);
  table->scan({position_of_(key), is_within_position ? key : ""}, records_max);
}

void Run::name_due() {
  CheckedTable& table = any_table();
  const std::int64_t now_ms = this->now_ms();
  const std::size_t segments_max = input_.byte() % 16;
  const std::size_t records_max = 1 + std::size_t{input_.byte()};
  table.name_due(now_ms, segments_max, records_max, input_.chance(1, 2));
}

void Run::use(const std::string& key) {
  ++steps_;
  CheckedTable* const table = owner(key);
  if (table != nullptr && pool_.keeps_ages()) table->find_and_mark(key);
}

void Run::use_many() {
  const unsigned first = input_.number();
  const unsigned count = input_.byte() * 6u;
  const unsigned stride = 1u + input_.byte() % 64;
  for (unsigned i = 0; i < count && steps_ < steps_max; ++i) {
    use(key_of((first + i * stride) % numbers_));
  }
}

void Run::name_oldest() {
  const std::string key = this->key();
  const bool is_spared = input_.chance(1, 2);
  const std::size_t bytes_wanted = value_size();
  CheckedTable* const table = owner(key);
  if (table == nullptr || !pool_.keeps_ages()) return;
  table->check_oldest(position_of_(key), is_spared ? key : "", bytes_wanted);
}

void Run::put_evicting() {
  ++steps_;
  const std::string key = this->key();
  const StoredRecord record = stored(value_size());
  CheckedTable* const table = owner(key);
  if (table == nullptr || !pool_.keeps_ages()) return;
  if (!table->put_evicting(key, record, bytes_max_)) has_refused_ = true;
}

// Cuts at the position of a key, beside it, where arcs may end, anywhere, before the first record
// of a table or after its last, or at the ends of its range; then both halves live on, or one of
// them.
void Run::split() {
  const std::uint64_t position = position_of_(key());
  const unsigned low_bits = input_.byte() % 64;
  const CheckedTable& table = any_table();
  const Range range = table.table().range();
  const std::uint64_t places[] = {position,
                                  position - 1,
                                  position + 1,
                                  position | ((std::uint64_t{1} << low_bits) - 1),
                                  input_.position(),
                                  table.empty() ? position : table.first_position() - 1,
                                  table.empty() ? position : table.last_position(),
                                  range.begin + 1,
                                  range.end - 1};
  const std::uint64_t at = input_.choice(places);
  const unsigned fate = input_.byte() % 8;
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    if (!tables_[i].owns(at) || tables_[i].table().range().end == at) continue;
    CheckedTable upper = tables_[i].split_off(at);
    if (fate == 0) {
      tables_[i] = std::move(upper);
    } else if (fate != 1 && tables_.size() < tables_max) {
      tables_.push_back(std::move(upper));
    }
    break;
  }
  check_lent();
}

// Somewhat above what is resident, or below it.
void Run::set_limit() {
  const std::size_t resident = pool_.resident_bytes();
  const std::size_t share = input_.byte();
  bytes_max_ = input_.chance(3, 4) ? resident + 1 + share * 512 : 1 + resident / 256 * share;
  pool_.set_bytes_max(bytes_max_);
}

// The key of a record that is there, if there is any nearby.
std::string Run::known_key() {
  const std::string key = this->key();
  const CheckedTable* const table = owner(key);
  const std::string known = table != nullptr ? table->key_from(key) : std::string();
  return known.empty() ? key : known;
}

// Two in three are below 171 bytes. The others lie around a quarter of an extent and a whole one,
// for both sizes of blocks, and around each number of length bytes.
std::size_t Run::value_size() {
  constexpr std::size_t large[] = {200, 700, 1000, 1900, 4000, 8000, 16300, 70000};
  const std::size_t size = input_.byte();
  if (size < 171) return size;
  return large[size % std::size(large)] + input_.byte();
}

StoredRecord Run::stored(std::size_t value_size) {
  ++stored_;
  StoredRecord stored;
  for (std::size_t i = 0; i < value_size; ++i) {
    stored.value.push_back(static_cast<char>(i < 4 ? stored_ >> (8 * i) : stored_ + i));
  }
  const bool is_short = stored_ / 4 % 2 == 0;
  stored.type = static_cast<std::uint8_t>(stored_ % (is_short ? 8 : record_type_max + 1u));
  if (stored_ % 4 == 0) {
    stored.expiry_ms = 1 + stored_ / 8 % 300;        // a byte of now misses some
    if (is_short) stored.expiry_ms += year_2026_ms;  // in five bytes
  }
  if (stored_ % 100 == 0) stored.expiry_ms = expiry_ms_max;
  return stored;
}

CheckedTable* Run::owner(const std::string& key) {
  const std::uint64_t position = position_of_(key);
  const auto owns = [&](const CheckedTable& table) { return table.owns(position); };
  const auto found = std::find_if(tables_.begin(), tables_.end(), owns);
  return found == tables_.end() ? nullptr : &*found;
}

// What the pool has lent is what tables say they hold, and empty ones hold nothing. But a put may
// have been refused after its table had grown, and the slots wait for the next one.
void Run::check_lent() const {
  std::size_t resident = 0;
  std::uint64_t records = 0;
  for (const CheckedTable& table : tables_) {
    resident += table.table().resident_bytes();
    records += table.table().size();
  }
  HOPRING_CHECK(pool_.lent_bytes() <= resident);
  if (records == 0 && !has_refused_) check_all_is_back();
}

void Run::check_all_is_back() const {
  pool_.audit();
  HOPRING_CHECK(pool_.lent_bytes() == 0);
  HOPRING_CHECK(pool_.resident_bytes() % (pool_.unit_bytes() * BlockPool::units_per_block) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Run(data, size).run();
  return 0;
}

// Any bytes are operations; these are enough of them to cut segments and to spill.
std::vector<std::string> hopring::fuzz_corpus(Rng& rng) {
  std::vector<std::string> corpus;
  for (int i = 0; i < 100; ++i) {
    std::string input(20 + rng.below(300), '\0');
    for (char& byte : input) byte = static_cast<char>(rng.next());
    corpus.push_back(input);
  }
  return corpus;
}
