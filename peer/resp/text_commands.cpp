// Commands that look into a value or change a part of it, and those that count.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "peer/resp/modify.hpp"

namespace hopring::resp {
namespace {

class Append final : public Modify {
 public:
  Append(std::string key, std::string_view bytes) : Modify(std::move(key)), bytes_(bytes) {}

 private:
  std::optional<Change> decide(Turn&, const std::optional<Found>& found) override {
    std::string whole;
    if (found) {
      std::string buffer;
      whole = text_of(found->value, buffer);
    }
    whole += bytes_;
    size_ = whole.size();
    return Change{Value{ValueType::string, std::move(whole)}, keep};
  }
  void reply(Turn& turn, const std::optional<Found>&) override {
    turn.reply.integer(static_cast<std::int64_t>(size_));
  }

  std::string bytes_;
  std::size_t size_ = 0;
};

// SETRANGE. REQUIRES: end <= bulk_bytes_max.
class Overwrite final : public Modify {
 public:
  Overwrite(std::string key, std::size_t at, std::string_view bytes)
      : Modify(std::move(key)), at_(at), bytes_(bytes) {}

 private:
  std::optional<Change> decide(Turn& turn, const std::optional<Found>& found) override {
    std::string whole;
    if (found) {
      std::string buffer;
      whole = text_of(found->value, buffer);
    }
    size_ = whole.size();
    if (bytes_.empty()) {
      reply(turn, found);
      return std::nullopt;
    }
    size_ = std::max(size_, at_ + bytes_.size());
    whole.resize(size_, '\0');
    whole.replace(at_, bytes_.size(), bytes_);
    return Change{Value{ValueType::string, std::move(whole)}, keep};
  }
  void reply(Turn& turn, const std::optional<Found>&) override {
    turn.reply.integer(static_cast<std::int64_t>(size_));
  }

  std::size_t at_;
  std::string bytes_;
  std::size_t size_ = 0;
};

// Of `text`: indices from the end are negative, and both ends belong to it.
std::string_view range_of(std::string_view text, std::int64_t first, std::int64_t last) {
  const auto size = static_cast<std::int64_t>(text.size());
  if (first < 0 && last < 0 && first > last) return {};
  if (first < 0) first = std::max<std::int64_t>(first + size, 0);
  if (last < 0) last = std::max<std::int64_t>(last + size, 0);
  last = std::min(last, size - 1);
  if (first > last) return {};
  return text.substr(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first) + 1);
}

class TellRange final : public Task {
 public:
  TellRange(std::int64_t first, std::int64_t last) : first_(first), last_(last) {}

  void go_on(Turn& turn, std::vector<Finding>&& findings) override {
    const auto& result = std::get<OpResult>(findings.front());
    if (result.error) return write_error(*result.error, turn.reply);
    std::string buffer;
    const std::string_view text =
        result.value ? text_of(*result.value, buffer) : std::string_view();
    turn.reply.bulk(range_of(text, first_, last_));
  }

 private:
  std::int64_t first_;
  std::int64_t last_;
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

// As Redis reads and prints what INCRBYFLOAT counts: with the digits of a long double.
std::optional<long double> read_float(std::string_view text) {
  constexpr std::size_t text_bytes_max = 5119;
  const bool is_text = !text.empty() && text.size() <= text_bytes_max &&
                       std::isspace(static_cast<unsigned char>(text.front())) == 0 &&
                       text.find('\0') == std::string_view::npos;
  if (!is_text) return std::nullopt;
  const std::string whole(text);
  char* end = nullptr;
  errno = 0;
  const long double number = std::strtold(whole.c_str(), &end);
  const bool is_all = end == whole.c_str() + whole.size();
  const bool is_out_of_range =
      errno == ERANGE && (std::isinf(number) || std::fpclassify(number) == FP_ZERO);
  if (!is_all || is_out_of_range || std::isnan(number)) return std::nullopt;
  return number;
}

std::string to_text(long double number) {
  constexpr int digits = 17;
  std::array<char, 5120> text;  // the largest has 4933 digits before the point
  const int size = std::snprintf(text.data(), text.size(), "%.*Lf", digits, number);
  std::string_view told(text.data(), static_cast<std::size_t>(size));
  told = told.substr(0, told.find_last_not_of('0') + 1);
  if (told.ends_with('.')) told.remove_suffix(1);
  return told == "-0" ? "0" : std::string(told);
}

class AddFloat final : public Modify {
 public:
  AddFloat(std::string key, long double delta) : Modify(std::move(key)), delta_(delta) {}

 private:
  std::optional<Change> decide(Turn& turn, const std::optional<Found>& found) override {
    std::optional<long double> old = 0;
    if (found) {
      std::string buffer;
      old = read_float(text_of(found->value, buffer));
    }
    if (!old) {
      turn.reply.error("ERR value is not a valid float");
      return std::nullopt;
    }
    const long double sum = *old + delta_;
    if (std::isnan(sum) || std::isinf(sum)) {
      turn.reply.error("ERR increment would produce NaN or Infinity");
      return std::nullopt;
    }
    // A floating of the ring stays one. All else becomes text, as with Redis.
    Value value{ValueType::string, to_text(sum)};
    if (found && found->value.type == ValueType::floating) {
      value = {ValueType::floating, encode_floating(static_cast<double>(sum))};
    }
    std::string buffer;
    told_ = text_of(value, buffer);
    return Change{std::move(value), keep};
  }
  void reply(Turn& turn, const std::optional<Found>&) override { turn.reply.bulk(told_); }

  long double delta_;
  std::string told_;
};

}  // namespace

namespace begin {

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

void getrange(Turn& turn) {
  std::int64_t first = 0;
  std::int64_t last = 0;
  const bool are_numbers =
      parse_integer(turn.arguments[2], first) && parse_integer(turn.arguments[3], last);
  if (!are_numbers) return turn.not_an_integer();
  turn.ask(ask_for_each(turn, 1, 2, [](std::string key) { return Get{std::move(key)}; }),
           std::make_unique<TellRange>(first, last));
}

void setrange(Turn& turn) {
  std::int64_t at = 0;
  if (!parse_integer(turn.arguments[2], at)) return turn.not_an_integer();
  if (at < 0) return turn.reply.error("ERR offset is out of range");
  const std::string_view bytes = turn.arguments[3];
  const auto end = static_cast<std::uint64_t>(at) + bytes.size();
  if (!bytes.empty() && end > bulk_bytes_max) {
    return write_error(OpError::value_too_long, turn.reply);
  }
  Modify::begin(turn,
                std::make_unique<Overwrite>(turn.key(1), static_cast<std::size_t>(at), bytes));
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

void incrbyfloat(Turn& turn) {
  const auto delta = read_float(turn.arguments[2]);
  if (!delta) return turn.reply.error("ERR value is not a valid float");
  Modify::begin(turn, std::make_unique<AddFloat>(turn.key(1), *delta));
}

}  // namespace begin

}  // namespace hopring::resp
