// Commands about how long a record stays.

#include <algorithm>

#include "peer/resp/modify.hpp"

namespace hopring::resp {
namespace {

// When the record ends, less `base`, in the unit that the command's name says: rounded to whole
// seconds, but for those of milliseconds. -1: never, -2: there is none.
void write_end(Turn& turn, const OpResult& result, std::int64_t base) {
  if (result.error) return write_error(*result.error, turn.reply);
  if (!result.value) return turn.reply.integer(-2);
  if (result.expiry_ms == 0) return turn.reply.integer(-1);
  const std::int64_t ms = std::max<std::int64_t>(result.expiry_ms - base, 0);
  turn.reply.integer(turn.command.name.starts_with('p') ? ms : (ms + 500) / 1000);
}

// An expiry that has passed: a record written with it is gone.
constexpr Expiry long_ago{Expiry::Kind::at, 1};

// EXPIRE and its like.
struct ExpireOptions {
  Expiry expiry;
  std::int64_t at_ms = 0;  // the same, absolute, by this peer's clock
  bool if_none = false;
  bool if_some = false;
  bool if_later = false;
  bool if_sooner = false;

  bool has_condition() const { return if_none || if_some || if_later || if_sooner; }
  // Of a record that ends at `expiry_ms`, 0: never.
  bool allows(std::int64_t expiry_ms) const {
    if (if_none && expiry_ms != 0) return false;
    if (if_some && expiry_ms == 0) return false;
    if (if_later && (expiry_ms == 0 || at_ms <= expiry_ms)) return false;
    return !if_sooner || expiry_ms == 0 || at_ms < expiry_ms;
  }
};

bool read_expire_condition(Turn& turn, ExpireOptions& options) {
  for (std::size_t i = 3; i < turn.arguments.size(); ++i) {
    const std::string_view word = turn.arguments[i];
    if (is_same_word(word, "nx")) {
      options.if_none = true;
    } else if (is_same_word(word, "xx")) {
      options.if_some = true;
    } else if (is_same_word(word, "gt")) {
      options.if_later = true;
    } else if (is_same_word(word, "lt")) {
      options.if_sooner = true;
    } else {
      turn.reply.error("ERR Unsupported option " + std::string(word.substr(0, 128)));
      return false;
    }
  }
  if (options.if_none && (options.if_some || options.if_later || options.if_sooner)) {
    turn.reply.error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return false;
  }
  if (options.if_later && options.if_sooner) {
    turn.reply.error("ERR GT and LT options at the same time are not compatible");
    return false;
  }
  return true;
}

class Expire final : public Modify {
 public:
  Expire(std::string key, const ExpireOptions& options)
      : Modify(std::move(key)), options_(options) {}

 private:
  std::optional<Change> decide(Turn& turn, const std::optional<Found>& found) override {
    if (found && options_.allows(found->expiry_ms)) {
      return Change{found->value, options_.expiry, options_.has_condition()};
    }
    turn.reply.integer(0);
    return std::nullopt;
  }
  void reply(Turn& turn, const std::optional<Found>&) override { turn.reply.integer(1); }

  ExpireOptions options_;
};

class Persist final : public Modify {
 public:
  explicit Persist(std::string key) : Modify(std::move(key)) {}

 private:
  std::optional<Change> decide(Turn& turn, const std::optional<Found>& found) override {
    if (found && found->expiry_ms != 0) return Change{found->value, {}, true};
    turn.reply.integer(0);
    return std::nullopt;
  }
  void reply(Turn& turn, const std::optional<Found>&) override { turn.reply.integer(1); }
};

// GETEX with an option: PERSIST, or a time, which is looked at only if there is a value.
class GetAndExpire final : public Modify {
 public:
  GetAndExpire(std::string key, std::string word, std::string time)
      : Modify(std::move(key)), word_(std::move(word)), time_(std::move(time)) {}

 private:
  std::optional<Change> decide(Turn& turn, const std::optional<Found>& found) override {
    if (!found) {
      turn.reply.null();
      return std::nullopt;
    }
    if (word_ == "persist") {
      if (found->expiry_ms != 0) return Change{found->value, {}};
      reply(turn, found);
      return std::nullopt;
    }
    const auto expiry = read_expiry(turn, word_, time_);
    return expiry ? std::optional(Change{found->value, *expiry}) : std::nullopt;
  }
  void reply(Turn& turn, const std::optional<Found>& found) override {
    write_value(found->value, turn.reply);
  }

  std::string word_;
  std::string time_;
};

}  // namespace

namespace begin {

void ttl(Turn& turn) {
  turn.ask(Get{turn.key(1)}, [](Turn& then, OpResult&& result) {
    write_end(then, result, then.now.wall.ms_since_epoch);
  });
}

void expiretime(Turn& turn) {
  turn.ask(Get{turn.key(1)}, [](Turn& then, OpResult&& result) { write_end(then, result, 0); });
}

// A time that has passed removes the record.
void expire(Turn& turn) {
  const bool is_absolute = turn.command.name.ends_with("at");
  const Unit unit = turn.command.name.starts_with('p') ? Unit::milliseconds : Unit::seconds;
  ExpireOptions options;
  if (!read_expire_condition(turn, options)) return;
  const auto ms = read_time(turn, turn.arguments[2], unit, is_absolute);
  if (!ms) return;
  options.at_ms = is_absolute ? *ms : turn.now.wall.ms_since_epoch + *ms;
  options.expiry = {is_absolute ? Expiry::Kind::at : Expiry::Kind::after, *ms};
  if (*ms <= 0) options.expiry = long_ago;
  Modify::begin(turn, std::make_unique<Expire>(turn.key(1), options));
}

void persist(Turn& turn) { Modify::begin(turn, std::make_unique<Persist>(turn.key(1))); }

void getex(Turn& turn) {
  const Arguments& words = turn.arguments;
  if (words.size() == 2) return get(turn);
  const std::string word = in_small_letters(words[2].substr(0, 8));
  const bool is_time = words.size() == 4 && is_time_word(word);
  if (!is_time && (words.size() != 3 || word != "persist")) return turn.syntax_error();
  // A number has fewer digits than this.
  std::string time(is_time ? words[3].substr(0, 64) : std::string_view());
  Modify::begin(turn, std::make_unique<GetAndExpire>(turn.key(1), word, std::move(time)));
}

}  // namespace begin

}  // namespace hopring::resp
