#include "peer/resp/modify.hpp"

#include <limits>
#include <utility>

namespace hopring::resp {

void Modify::begin(Turn& turn, std::unique_ptr<Modify> task) {
  std::vector<Question> read;
  read.emplace_back(Operation(Get{task->key_}));
  turn.ask(std::move(read), std::move(task));
}

void Modify::go_on(Turn& turn, std::vector<Finding>&& findings) {
  auto& result = std::get<OpResult>(findings.front());
  if (result.error) return write_error(*result.error, turn.reply);
  if (is_writing_ && result.outcome == Outcome::done) return reply(turn, found_);
  if (++tries_ > tries_max) return write_too_many_tries(turn.reply);
  if (result.outcome == Outcome::exists) {  // the put does not say what is there
    is_writing_ = false;
    return turn.ask_again(Get{key_});
  }
  found_.reset();
  if (result.value) found_ = Found{std::move(*result.value), result.expiry_ms};
  attempt(turn);
}

void Modify::attempt(Turn& turn) {
  auto change = decide(turn, found_);
  if (!change) return;
  is_writing_ = true;
  if (!found_) {
    turn.ask_again(Put{key_, std::move(*change->value), change->expiry, PutCondition::if_absent});
  } else if (!change->value) {
    turn.ask_again(Erase{key_, found_->value});
  } else {
    CompareAndSet write{key_, found_->value, std::move(*change->value), change->expiry};
    if (change->is_about_expiry) write.expected_expiry_ms = found_->expiry_ms;
    turn.ask_again(std::move(write));
  }
}

void write_too_many_tries(ReplyWriter& reply) {
  reply.error("TRYAGAIN others change the key too often; nothing was changed");
}

void write_value(const Value& value, ReplyWriter& reply) {
  std::string buffer;
  reply.bulk(text_of(value, buffer));
}

void invalid_expire_time(Turn& turn) {
  turn.reply.error("ERR invalid expire time in '" + std::string(turn.command.name) + "' command");
}

std::optional<std::int64_t> read_time(Turn& turn, std::string_view text, Unit unit,
                                      bool is_absolute) {
  std::int64_t time = 0;
  if (!parse_integer(text, time)) {
    turn.not_an_integer();
    return std::nullopt;
  }
  constexpr std::int64_t longest = std::numeric_limits<std::int64_t>::max();
  const std::int64_t factor = static_cast<std::int64_t>(unit);
  const std::int64_t from = is_absolute ? 0 : turn.now.wall.ms_since_epoch;
  if (time > longest / factor || time < -(longest / factor) || time * factor > longest - from) {
    invalid_expire_time(turn);
    return std::nullopt;
  }
  return time * factor;
}

bool is_time_word(std::string_view word) {
  return word == "ex" || word == "px" || word == "exat" || word == "pxat";
}

std::optional<Expiry> read_expiry(Turn& turn, std::string_view word, std::string_view text) {
  const bool is_absolute = word.size() == 4;
  const Unit unit = word.starts_with('p') ? Unit::milliseconds : Unit::seconds;
  const auto ms = read_time(turn, text, unit, is_absolute);
  if (!ms) return std::nullopt;
  if (*ms <= 0) {
    invalid_expire_time(turn);
    return std::nullopt;
  }
  return Expiry{is_absolute ? Expiry::Kind::at : Expiry::Kind::after, *ms};
}

}  // namespace hopring::resp
