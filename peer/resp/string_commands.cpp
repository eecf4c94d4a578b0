// Commands about values.

#include <limits>
#include <map>

#include "peer/resp/modify.hpp"

namespace hopring::resp {
namespace {

Value string_value(std::string_view bytes) { return {ValueType::string, std::string(bytes)}; }

// Of a write without conditions.
void answer_ok(Turn& turn, OpResult&& result) {
  result.error ? write_error(*result.error, turn.reply) : turn.reply.ok();
}

// The value, or null.
void answer_value(Turn& turn, OpResult&& result) {
  if (result.error) return write_error(*result.error, turn.reply);
  result.value ? write_value(*result.value, turn.reply) : turn.reply.null();
}

// SET, as its options say.
struct SetOptions {
  Expiry expiry;
  PutCondition condition = PutCondition::always;
  bool wants_old = false;
};

// One of EX, PX, EXAT, PXAT with its time; false: an error has been written.
bool read_set_expiry(Turn& turn, std::string_view word, std::string_view text, Expiry& expiry) {
  const bool is_absolute = word.size() == 4;
  const Unit unit = word.starts_with('p') ? Unit::milliseconds : Unit::seconds;
  const auto ms = read_time(turn, text, unit, is_absolute);
  if (!ms) return false;
  if (*ms <= 0) {
    invalid_expire_time(turn);
    return false;
  }
  expiry = {is_absolute ? Expiry::Kind::at : Expiry::Kind::after, *ms};
  return true;
}

bool is_set_time(std::string_view word) {
  return word == "ex" || word == "px" || word == "exat" || word == "pxat";
}

std::optional<SetOptions> read_set_options(Turn& turn) {
  const Arguments& words = turn.arguments;
  SetOptions options;
  const auto fail = [&] {
    turn.syntax_error();
    return std::nullopt;
  };
  std::size_t time_at = 0;
  for (std::size_t i = 3; i < words.size(); ++i) {
    const std::string word = in_small_letters(words[i].substr(0, 8));
    const bool is_free = options.condition == PutCondition::always;
    const bool may_expire = options.expiry.kind == Expiry::Kind::never && time_at == 0;
    if (word == "nx" && (is_free || options.condition == PutCondition::if_absent)) {
      options.condition = PutCondition::if_absent;
    } else if (word == "xx" && (is_free || options.condition == PutCondition::if_present)) {
      options.condition = PutCondition::if_present;
    } else if (word == "get") {
      options.wants_old = true;
    } else if (word == "keepttl" && time_at == 0) {
      options.expiry = {Expiry::Kind::keep, 0};
    } else if (is_set_time(word) && may_expire && i + 1 < words.size()) {
      time_at = i++;
    } else {
      return fail();
    }
  }
  if (time_at == 0) return options;
  const std::string word = in_small_letters(words[time_at]);
  if (!read_set_expiry(turn, word, words[time_at + 1], options.expiry)) return std::nullopt;
  return options;
}

// SET with GET, and GETSET.
class SetAndTell final : public Modify {
 public:
  SetAndTell(std::string key, Value value, const SetOptions& options)
      : Modify(std::move(key)), value_(std::move(value)), options_(options) {}

 private:
  std::optional<Write> decide(Turn& turn, const std::optional<Found>& found) override {
    const bool is_refused = options_.condition == PutCondition::if_absent    ? found.has_value()
                            : options_.condition == PutCondition::if_present ? !found
                                                                             : false;
    if (!is_refused) return Write{value_, options_.expiry};
    reply(turn, found);
    return std::nullopt;
  }
  void reply(Turn& turn, const std::optional<Found>& found) override {
    found ? write_value(found->value, turn.reply) : turn.reply.null();
  }

  Value value_;
  SetOptions options_;
};

class GetAndErase final : public Modify {
 public:
  explicit GetAndErase(std::string key) : Modify(std::move(key)) {}

 private:
  std::optional<Write> decide(Turn& turn, const std::optional<Found>& found) override {
    if (found) return Write{found->value, long_ago};
    turn.reply.null();
    return std::nullopt;
  }
  void reply(Turn& turn, const std::optional<Found>& found) override {
    write_value(found->value, turn.reply);
  }
};

class Append final : public Modify {
 public:
  Append(std::string key, std::string_view bytes) : Modify(std::move(key)), bytes_(bytes) {}

 private:
  std::optional<Write> decide(Turn&, const std::optional<Found>& found) override {
    std::string whole;
    if (found) {
      std::string buffer;
      whole = text_of(found->value, buffer);
    }
    whole += bytes_;
    size_ = whole.size();
    return Write{{ValueType::string, std::move(whole)}, {Expiry::Kind::keep, 0}};
  }
  void reply(Turn& turn, const std::optional<Found>&) override {
    turn.reply.integer(static_cast<std::int64_t>(size_));
  }

  std::string bytes_;
  std::size_t size_ = 0;
};

class TellEach final : public Task {
 public:
  void go_on(Turn& turn, std::vector<OpResult>&& results) override {
    for (const OpResult& each : results) {
      if (each.error) return write_error(*each.error, turn.reply);
    }
    turn.reply.array(results.size());
    for (const OpResult& each : results) {
      each.value ? write_value(*each.value, turn.reply) : turn.reply.null();
    }
  }
};

class SetEach final : public Task {
 public:
  void go_on(Turn& turn, std::vector<OpResult>&& results) override {
    std::size_t failed = 0;
    for (const OpResult& each : results) failed += each.error ? 1 : 0;
    if (failed == 0) return turn.reply.ok();
    if (failed < results.size()) return write_partly_done(turn.reply);
    write_error(*results.front().error, turn.reply);
  }
};

void add(Turn& turn, std::int64_t delta) {
  turn.ask(Add{turn.key(1), delta}, [](Turn& then, OpResult&& result) {
    if (result.error) return write_error(*result.error, then.reply);
    std::string buffer;
    std::int64_t sum = 0;
    parse_integer(text_of(*result.value, buffer), sum);
    then.reply.integer(sum);
  });
}

}  // namespace

namespace begin {

void get(Turn& turn) { turn.ask(Get{turn.key(1)}, answer_value); }

void set(Turn& turn) {
  const auto options = read_set_options(turn);
  if (!options) return;
  Value value = string_value(turn.arguments[2]);
  if (options->wants_old) {
    return Modify::begin(turn,
                         std::make_unique<SetAndTell>(turn.key(1), std::move(value), *options));
  }
  turn.ask(Put{turn.key(1), std::move(value), options->expiry, options->condition},
           [](Turn& then, OpResult&& result) {
             if (result.error) return write_error(*result.error, then.reply);
             result.outcome == Outcome::done ? then.reply.ok() : then.reply.null();
           });
}

void setnx(Turn& turn) {
  turn.ask(Put{turn.key(1), string_value(turn.arguments[2]), {}, PutCondition::if_absent},
           [](Turn& then, OpResult&& result) {
             if (result.error) return write_error(*result.error, then.reply);
             then.reply.integer(result.outcome == Outcome::done ? 1 : 0);
           });
}

void setex(Turn& turn) {
  Expiry expiry;
  const std::string_view word = turn.command.name == "psetex" ? "px" : "ex";
  if (!read_set_expiry(turn, word, turn.arguments[2], expiry)) return;
  turn.ask(Put{turn.key(1), string_value(turn.arguments[3]), expiry}, answer_ok);
}

void getset(Turn& turn) {
  Modify::begin(turn, std::make_unique<SetAndTell>(turn.key(1), string_value(turn.arguments[2]),
                                                   SetOptions{}));
}

void getdel(Turn& turn) { Modify::begin(turn, std::make_unique<GetAndErase>(turn.key(1))); }

void append(Turn& turn) {
  Modify::begin(turn, std::make_unique<Append>(turn.key(1), turn.arguments[2]));
}

void strlen(Turn& turn) {
  turn.ask(Get{turn.key(1)}, [](Turn& then, OpResult&& result) {
    if (result.error) return write_error(*result.error, then.reply);
    std::string buffer;
    const std::size_t size = result.value ? text_of(*result.value, buffer).size() : 0;
    then.reply.integer(static_cast<std::int64_t>(size));
  });
}

void mget(Turn& turn) {
  std::vector<Operation> reads;
  reads.reserve(turn.arguments.size() - 1);
  for (std::size_t i = 1; i < turn.arguments.size(); ++i) reads.emplace_back(Get{turn.key(i)});
  turn.ask(std::move(reads), std::make_unique<TellEach>());
}

// Of a key that stands twice the last value counts, as if they were set in order.
void mset(Turn& turn) {
  if (turn.arguments.size() % 2 == 0) return turn.wrong_arity();
  std::map<std::string_view, std::size_t> last;  // keys of a stranger: no hash to be flooded
  for (std::size_t i = 1; i < turn.arguments.size(); i += 2) last[turn.arguments[i]] = i;
  std::vector<Operation> puts;
  puts.reserve(last.size());
  for (std::size_t i = 1; i < turn.arguments.size(); i += 2) {
    if (last[turn.arguments[i]] != i) continue;
    puts.emplace_back(Put{turn.key(i), string_value(turn.arguments[i + 1]), {}});
  }
  turn.ask(std::move(puts), std::make_unique<SetEach>());
}

void incr(Turn& turn) { add(turn, 1); }
void decr(Turn& turn) { add(turn, -1); }

void incrby(Turn& turn) {
  std::int64_t delta = 0;
  parse_integer(turn.arguments[2], delta) ? add(turn, delta) : turn.not_an_integer();
}

void decrby(Turn& turn) {
  std::int64_t delta = 0;
  if (!parse_integer(turn.arguments[2], delta)) return turn.not_an_integer();
  if (delta == std::numeric_limits<std::int64_t>::min()) {
    return turn.reply.error("ERR decrement would overflow");
  }
  add(turn, -delta);
}

}  // namespace begin

}  // namespace hopring::resp
