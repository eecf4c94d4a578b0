// Commands that read or write a value as a whole.

#include "peer/resp/modify.hpp"

namespace hopring::resp {
namespace {

Value string_value(std::string_view bytes) { return {ValueType::string, std::string(bytes)}; }

// Of a write without conditions.
void answer_ok(Turn& turn, OpResult&& result) {
  result.error ? write_error(*result.error, turn.reply) : turn.reply.ok();
}

// SET, as its options say.
struct SetOptions {
  Expiry expiry;
  PutCondition condition = PutCondition::always;
  std::optional<std::string> if_equal;    // then it must be there, too
  std::optional<std::string> if_unequal;  // or absent
  bool wants_old = false;

  bool has_condition() const { return condition != PutCondition::always || if_equal || if_unequal; }
};

// Of the word at `i`, which it moves behind the words that belong to it.
bool read_set_condition(const Arguments& words, std::size_t& i, SetOptions& options) {
  const std::string word = in_small_letters(words[i].substr(0, 8));
  const bool is_free = !options.has_condition();
  if (word == "nx" && (is_free || options.condition == PutCondition::if_absent)) {
    options.condition = PutCondition::if_absent;
  } else if (word == "xx" && (is_free || options.condition == PutCondition::if_present)) {
    options.condition = PutCondition::if_present;
  } else if (word == "ifeq" && is_free && i + 1 < words.size()) {
    options.if_equal = words[++i];
  } else if (word == "ifne" && is_free && i + 1 < words.size()) {
    options.if_unequal = words[++i];
  } else {
    return false;
  }
  return true;
}

std::optional<SetOptions> read_set_options(Turn& turn) {
  const Arguments& words = turn.arguments;
  SetOptions options;
  std::size_t time_at = 0;
  for (std::size_t i = 3; i < words.size(); ++i) {
    const std::string word = in_small_letters(words[i].substr(0, 8));
    const bool may_expire = options.expiry.kind == Expiry::Kind::never && time_at == 0;
    if (word == "get") {
      options.wants_old = true;
    } else if (word == "keepttl" && time_at == 0) {
      options.expiry = keep;
    } else if (is_time_word(word) && may_expire && i + 1 < words.size()) {
      time_at = i++;
    } else if (!read_set_condition(words, i, options)) {
      turn.syntax_error();
      return std::nullopt;
    }
  }
  if (time_at == 0) return options;
  const auto expiry = read_expiry(turn, in_small_letters(words[time_at]), words[time_at + 1]);
  if (!expiry) return std::nullopt;
  options.expiry = *expiry;
  return options;
}

// SET with GET, IFEQ or IFNE, and GETSET.
class SetAsFound final : public Modify {
 public:
  SetAsFound(std::string key, Value value, SetOptions options)
      : Modify(std::move(key)), value_(std::move(value)), options_(std::move(options)) {}

 private:
  bool allows(const std::optional<Found>& found) const {
    if (options_.condition == PutCondition::if_absent) return !found;
    if (options_.condition == PutCondition::if_present) return found.has_value();
    std::string buffer;
    if (options_.if_equal) return found && text_of(found->value, buffer) == *options_.if_equal;
    return !options_.if_unequal || !found || text_of(found->value, buffer) != *options_.if_unequal;
  }
  std::optional<Change> decide(Turn& turn, const std::optional<Found>& found) override {
    if (allows(found)) return Change{value_, options_.expiry};
    options_.wants_old ? reply(turn, found) : turn.reply.null();
    return std::nullopt;
  }
  void reply(Turn& turn, const std::optional<Found>& found) override {
    if (!options_.wants_old) return turn.reply.ok();
    found ? write_value(found->value, turn.reply) : turn.reply.null();
  }

  Value value_;
  SetOptions options_;
};

// GETDEL.
class GetAndErase final : public Modify {
 public:
  explicit GetAndErase(std::string key) : Modify(std::move(key)) {}

 private:
  std::optional<Change> decide(Turn& turn, const std::optional<Found>& found) override {
    if (found) return Change{};
    turn.reply.null();
    return std::nullopt;
  }
  void reply(Turn& turn, const std::optional<Found>& found) override {
    write_value(found->value, turn.reply);
  }
};

// DELEX with a condition.
class EraseIf final : public Modify {
 public:
  EraseIf(std::string key, std::string_view text, bool if_equal)
      : Modify(std::move(key)), text_(text), if_equal_(if_equal) {}

 private:
  std::optional<Change> decide(Turn& turn, const std::optional<Found>& found) override {
    std::string buffer;
    if (found && (text_of(found->value, buffer) == text_) == if_equal_) return Change{};
    turn.reply.integer(0);
    return std::nullopt;
  }
  void reply(Turn& turn, const std::optional<Found>&) override { turn.reply.integer(1); }

  std::string text_;
  bool if_equal_;
};

}  // namespace

namespace begin {

void get(Turn& turn) { turn.ask_value(turn.arguments[1]); }

void set(Turn& turn) {
  auto options = read_set_options(turn);
  if (!options) return;
  if (options->wants_old || options->if_equal || options->if_unequal) {
    return Modify::begin(turn,
                         std::make_unique<SetAsFound>(turn.key(1), string_value(turn.arguments[2]),
                                                      std::move(*options)));
  }
  turn.ask_put(turn.arguments[1], turn.arguments[2], options->expiry, options->condition,
               [](Turn& then, OpResult&& result) {
                 if (result.error) return write_error(*result.error, then.reply);
                 result.outcome == Outcome::done ? then.reply.ok() : then.reply.null();
               });
}

void setnx(Turn& turn) {
  turn.ask_put(turn.arguments[1], turn.arguments[2], {}, PutCondition::if_absent,
               [](Turn& then, OpResult&& result) {
                 if (result.error) return write_error(*result.error, then.reply);
                 then.reply.integer(result.outcome == Outcome::done ? 1 : 0);
               });
}

void setex(Turn& turn) {
  const std::string_view word = turn.command.name == "psetex" ? "px" : "ex";
  const auto expiry = read_expiry(turn, word, turn.arguments[2]);
  if (!expiry) return;
  turn.ask_put(turn.arguments[1], turn.arguments[3], *expiry, PutCondition::always, answer_ok);
}

void getset(Turn& turn) {
  SetOptions options;
  options.wants_old = true;
  Modify::begin(turn, std::make_unique<SetAsFound>(turn.key(1), string_value(turn.arguments[2]),
                                                   std::move(options)));
}

void getdel(Turn& turn) { Modify::begin(turn, std::make_unique<GetAndErase>(turn.key(1))); }

void delex(Turn& turn) {
  const Arguments& words = turn.arguments;
  if (words.size() == 2) return del(turn);
  const bool if_equal = is_same_word(words[2], "ifeq");
  if (words.size() != 4) return turn.wrong_arity();
  if (!if_equal && !is_same_word(words[2], "ifne")) return turn.syntax_error();
  Modify::begin(turn, std::make_unique<EraseIf>(turn.key(1), words[3], if_equal));
}

}  // namespace begin

}  // namespace hopring::resp
