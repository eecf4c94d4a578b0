// The short way of GETs: those of a pipeline that this thread can answer are answered together, and
// those of other peers' keys wait together.

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "base/check.hpp"
#include "peer/resp/session.hpp"

namespace hopring::resp {

static_assert(requests_ahead_max == keys_expected_max);

namespace {

// Writes values one after another, until so many bytes are there.
class ValuesSink final : public ReadSink {
 public:
  ValuesSink(std::string& out, Protocol protocol, std::size_t out_bytes_max)
      : out_(out), out_bytes_max_(out_bytes_max), reply_(out, protocol), value_(reply_) {}

  void on_outcome(Outcome outcome) override { value_.on_outcome(outcome); }
  void on_value(Outcome outcome, ValueType type, std::string_view bytes,
                std::int64_t expiry_ms) override {
    value_.on_value(outcome, type, bytes, expiry_ms);
  }
  void on_error(OpError error) override { value_.on_error(error); }
  bool takes_more() const override { return out_.size() <= out_bytes_max_; }

 private:
  std::string& out_;
  std::size_t out_bytes_max_;
  ReplyWriter reply_;
  ValueSink value_;
};

}  // namespace

// The requests that come next, as far as they are GETs: nearly all of many users' requests, so they
// take a short way. How many bytes of requests.
std::size_t Session::read(Now now, std::string_view bytes, std::size_t out_bytes_max,
                          std::string& out) {
  if (parser_.ahead() == 0) return 0;
  std::array<std::string_view, requests_ahead_max> keys;
  std::size_t count = 0;
  parser_.for_each_ahead(bytes, [&](const Arguments& arguments) {
    const bool is_get = arguments.size() == 2 && is_same_word(arguments[0], "get");
    if (is_get) keys[count++] = arguments[1];
    return is_get;
  });
  const Keys gets = std::span(keys).first(count);
  std::size_t begun = read_at_once(now, gets, out_bytes_max, out);
  if (begun < count && out.size() <= out_bytes_max) {
    begun += begin_reads(now, gets.subspan(begun), out);
  }
  std::size_t taken = 0;
  for (std::size_t i = 0; i < begun; ++i) taken += parser_.take();
  begun_ += begun;
  return taken;
}

// The first of these, as far as they are answered here and now, and no reply waits.
std::size_t Session::read_at_once(Now now, Keys keys, std::size_t out_bytes_max, std::string& out) {
  if (keys.empty() || !pending_.empty()) return 0;
  ValuesSink sink(out, client_.protocol, out_bytes_max);
  return keyspace_.try_read(now, keys, sink);
}

// Of the replies to several GETs, until so many bytes are there. Those that are passed over come
// later.
class Session::ReadsSink final : public ReadSink {
 public:
  ReadsSink(Reads& reads, Protocol protocol)
      : reads_(reads), reply_(reads.replies, protocol), value_(reply_) {}

  void on_outcome(Outcome outcome) override {
    value_.on_outcome(outcome);
    end_piece();
  }
  void on_value(Outcome outcome, ValueType type, std::string_view bytes,
                std::int64_t expiry_ms) override {
    value_.on_value(outcome, type, bytes, expiry_ms);
    end_piece();
  }
  void on_error(OpError error) override {
    value_.on_error(error);
    end_piece();
  }
  bool takes_more() const override { return reads_.replies.size() <= waiting_bytes_mark; }

  bool passes_over() const override { return true; }
  void on_passed_over(bool is_elsewhere) override {
    passed_over_[passed_count_++] = {static_cast<std::uint32_t>(place_++), is_elsewhere};
  }

  struct PassedOver {
    std::uint32_t place = 0;
    bool is_elsewhere = false;
  };
  std::span<const PassedOver> passed_over() const {
    return std::span(passed_over_).first(passed_count_);
  }

  void go_to(std::size_t place) { place_ = place; }

 private:
  void end_piece() {
    const std::size_t begin = std::exchange(end_, reads_.replies.size());
    reads_.pieces[place_++] = {begin, end_ - begin};
  }

  Reads& reads_;
  std::size_t end_ = reads_.replies.size();
  std::size_t place_ = 0;
  std::array<PassedOver, requests_ahead_max> passed_over_;
  std::size_t passed_count_ = 0;
  ReplyWriter reply_;
  ValueSink value_;
};

// Of the first of these, which are under way together from now on. How many.
std::size_t Session::begin_reads(Now now, Keys keys, std::string& out) {
  keys = keys.first(readable(keys));
  if (keys.empty()) return 0;
  const std::uint64_t sequence = first_sequence_ + pending_.size();
  Pending& pending =
      pending_.emplace_back(Pending{.command = command_of("get"), .protocol = client_.protocol});
  pending.reads = std::make_unique<Reads>();
  ReadsSink sink(*pending.reads, client_.protocol);
  std::size_t begun = keyspace_.try_read(now, keys, sink);
  for (; begun < keys.size() && sink.takes_more(); ++begun) sink.on_passed_over(false);
  for (const auto& [place, is_elsewhere] : sink.passed_over()) {
    Operation get = Get{std::string(keys[place])};
    const Call call{number_, sequence, place};
    sink.go_to(place);
    const bool is_told = is_elsewhere ? keyspace_.execute_elsewhere(now, call, get, sink)
                                      : keyspace_.execute(now, call, get, sink);
    if (is_told) continue;
    pending.missing += 1;
    const std::uint64_t key = std::hash<std::string_view>{}(keys[place]);
    pending.keys.push_back(key);
    keys_[key].reads += 1;
  }
  pending.commands = pending.reads->count = begun;
  waiting_bytes_ += pending.reads->replies.size();
  under_way_ += begun;
  if (pending.missing == 0) end_reads(pending);
  leave_done(out);
  return begun;
}

// The first of these, as far as they may be begun: they find what earlier commands have written.
std::size_t Session::readable(Keys keys) const {
  const Command* const last = pending_.empty() ? nullptr : pending_.back().command;
  if (last != nullptr && last->is_alone()) return 0;
  std::size_t count = 0;
  std::size_t under_way = under_way_;
  for (const std::string_view key : keys) {
    if (!has_room(under_way++)) break;
    const auto use = writes_ == 0 ? keys_.end() : keys_.find(std::hash<std::string_view>{}(key));
    if (use != keys_.end() && use->second.writes > 0) break;
    ++count;
  }
  return count;
}

void Session::take_read(Pending& pending, std::size_t index, const OpResult& result) {
  Reads& reads = *pending.reads;
  HOPRING_CHECK(index < reads.count && pending.missing > 0);
  const std::size_t bytes = result.value ? result.value->bytes.size() : 0;
  value_bytes_ = std::max(bytes, value_bytes_ / 2);
  const std::size_t before = reads.replies.size();
  ReadsSink sink(reads, pending.protocol);
  sink.go_to(index);
  tell(result, sink);
  waiting_bytes_ += reads.replies.size() - before;
  if (--pending.missing == 0) end_reads(pending);
}

void Session::end_reads(Pending& pending) {
  const Reads& reads = *pending.reads;
  waiting_bytes_ -= reads.replies.size();
  pending.reply.reserve(reads.replies.size());
  for (std::size_t i = 0; i < reads.count; ++i) {
    pending.reply.append(reads.replies, reads.pieces[i].begin, reads.pieces[i].size);
  }
  pending.reads.reset();
  end(pending);
}

}  // namespace hopring::resp
