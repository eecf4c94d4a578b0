#pragma once

// Commands that no single operation can do: read, decide, and write if nobody has changed the
// record in between (compare_and_set, an erase of that value, or a put that only creates); else
// decide again by what is there now.
//
// Compared is the value, and where the decision was about it, the expiry. A value that changed and
// changed back is not noticed, and need not be: the write is right for what is there.

#include <cstdint>
#include <optional>
#include <string>

#include "peer/resp/command.hpp"

namespace hopring::resp {

class Modify : public Task {
 public:
  // Rounds of one command, each lost to another's write; then it ends as TRYAGAIN.
  static constexpr int tries_max = 64;

  // Asks for the value first.
  static void begin(Turn& turn, std::unique_ptr<Modify> task);

  void go_on(Turn& turn, std::vector<Finding>&& findings) final;

 protected:
  explicit Modify(std::string key) : key_(std::move(key)) {}

  struct Found {
    Value value;
    std::int64_t expiry_ms = 0;  // absolute; 0: never
  };
  struct Change {
    std::optional<Value> value;  // nullopt: the record goes
    Expiry expiry = {};
    bool is_about_expiry = false;  // right only as long as the record ends as it was found
  };
  // What to make of `found`; nullopt: it has replied. REQUIRES of the change: where nothing was
  // found it has a value.
  virtual std::optional<Change> decide(Turn& turn, const std::optional<Found>& found) = 0;
  // It has been done.
  virtual void reply(Turn& turn, const std::optional<Found>& found) = 0;

 private:
  void attempt(Turn& turn);

  std::string key_;
  std::optional<Found> found_;
  bool is_writing_ = false;
  int tries_ = 0;
};

// The expiry stays as it is.
inline constexpr Expiry keep{Expiry::Kind::keep, 0};

// After tries_max rounds, before anything was changed.
void write_too_many_tries(ReplyWriter& reply);

// Tells the value as GET does.
void write_value(const Value& value, ReplyWriter& reply);

enum class Unit : std::int64_t { milliseconds = 1, seconds = 1000 };

// The milliseconds in `text`; nullopt, and an error has been written, if it is no number or too
// far away: of one that is not `is_absolute`, from now on.
std::optional<std::int64_t> read_time(Turn& turn, std::string_view text, Unit unit,
                                      bool is_absolute);
void invalid_expire_time(Turn& turn);

// EX, PX, EXAT or PXAT?
bool is_time_word(std::string_view in_small_letters);
// The time that belongs to such a word; nullopt, and an error has been written, if it is none, or
// not above 0.
std::optional<Expiry> read_expiry(Turn& turn, std::string_view word, std::string_view text);

}  // namespace hopring::resp
