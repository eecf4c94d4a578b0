// Commands about all keys of the ring.

#include <algorithm>
#include <charconv>

#include "peer/resp/glob.hpp"
#include "peer/resp/ring_walk.hpp"
#include "peer/resp/session.hpp"

namespace hopring::resp {
namespace {

// Bytes compared for one page of keys; then the rest of it waits for the next round, so that no
// pattern holds up the thread. A single key takes at most 65535 x pattern_bytes_max.
constexpr std::uint64_t match_steps_max = std::uint64_t{1} << 20;

// Which keys are wanted: a pattern, or all.
class Filter {
 public:
  Filter() = default;
  explicit Filter(std::string_view pattern) : pattern_(pattern) {}

  std::string prefix() const { return pattern_ ? literal_prefix(*pattern_) : std::string(); }

  // Calls `wanted` with those that match. How many it has looked at: at least one, if there is one.
  template <class Wanted>
  std::size_t look_at(const std::vector<Record>& records, Wanted wanted) const {
    std::uint64_t steps = 0;
    std::size_t looked = 0;
    while (looked < records.size() && steps < match_steps_max) {
      const std::string& key = records[looked++].key;
      if (!pattern_ || matches(*pattern_, key, steps)) wanted(key);
    }
    return looked;
  }

 private:
  std::optional<std::string> pattern_;
};

bool is_pattern(Turn& turn, std::string_view text) {
  if (text.size() <= pattern_bytes_max) return true;
  turn.reply.error("ERR a pattern has at most 512 bytes");
  return false;
}
static_assert(pattern_bytes_max == 512, "as the error says");

// KEYS.
class TellKeys final : public RingWalk {
 public:
  TellKeys(const Filter& filter, Time ends) : RingWalk(filter.prefix(), ends), filter_(filter) {}

  std::size_t memory() const override { return bytes_; }

 private:
  std::optional<std::size_t> on_keys(Turn& turn, std::vector<Record>& records) override {
    const std::size_t looked = filter_.look_at(records, [&](const std::string& key) {
      keys_.push_back(key);
      bytes_ += sizeof(std::string) + key.size();
    });
    if (bytes_ <= results_bytes_max) return looked;
    turn.reply.error("ERR the reply would be larger than 64 MiB; use SCAN");
    return std::nullopt;
  }
  void on_end(Turn& turn) override {
    turn.reply.array(keys_.size());
    for (const std::string& each : keys_) turn.reply.bulk(each);
  }

  Filter filter_;
  std::vector<std::string> keys_;
  std::size_t bytes_ = 0;
};
static_assert(results_bytes_max == std::size_t{64} << 20, "as the error says");

// FLUSHALL: each key that was there when it began goes, one by one.
class EraseAll final : public RingWalk {
 private:
  std::optional<std::size_t> on_keys(Turn& turn, std::vector<Record>& records) override {
    for (Record& each : records) turn.ask_again(Erase{std::move(each.key)});
    return records.size();
  }
  void on_result(const OpResult& result) override {
    if (!result.error) return void(has_erased_ = true);
    if (!error_) error_ = result.error;
    if (!is_definite(*result.error)) has_erased_ = true;
  }
  void on_error(Turn& turn, OpError error) override {
    has_erased_ ? write_partly_done(turn.reply) : write_error(error, turn.reply);
  }
  void on_end(Turn& turn) override { error_ ? on_error(turn, *error_) : turn.reply.ok(); }

  bool has_erased_ = false;  // or may have
  std::optional<OpError> error_;
};

// SCAN. Its cursor is a position: 0 before the first and behind the last. So a page ends between
// two positions, and not among the keys of one, which all but never has two.
class TellPage final : public Task {
 public:
  TellPage(Position first, const Filter& filter, std::uint32_t count)
      : filter_(filter), count_(count), next_{first, {}} {}

  Scan scan() const {
    const std::size_t missing = count_ - std::min<std::size_t>(met_, count_ - 1);
    const auto records = static_cast<std::uint32_t>(
        std::min<std::size_t>(missing + 1, scan_records_max));  // where it goes on, and that many
    return Scan{next_, filter_.prefix(), records, true};
  }

  void go_on(Turn& turn, std::vector<Finding>&& findings) override {
    auto& page = std::get<ScanResult>(findings.front());
    const RingConfig* const ring = turn.keyspace.ring();
    if (page.error || ring == nullptr) {
      return write_error(page.error.value_or(OpError::unavailable), turn.reply);
    }
    take(*ring, page.step);
    if (!page.step.next) return reply(turn, Position{0});
    next_ = std::move(*page.step.next);
    const bool is_enough = met_ >= count_ || ++steps_ >= steps_max || bytes_ > waiting_bytes_mark;
    if (is_enough && next_.last_key.empty()) return reply(turn, next_.position);
    turn.ask_again(scan());
  }
  std::size_t memory() const override { return bytes_; }

 private:
  // Arcs that one command looks into: most of those of a ring without keys are empty.
  static constexpr int steps_max = 64;

  // Leaves in step.next where it goes on.
  void take(const RingConfig& ring, ScanStep& step) {
    const auto at = [&](const Record& each) { return position_of(ring.hash_key, each.key); };
    if (step.next && !step.next->last_key.empty() && step.next->position != next_.position) {
      // What belongs to the position in which the page ends comes with the next one, as a whole.
      const Position last = step.next->position;
      while (!step.records.empty() && at(step.records.back()) == last) step.records.pop_back();
      step.next = ScanCursor{last, {}};
    }
    const std::size_t looked = filter_.look_at(step.records, [&](const std::string& key) {
      keys_.push_back(key);
      bytes_ += sizeof(std::string) + key.size();
    });
    met_ += looked;
    if (looked == step.records.size()) return;
    const Position begins = at(step.records[looked]);
    const bool splits = begins == at(step.records[looked - 1]);
    step.next = ScanCursor{begins, splits ? step.records[looked - 1].key : std::string()};
  }
  void reply(Turn& turn, Position next) {
    turn.reply.array(2);
    turn.reply.bulk(std::to_string(next.value));
    turn.reply.array(keys_.size());
    for (const std::string& each : keys_) turn.reply.bulk(each);
  }

  Filter filter_;
  std::size_t count_;
  ScanCursor next_;
  std::size_t met_ = 0;
  int steps_ = 0;
  std::vector<std::string> keys_;
  std::size_t bytes_ = 0;  // of them
};

struct ScanOptions {
  Filter filter;
  std::uint32_t count = 10;
  bool has_none = false;  // of the wanted type
};

std::optional<ScanOptions> read_scan_options(Turn& turn) {
  const Arguments& words = turn.arguments;
  ScanOptions options;
  for (std::size_t i = 2; i < words.size(); i += 2) {
    const bool has_value = i + 1 < words.size();
    std::int64_t count = 0;
    if (has_value && is_same_word(words[i], "match")) {
      if (!is_pattern(turn, words[i + 1])) return std::nullopt;
      options.filter = words[i + 1] == "*" ? Filter() : Filter(words[i + 1]);
    } else if (has_value && is_same_word(words[i], "count")) {
      if (!parse_integer(words[i + 1], count)) return turn.not_an_integer(), std::nullopt;
      if (count < 1) return turn.syntax_error(), std::nullopt;
      // A step of a scan gives no more.
      options.count =
          static_cast<std::uint32_t>(std::min<std::int64_t>(count, scan_records_max - 1));
    } else if (has_value && is_same_word(words[i], "type")) {
      options.has_none = !is_same_word(words[i + 1], "string");
    } else {
      return turn.syntax_error(), std::nullopt;
    }
  }
  return options;
}

// RANDOMKEY: the first one behind a random position.
class TellAny final : public Task {
 public:
  explicit TellAny(Position first) : first_(first), next_{first, {}} {}

  Scan scan() const { return Scan{next_, {}, 1, true}; }

  void go_on(Turn& turn, std::vector<Finding>&& findings) override {
    auto& page = std::get<ScanResult>(findings.front());
    if (page.error) return write_error(*page.error, turn.reply);
    if (!page.step.records.empty()) return turn.reply.bulk(page.step.records.front().key);
    const bool is_around = has_wrapped_ && (!page.step.next || page.step.next->position > first_);
    if (is_around) return turn.reply.null();
    has_wrapped_ = has_wrapped_ || !page.step.next;
    next_ = page.step.next ? std::move(*page.step.next) : ScanCursor{Position{0}, {}};
    turn.ask_again(scan());
  }

 private:
  Position first_;
  ScanCursor next_;
  bool has_wrapped_ = false;
};

}  // namespace

namespace begin {

void keys(Turn& turn) {
  if (!is_pattern(turn, turn.arguments[1])) return;
  RingWalk::begin(turn, std::make_unique<TellKeys>(Filter(turn.arguments[1]),
                                                   turn.now.monotonic + walk_time_max));
}

void scan(Turn& turn) {
  const std::string_view text = turn.arguments[1];
  std::uint64_t cursor = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), cursor);
  const bool is_cursor =
      !text.empty() && parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  if (!is_cursor) return turn.reply.error("ERR invalid cursor");
  const auto options = read_scan_options(turn);
  if (!options) return;
  if (options->has_none) {
    turn.reply.array(2);
    turn.reply.bulk("0");
    return turn.reply.array(0);
  }
  auto task = std::make_unique<TellPage>(Position{cursor}, options->filter, options->count);
  turn.ask_again(task->scan());
  turn.task = std::move(task);
}

void randomkey(Turn& turn) {
  auto task = std::make_unique<TellAny>(Position{turn.keyspace.random()});
  turn.ask_again(task->scan());
  turn.task = std::move(task);
}

void flush(Turn& turn) {
  const Arguments& words = turn.arguments;
  const bool is_known =
      words.size() == 1 ||
      (words.size() == 2 && (is_same_word(words[1], "sync") || is_same_word(words[1], "async")));
  if (!is_known) return turn.syntax_error();
  if (!turn.options.may_flush) {
    return turn.reply.error(
        "ERR this would erase all keys of the ring, which is allowed at peers "
        "that are started with --allow-flush only");
  }
  RingWalk::begin(turn, std::make_unique<EraseAll>());
}

}  // namespace begin

}  // namespace hopring::resp
