#include "peer/resp/modify.hpp"

#include <limits>
#include <utility>

namespace hopring::resp {

void Modify::begin(Turn& turn, std::unique_ptr<Modify> task) {
  std::vector<Operation> read;
  read.emplace_back(Get{task->key_});
  turn.ask(std::move(read), std::move(task));
}

void Modify::go_on(Turn& turn, std::vector<OpResult>&& results) {
  OpResult& result = results.front();
  if (result.error) return write_error(*result.error, turn.reply);
  if (is_writing_ && result.outcome == Outcome::done) return reply(turn, found_);
  if (++tries_ > tries_max) {
    return turn.reply.error("TRYAGAIN others change the key too often; nothing was changed");
  }
  if (result.outcome == Outcome::exists) {  // the put does not say what is there
    is_writing_ = false;
    return turn.ask_again(Get{key_});
  }
  found_.reset();
  if (result.value) found_ = Found{std::move(*result.value), result.expiry_ms};
  attempt(turn);
}

void Modify::attempt(Turn& turn) {
  auto write = decide(turn, found_);
  if (!write) return;
  is_writing_ = true;
  if (found_) {
    turn.ask_again(CompareAndSet{key_, found_->value, std::move(write->value), write->expiry});
  } else {
    turn.ask_again(Put{key_, std::move(write->value), write->expiry, PutCondition::if_absent});
  }
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

}  // namespace hopring::resp
