// Commands about keys: what is known of them, and new names.

#include <algorithm>

#include "peer/resp/modify.hpp"
#include "storage/group/arc_records.hpp"

namespace hopring::resp {
namespace {

// Of a value, as OBJECT ENCODING of Redis 7 would say.
std::string_view encoding_of(std::string_view text) {
  constexpr std::size_t embedded_bytes_max = 44;
  std::int64_t number = 0;
  if (parse_integer(text, number)) return "int";
  return text.size() <= embedded_bytes_max ? "embstr" : "raw";
}

// RENAME and RENAMENX: writes the new key, then erases the old one if it still has the value that
// was copied; else copies what it has by now. So no value is ever lost, and between the two steps
// both keys are there.
class Rename final : public Task {
 public:
  Rename(std::string from, std::string to, bool if_absent)
      : from_(std::move(from)), to_(std::move(to)), if_absent_(if_absent) {}

  void go_on(Turn& turn, std::vector<Finding>&& findings) override {
    auto& result = std::get<OpResult>(findings.front());
    if (result.error) return fail(turn, *result.error);
    switch (step_) {
      case Step::reading:
        if (!result.value) return turn.reply.error("ERR no such key");
        if (from_ == to_) return reply(turn, !if_absent_);
        return write(turn, std::move(*result.value), result.expiry_ms);
      case Step::writing:
        if (result.outcome != Outcome::done) return refuse(turn);
        is_written_ = true;
        step_ = Step::erasing;
        return turn.ask_again(Erase{from_, written_});
      case Step::erasing:
        if (result.outcome != Outcome::mismatch) return reply(turn, true);
        if (++tries_ > Modify::tries_max) return write_partly_done(turn.reply);
        return write(turn, std::move(*result.value), result.expiry_ms);
    }
  }
  std::size_t memory() const override { return from_.size() + to_.size() + written_.bytes.size(); }

 private:
  enum class Step : std::uint8_t { reading, writing, erasing };

  void write(Turn& turn, Value&& value, std::int64_t expiry_ms) {
    const Expiry expiry = expiry_ms == 0 ? Expiry{} : Expiry{Expiry::Kind::at, expiry_ms};
    step_ = Step::writing;
    if (if_absent_ && is_written_) {
      turn.ask_again(CompareAndSet{to_, std::exchange(written_, value), value, expiry});
    } else {
      written_ = std::move(value);
      const auto condition = if_absent_ ? PutCondition::if_absent : PutCondition::always;
      turn.ask_again(Put{to_, written_, expiry, condition});
    }
  }
  // Somebody else has written the new key: before it was written here, or since.
  void refuse(Turn& turn) { is_written_ ? write_partly_done(turn.reply) : turn.reply.integer(0); }
  void fail(Turn& turn, OpError error) {
    is_written_ ? write_partly_done(turn.reply) : write_error(error, turn.reply);
  }
  void reply(Turn& turn, bool is_done) {
    if_absent_ ? turn.reply.integer(is_done ? 1 : 0) : turn.reply.ok();
  }

  std::string from_;
  std::string to_;
  bool if_absent_;
  Step step_ = Step::reading;
  Value written_;
  bool is_written_ = false;
  int tries_ = 0;
};

void begin_rename(Turn& turn, bool if_absent) {
  turn.ask(ask_for_each(turn, 1, 2, [](std::string key) { return Get{std::move(key)}; }),
           std::make_unique<Rename>(turn.key(1), turn.key(2), if_absent));
}

// How many bytes a record of this key takes, as `hopring ring` counts them.
class TellMemory final : public Task {
 public:
  explicit TellMemory(std::string key) : key_(std::move(key)) {}

  void go_on(Turn& turn, std::vector<Finding>&& findings) override {
    auto& result = std::get<OpResult>(findings.front());
    if (result.error) return write_error(*result.error, turn.reply);
    if (!result.value) return turn.reply.null();
    const hopring::Command record{Put{std::move(key_), std::move(*result.value), {}}};
    turn.reply.integer(static_cast<std::int64_t>(memory_of(record)));
  }

 private:
  std::string key_;
};

// Of an OBJECT subcommand.
void tell_encoding(Turn& turn, OpResult&& result) {
  if (result.error) return write_error(*result.error, turn.reply);
  if (!result.value) return turn.reply.null();
  std::string buffer;
  turn.reply.bulk(encoding_of(text_of(*result.value, buffer)));
}

template <std::int64_t number>
void tell_number(Turn& turn, OpResult&& result) {
  if (result.error) return write_error(*result.error, turn.reply);
  result.value ? turn.reply.integer(number) : turn.reply.null();
}

void tell_no_frequency(Turn& turn, OpResult&& result) {
  if (result.error) return write_error(*result.error, turn.reply);
  if (!result.value) return turn.reply.null();
  turn.reply.error(
      "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that "
      "when switching between policies at runtime LRU and LFU data will take some time to adjust.");
}

}  // namespace

namespace begin {

void type(Turn& turn) {
  turn.ask(Get{turn.key(1)}, [](Turn& then, OpResult&& result) {
    if (result.error) return write_error(*result.error, then.reply);
    then.reply.simple(result.value ? "string" : "none");
  });
}

void object(Turn& turn) {
  const std::string_view what = turn.arguments[1];
  const bool is_encoding = is_same_word(what, "encoding");
  const bool is_count = is_same_word(what, "refcount");
  const bool is_idle = is_same_word(what, "idletime");
  if (!is_encoding && !is_count && !is_idle && !is_same_word(what, "freq")) {
    return turn.unknown_subcommand();
  }
  if (turn.arguments.size() != 3) return turn.wrong_arity(what);
  // Looking is a use.
  const Answer answer = is_encoding ? tell_encoding
                        : is_count  ? tell_number<1>
                        : is_idle   ? tell_number<0>
                                    : tell_no_frequency;
  turn.ask(Get{turn.key(2)}, answer);
}

void memory(Turn& turn) {
  const Arguments& words = turn.arguments;
  if (!is_same_word(words[1], "usage")) return turn.unknown_subcommand();
  if (words.size() < 3) return turn.wrong_arity(words[1]);
  std::int64_t samples = 0;  // of what is nested in a value: nothing is
  const bool has_samples = words.size() == 5 && is_same_word(words[3], "samples");
  if (words.size() != 3 && !has_samples) return turn.syntax_error();
  if (has_samples && !parse_integer(words[4], samples)) return turn.not_an_integer();
  if (samples < 0) return turn.syntax_error();
  turn.ask(ask_for_each(turn, 2, 3, [](std::string key) { return Get{std::move(key)}; }),
           std::make_unique<TellMemory>(turn.key(2)));
}

void rename(Turn& turn) { begin_rename(turn, false); }
void renamenx(Turn& turn) { begin_rename(turn, true); }

}  // namespace begin

}  // namespace hopring::resp
