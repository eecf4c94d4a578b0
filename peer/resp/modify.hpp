#pragma once

// Commands that no single operation can do: read, decide, and write if nobody has changed the value
// in between (compare_and_set, or a put that only creates); else decide again by what is there now.
//
// Compared is the value, not its expiry: docs/resp.md says what that means for EXPIRE with NX, XX,
// GT and LT.

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

  void go_on(Turn& turn, std::vector<OpResult>&& results) final;

 protected:
  explicit Modify(std::string key) : key_(std::move(key)) {}

  struct Found {
    Value value;
    std::int64_t expiry_ms = 0;  // absolute; 0: never
  };
  struct Write {
    Value value;
    Expiry expiry;
  };
  // What to write in place of `found`; nullopt: it has replied.
  virtual std::optional<Write> decide(Turn& turn, const std::optional<Found>& found) = 0;
  // It has been written.
  virtual void reply(Turn& turn, const std::optional<Found>& found) = 0;

 private:
  void attempt(Turn& turn);

  std::string key_;
  std::optional<Found> found_;
  bool is_writing_ = false;
  int tries_ = 0;
};

// An expiry that has passed: a record written with it is gone.
inline constexpr Expiry long_ago{Expiry::Kind::at, 1};

// Tells the value as GET does.
void write_value(const Value& value, ReplyWriter& reply);

enum class Unit : std::int64_t { milliseconds = 1, seconds = 1000 };

// The milliseconds in `text`; nullopt, and an error has been written, if it is no number or too
// far away: of one that is not `is_absolute`, from now on.
std::optional<std::int64_t> read_time(Turn& turn, std::string_view text, Unit unit,
                                      bool is_absolute);
void invalid_expire_time(Turn& turn);

}  // namespace hopring::resp
