// Commands of several keys. All are asked for at once; none of these commands is atomic.

#include <algorithm>
#include <map>

#include "peer/resp/modify.hpp"

namespace hopring::resp {
namespace {

const OpResult& result_of(const Finding& finding) { return std::get<OpResult>(finding); }

// How many operations found their key.
class CountDone final : public Task {
 public:
  void go_on(Turn& turn, std::vector<Finding>&& findings) override {
    std::int64_t done = 0;
    std::size_t failed = 0;
    OpError error = OpError::unknown;
    for (const Finding& each : findings) {
      const OpResult& result = result_of(each);
      if (result.error) error = *result.error;
      failed += result.error ? 1 : 0;
      done += !result.error && result.outcome == Outcome::done ? 1 : 0;
    }
    if (failed == 0) return turn.reply.integer(done);
    if (turn.command.is_write() && failed < findings.size()) return write_partly_done(turn.reply);
    write_error(error, turn.reply);
  }
};

template <class Each>
void count(Turn& turn) {
  if (turn.arguments.size() == 2) {
    return turn.ask(Each{turn.key(1)}, [](Turn& then, OpResult&& result) {
      if (result.error) return write_error(*result.error, then.reply);
      then.reply.integer(result.outcome == Outcome::done ? 1 : 0);
    });
  }
  turn.ask(ask_for_each(turn, 1, turn.arguments.size(),
                        [](std::string key) { return Each{std::move(key)}; }),
           std::make_unique<CountDone>());
}

class TellEach final : public Task {
 public:
  void go_on(Turn& turn, std::vector<Finding>&& findings) override {
    for (const Finding& each : findings) {
      if (result_of(each).error) return write_error(*result_of(each).error, turn.reply);
    }
    turn.reply.array(findings.size());
    for (const Finding& each : findings) {
      const auto& value = result_of(each).value;
      value ? write_value(*value, turn.reply) : turn.reply.null();
    }
  }
};

class SetEach final : public Task {
 public:
  void go_on(Turn& turn, std::vector<Finding>&& findings) override {
    const auto has_failed = [](const Finding& each) { return result_of(each).error.has_value(); };
    const auto failed = std::count_if(findings.begin(), findings.end(), has_failed);
    if (failed == 0) return turn.reply.ok();
    if (static_cast<std::size_t>(failed) < findings.size()) return write_partly_done(turn.reply);
    write_error(*result_of(findings.front()).error, turn.reply);
  }
};

struct Pair {
  std::string key;
  Value value;
};

// The pairs behind the command's name. Of a key that stands twice the last value counts, as if they
// were set in order.
std::vector<Pair> pairs_of(const Arguments& words) {
  std::map<std::string_view, std::size_t> last;  // keys of a stranger: no hash to be flooded
  for (std::size_t i = 1; i < words.size(); i += 2) last[words[i]] = i;
  std::vector<Pair> pairs;
  pairs.reserve(last.size());
  for (std::size_t i = 1; i < words.size(); i += 2) {
    if (last[words[i]] != i) continue;
    pairs.push_back({std::string(words[i]), {ValueType::string, std::string(words[i + 1])}});
  }
  return pairs;
}

// MSETNX: looks whether there is any; creates each that nobody has created meanwhile; and if it
// could not create all, takes back those that it has, as long as they are as it made them.
class CreateAll final : public Task {
 public:
  explicit CreateAll(std::vector<Pair> pairs) : pairs_(std::move(pairs)) {}

  void go_on(Turn& turn, std::vector<Finding>&& findings) override {
    switch (step_) {
      case Step::looking:
        return on_looked(turn, findings);
      case Step::creating:
        return on_created(turn, findings);
      case Step::taking_back:
        return on_taken_back(turn, findings);
    }
  }
  std::size_t memory() const override {
    std::size_t bytes = pairs_.size() * sizeof(Pair);
    for (const Pair& each : pairs_) bytes += each.key.size() + each.value.bytes.size();
    return bytes;
  }

 private:
  enum class Step : std::uint8_t { looking, creating, taking_back };

  void on_looked(Turn& turn, const std::vector<Finding>& findings) {
    bool is_there = false;
    for (const Finding& each : findings) {
      if (result_of(each).error) return write_error(*result_of(each).error, turn.reply);
      if (result_of(each).outcome == Outcome::done) is_there = true;
    }
    if (is_there) return turn.reply.integer(0);
    step_ = Step::creating;
    for (const Pair& each : pairs_) {
      turn.ask_again(Put{each.key, each.value, {}, PutCondition::if_absent});
    }
  }
  void on_created(Turn& turn, const std::vector<Finding>& findings) {
    std::size_t created = 0;
    for (std::size_t i = 0; i < findings.size(); ++i) {
      const OpResult& result = result_of(findings[i]);
      if (result.error) {
        error_ = result.error;
        if (!is_definite(*result.error)) is_in_doubt_ = true;
      } else if (result.outcome == Outcome::done) {
        ++created;
        turn.ask_again(Erase{pairs_[i].key, pairs_[i].value});
      }
    }
    step_ = Step::taking_back;
    if (created == findings.size()) {
      turn.many.clear();
      turn.reply.integer(1);
    } else if (created == 0) {
      refuse(turn);
    }
  }
  void on_taken_back(Turn& turn, const std::vector<Finding>& findings) {
    for (const Finding& each : findings) {
      if (result_of(each).error) is_in_doubt_ = true;
    }
    refuse(turn);
  }
  // Nothing that it has created is left, as far as is known.
  void refuse(Turn& turn) {
    if (is_in_doubt_) return write_partly_done(turn.reply);
    error_ ? write_error(*error_, turn.reply) : turn.reply.integer(0);
  }

  std::vector<Pair> pairs_;
  Step step_ = Step::looking;
  std::optional<OpError> error_;
  bool is_in_doubt_ = false;
};

}  // namespace

namespace begin {

void del(Turn& turn) { count<Erase>(turn); }
void exists(Turn& turn) { count<Get>(turn); }

void mget(Turn& turn) {
  turn.ask(ask_for_each(turn, 1, turn.arguments.size(),
                        [](std::string key) { return Get{std::move(key)}; }),
           std::make_unique<TellEach>());
}

void mset(Turn& turn) {
  if (turn.arguments.size() % 2 == 0) return turn.wrong_arity();
  std::vector<Question> puts;
  for (Pair& each : pairs_of(turn.arguments)) {
    puts.emplace_back(Operation(Put{std::move(each.key), std::move(each.value), {}}));
  }
  turn.ask(std::move(puts), std::make_unique<SetEach>());
}

void msetnx(Turn& turn) {
  if (turn.arguments.size() % 2 == 0) return turn.wrong_arity();
  std::vector<Pair> pairs = pairs_of(turn.arguments);
  std::vector<Question> looks;
  looks.reserve(pairs.size());
  for (const Pair& each : pairs) looks.emplace_back(Operation(Get{each.key}));
  turn.ask(std::move(looks), std::make_unique<CreateAll>(std::move(pairs)));
}

}  // namespace begin

}  // namespace hopring::resp
