#include "peer/resp/session.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "base/check.hpp"

namespace hopring::resp {
namespace {

constexpr std::size_t told_bytes_max = 128;  // of a stranger's words in an error; as Redis

std::string unknown_command(const Arguments& arguments) {
  std::string begins;
  for (std::size_t i = 1; i < arguments.size() && begins.size() < told_bytes_max; ++i) {
    begins += "'";
    begins += arguments[i].substr(0, told_bytes_max - begins.size());
    begins += "' ";
  }
  return "ERR unknown command '" + std::string(arguments[0].substr(0, told_bytes_max)) +
         "', with args beginning with: " + begins;
}

std::size_t count_keys(const Command& command, const Arguments& arguments) {
  const KeyRange range = keys_of(command, arguments.size());
  return (range.end - range.begin + range.step - 1) / range.step;
}
static_assert(keys_max == 65536, "as the error says");

// What a finding takes, beside itself.
std::size_t bytes_of(const Finding& finding) {
  std::size_t bytes = 0;
  if (const auto* result = std::get_if<OpResult>(&finding)) {
    bytes = result->value ? result->value->bytes.size() : 0;
  } else if (const auto* page = std::get_if<ScanResult>(&finding)) {
    for (const Record& each : page->step.records) {
      bytes += sizeof(Record) + each.key.size() + each.value.bytes.size();
    }
  } else if (const auto& report = std::get<ReportFound>(finding).report) {
    bytes = sizeof(ReportReply) + report->arcs.size() * sizeof(ArcReport) +
            report->copies.size() * sizeof(CopyReport) + report->known.size() * sizeof(PeerRef);
  }
  return bytes;
}

}  // namespace

Session::Session(std::uint64_t number, Client client, const PeerRef& self, Keyspace& keyspace,
                 const SessionOptions& options)
    : number_(number),
      self_(self),
      keyspace_(keyspace),
      options_(options),
      client_(std::move(client)) {
  if (options_.clients != nullptr) options_.clients->put(client_);
}

Session::~Session() {
  if (options_.clients != nullptr) options_.clients->remove(client_.id);
}

// Requests.

Session::Taken Session::on_bytes(Now now, std::string_view bytes, std::size_t out_bytes_mark,
                                 std::string& out) {
  const Taken taken = take_requests(now, bytes, out_bytes_mark, out);
  const std::uint64_t count = std::exchange(begun_, 0);
  if (count > 0 && options_.clients != nullptr) options_.clients->count_commands(count);
  return taken;
}

Session::Taken Session::take_requests(Now now, std::string_view bytes, std::size_t out_bytes_mark,
                                      std::string& out) {
  const std::size_t out_bytes_before = out.size();
  Taken taken;
  is_held_ = false;
  while (!client_.is_ending) {
    const std::string_view rest = bytes.substr(taken.bytes);
    const bool reads_on = parser_.ahead() == 0;
    const Parser::Found found = parser_.next(rest);
    const std::size_t read_bytes = read(now, rest, out_bytes_before + out_bytes_mark, out);
    if (read_bytes > 0) {
      taken.bytes += read_bytes;
      taken.is_all = true;
      continue;
    }
    if (reads_on) expect(rest);
    if (found == Parser::Found::nothing) return taken;
    taken.is_all = false;
    if (out.size() - out_bytes_before > out_bytes_mark) return taken;
    if (found == Parser::Found::error) {
      is_held_ = !pending_.empty();
      if (is_held_) return taken;
      ReplyWriter(out, client_.protocol).error("ERR " + parser_.error());
      client_.is_ending = true;
      return taken;
    }
    const Arguments arguments = parser_.arguments(rest);
    if (arguments.size() > 0) {
      const Command* const command = command_of(arguments[0]);
      is_held_ = !may_begin(command, arguments);
      if (is_held_) return taken;
      begin(now, command, arguments, out);
    }
    taken.bytes += parser_.take();
    taken.is_all = true;
  }
  return taken;
}

const Command* Session::command_of(std::string_view name) {
  const bool is_last = last_command_ != nullptr && is_same_word(name, last_command_->name);
  if (!is_last) last_command_ = find_command(name);
  return last_command_;
}

// The first key of most commands is their first argument. What is none is looked for in vain.
void Session::expect(std::string_view bytes) {
  if (parser_.ahead() < 2) return;
  std::array<std::string_view, keys_expected_max> keys;
  std::size_t count = 0;
  parser_.for_each_ahead(bytes, [&](const Arguments& arguments) {
    if (arguments.size() > 1) keys[count++] = arguments[1];
    return true;
  });
  keyspace_.expect(std::span(keys).first(count));
}

template <class Visit>
void Session::for_each_key(const Command& command, const Arguments& arguments, Visit visit) {
  const KeyRange range = keys_of(command, arguments.size());
  for (std::size_t i = range.begin; i < range.end; i += range.step) {
    visit(std::hash<std::string_view>{}(arguments[i]));
  }
}

// For one command more beside so many?
bool Session::has_room(std::size_t under_way) const {
  const std::size_t expected_bytes = waiting_bytes_ + under_way * value_bytes_;
  return under_way < commands_max && expected_bytes <= waiting_bytes_mark;
}

bool Session::may_begin(const Command* command, const Arguments& arguments) const {
  if (pending_.empty()) return true;
  if (!has_room(under_way_)) return false;
  const Command* const last = pending_.back().command;
  if (last != nullptr && last->is_alone()) return false;
  if (command == nullptr || !command->takes(arguments.size())) return true;
  if (command->is_alone()) return false;
  bool is_free = true;
  for_each_key(*command, arguments, [&](std::uint64_t key) {
    const auto use = keys_.find(key);
    if (use == keys_.end()) return;
    if (use->second.writes > 0 || command->is_write()) is_free = false;
  });
  return is_free;
}

void Session::begin(Now now, const Command* command, const Arguments& arguments, std::string& out) {
  const bool takes = command != nullptr && command->takes(arguments.size());
  const bool has_too_many_keys = takes && count_keys(*command, arguments) > keys_max;
  if (takes && !has_too_many_keys) return begin_command(now, *command, arguments, out);
  Pending early;
  ReplyWriter reply(pending_.empty() ? out : early.reply, client_.protocol);
  if (command == nullptr) {
    reply.error(unknown_command(arguments));
  } else if (has_too_many_keys) {
    reply.error("ERR a command takes at most 65536 keys");
  } else {
    reply.error("ERR wrong number of arguments for '" + std::string(command->name) + "' command");
  }
  if (pending_.empty()) return;
  early.is_done = true;
  waiting_bytes_ += early.reply.size();
  push(std::move(early));
}

// A command that is answered at once, with none before it, writes straight into `out`.
void Session::begin_command(Now now, const Command& command, const Arguments& arguments,
                            std::string& out) {
  ++begun_;
  std::string early;
  const bool is_first = pending_.empty();
  const std::uint64_t sequence = first_sequence_ + pending_.size();
  Turn turn{now,       client_,  command,   self_,
            keyspace_, options_, arguments, ReplyWriter(is_first ? out : early, client_.protocol),
            scratch_};
  command.begin(turn);
  if (turn.one != nullptr) {
    const bool is_done = execute(turn, Call{number_, sequence, 0});
    scratch_.limit();
    if (!is_done) {
      add_pending(turn, arguments);
      pending_.back().missing = 1;
      pending_.back().begun = 1;
      pending_.back().findings.resize(1);
      return;
    }
  } else if (!turn.many.empty()) {
    add_pending(turn, arguments);
    start(now, pending_.back(), sequence);
    return go_on(now, sequence, out);
  }
  if (is_first) return;
  Pending done;
  done.is_done = true;
  done.reply = std::move(early);
  waiting_bytes_ += done.reply.size();
  push(std::move(done));
}

// True: it has replied.
bool Session::execute(Turn& turn, const Call& call) {
  if (turn.is_value_wanted) {
    ValueSink sink(turn.reply);
    return keyspace_.execute(turn.now, call, *turn.one, sink);
  }
  OpResultSink sink;
  if (!keyspace_.execute(turn.now, call, *turn.one, sink)) return false;
  turn.answer(turn, std::move(sink.result));
  return true;
}

void Session::add_pending(Turn& turn, const Arguments& arguments) {
  Pending pending{.command = &turn.command, .protocol = client_.protocol};
  pending.answer = turn.answer;
  pending.task = std::move(turn.task);
  pending.questions = std::move(turn.many);
  pending.findings.resize(pending.questions.size());
  pending.asked_bytes = pending.questions.size() * (sizeof(Question) + sizeof(Finding));
  waiting_bytes_ += pending.asked_bytes;
  for_each_key(turn.command, arguments, [&](std::uint64_t key) {
    pending.keys.push_back(key);
    KeyUse& use = keys_[key];
    (turn.command.is_write() ? use.writes : use.reads) += 1;
  });
  if (turn.command.is_write()) writes_ += 1;
  push(std::move(pending));
}

void Session::push(Pending&& pending) {
  under_way_ += pending.commands;
  pending_.push_back(std::move(pending));
}

// Questions.

// As many as may be under way; where too much has come already, no more.
void Session::start(Now now, Pending& pending, std::uint64_t sequence) {
  std::size_t expected = pending.begun;  // before it all keys have been announced
  while (pending.begun < pending.questions.size() && pending.missing < operations_max &&
         pending.missing * value_bytes_ <= waiting_bytes_mark &&
         pending.found_bytes <= results_bytes_max) {
    if (pending.begun >= expected) expected += expect(pending, expected);
    const std::size_t index = pending.begun++;
    pending.missing += 1;
    ask(now, Call{number_, sequence, static_cast<std::uint32_t>(index)}, pending);
  }
}

// The keys of questions from `first` on; how many questions they are of, at least one.
std::size_t Session::expect(const Pending& pending, std::size_t first) {
  std::array<std::string_view, keys_expected_max> keys;
  const std::size_t count = std::min(pending.questions.size() - first, keys.size());
  std::size_t found = 0;
  for (std::size_t i = first; i < first + count; ++i) {
    const auto* const operation = std::get_if<Operation>(&pending.questions[i]);
    if (operation != nullptr) keys[found++] = key_of(*operation);
  }
  if (found > 1) keyspace_.expect(std::span(keys).first(found));
  return count;
}

void Session::ask(Now now, const Call& call, Pending& pending) {
  Question& question = pending.questions[call.question];
  if (auto* operation = std::get_if<Operation>(&question)) {
    OpResultSink sink;
    if (keyspace_.execute(now, call, *operation, sink)) {
      take_finding(pending, call.question, std::move(sink.result));
    }
  } else if (auto* scan = std::get_if<Scan>(&question)) {
    keyspace_.scan(now, call, std::move(*scan));
  } else {
    keyspace_.report(now, call, std::get<AskReport>(question).of);
  }
}

void Session::take_finding(Pending& pending, std::size_t index, Finding&& finding) {
  HOPRING_CHECK(index < pending.findings.size() && pending.missing > 0);
  const std::size_t bytes = bytes_of(finding);
  pending.missing -= 1;
  pending.found_bytes += bytes;
  waiting_bytes_ += bytes;
  value_bytes_ = std::max(bytes, value_bytes_ / 2);
  pending.findings[index] = std::move(finding);
}

Session::Pending* Session::find(const Call& call) {
  if (call.command < first_sequence_) return nullptr;
  const std::uint64_t index = call.command - first_sequence_;
  if (index >= pending_.size() || pending_[index].is_done) return nullptr;
  return &pending_[index];
}

void Session::on_finding(Now now, const Call& call, Finding&& finding, std::string& out) {
  Pending* const pending = find(call);
  if (pending == nullptr) return;
  if (pending->reads) {
    take_read(*pending, call.question, std::get<OpResult>(finding));
    return leave_done(out);
  }
  take_finding(*pending, call.question, std::move(finding));
  start(now, *pending, call.command);
  go_on(now, call.command, out);
}

// Rounds of the command, until one of them waits.
void Session::go_on(Now now, std::uint64_t sequence, std::string& out) {
  Pending& pending = pending_[sequence - first_sequence_];
  while (pending.missing == 0 && !pending.is_done) {
    end_round(now, pending, out);
    start(now, pending, sequence);
  }
  leave_done(out);
}

void Session::end_round(Now now, Pending& pending, std::string& out) {
  const bool is_front = &pending == &pending_.front();
  Turn turn{now,
            client_,
            *pending.command,
            self_,
            keyspace_,
            options_,
            {},
            ReplyWriter(is_front ? out : pending.reply, pending.protocol),
            scratch_};
  const bool is_too_much = pending.begun < pending.questions.size();
  std::vector<Finding> findings = std::exchange(pending.findings, {});
  waiting_bytes_ -= std::exchange(pending.found_bytes, 0);
  if (is_too_much) {
    turn.reply.error("ERR the reply would be larger than 64 MiB; ask for fewer keys at a time");
  } else if (pending.answer != nullptr) {
    pending.answer(turn, std::get<OpResult>(std::move(findings.front())));
  } else {
    pending.task->go_on(turn, std::move(findings));
    waiting_bytes_ += pending.task->memory() - pending.task_bytes;
    pending.task_bytes = pending.task->memory();
  }
  pending.begun = 0;
  pending.questions = std::move(turn.many);
  pending.findings.resize(pending.questions.size());
  waiting_bytes_ -= pending.asked_bytes;
  pending.asked_bytes = pending.questions.size() * (sizeof(Question) + sizeof(Finding));
  waiting_bytes_ += pending.asked_bytes;
  if (pending.questions.empty()) end(pending);
}

// Its reply has been written. What waited for it may begin.
void Session::end(Pending& pending) {
  is_held_ = false;
  pending.is_done = true;
  waiting_bytes_ -= pending.asked_bytes + pending.task_bytes;
  waiting_bytes_ += pending.reply.size();
  pending.task.reset();
  if (pending.command->is_write()) writes_ -= 1;
  for (const std::uint64_t key : pending.keys) {
    const auto use = keys_.find(key);
    (pending.command->is_write() ? use->second.writes : use->second.reads) -= 1;
    if (use->second.writes + use->second.reads == 0) keys_.erase(use);
  }
}

// Replies whose turn it is.
void Session::leave_done(std::string& out) {
  while (!pending_.empty() && pending_.front().is_done) {
    out += pending_.front().reply;
    waiting_bytes_ -= pending_.front().reply.size();
    under_way_ -= pending_.front().commands;
    pending_.pop_front();
    first_sequence_ += 1;
  }
}

}  // namespace hopring::resp
