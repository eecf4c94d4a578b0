// import and verify: a file of records into the map, or compared with it, in batches of which
// several are under way at once.

#include <boost/asio/use_future.hpp>
#include <cstdio>
#include <deque>
#include <fstream>
#include <future>
#include <iostream>
#include <unordered_set>

#include "client/cli/context.hpp"
#include "client/cli/output.hpp"
#include "client/cli/record_line.hpp"
#include "client/cli/text.hpp"

namespace hopring::cli {
namespace {

constexpr std::size_t batch_records_max = 2000;
constexpr std::size_t batch_bytes_max = std::size_t{4} << 20;  // a larger record goes alone
constexpr std::size_t batches_max = 4;                         // under way at once

// The code of a record that is stored otherwise than the file has it.
constexpr OpError no_error{};

// What becomes of a batch of records: a result for each.
using Results = std::future<std::vector<Result<void>>>;
using StartBatch = Results (*)(Map& map, std::vector<Record>&& batch);

Results start_put(Map& map, std::vector<Record>&& batch) {
  return map.async_put_many(batch, boost::asio::use_future);
}

Result<void> compare(const Record& record, const Result<std::optional<Value>>& stored) {
  if (!stored) return stored.error();
  const auto differs = [](const char* how) { return Failure{no_error, how, std::nullopt}; };
  if (!*stored) return differs("the key is not there");
  if ((*stored)->type != record.value.type) return differs("the value has another type");
  if ((*stored)->bytes != record.value.bytes) return differs("the value is another");
  return {};
}

Results start_comparing(Map& map, std::vector<Record>&& batch) {
  std::vector<std::string_view> keys;
  for (const Record& record : batch) keys.push_back(record.key);
  auto stored = map.async_get_many<Value>(keys, boost::asio::use_future);
  return std::async(std::launch::deferred,
                    [stored = std::move(stored), batch = std::move(batch)]() mutable {
                      const auto found = stored.get();
                      std::vector<Result<void>> results;
                      for (std::size_t i = 0; i < batch.size(); ++i) {
                        results.push_back(compare(batch[i], found[i]));
                      }
                      return results;
                    });
}

// Feeds records to the map in the order of their lines: of two with one key the later one stays.
class Feed {
 public:
  Feed(Map& map, StartBatch start, const char* done) : map_(map), start_(start), done_(done) {}

  void add(Record&& record, std::uint64_t line) {
    if (!keys_.insert(record.key).second) {
      finish();
      keys_.insert(record.key);
    }
    bytes_ += record.key.size() + record.value.bytes.size();
    batch_.push_back(std::move(record));
    lines_.push_back(line);
    if (batch_.size() == batch_records_max || bytes_ >= batch_bytes_max) send();
  }

  // Waits for everything that has been added.
  void finish() {
    send();
    while (!under_way_.empty()) await_oldest();
    keys_.clear();
  }

  std::uint64_t succeeded() const { return succeeded_; }
  std::uint64_t failed() const { return failed_; }
  // The first one; of differences and others, the first of the others.
  const std::optional<Failure>& failure() const { return failure_; }
  // By more than a difference.
  bool has_failed() const { return failure_ && failure_->code != no_error; }

 private:
  struct Batch {
    Results results;
    std::vector<std::uint64_t> lines;
    std::vector<std::string> keys;
  };

  void send() {
    if (batch_.empty()) return;
    if (under_way_.size() == batches_max) await_oldest();
    std::vector<std::string> keys;
    for (const Record& record : batch_) keys.push_back(record.key);
    under_way_.push_back(
        {start_(map_, std::exchange(batch_, {})), std::exchange(lines_, {}), std::move(keys)});
    bytes_ = 0;
  }

  void await_oldest() {
    const auto results = under_way_.front().results.get();
    for (std::size_t i = 0; i < results.size(); ++i) {
      results[i] ? ++succeeded_ : ++failed_;
      if (!results[i] && (!failure_ || (!has_failed() && results[i].error().code != no_error))) {
        failure_ = results[i].error();
        failure_->text =
            "line " + std::to_string(under_way_.front().lines[i]) + ": " + failure_->text;
      }
    }
    for (const std::string& key : under_way_.front().keys) keys_.erase(key);
    under_way_.pop_front();
    if (done_ != nullptr) {
      std::fprintf(stderr, "\rhopring: %s records %s ", with_commas(succeeded_).c_str(), done_);
    }
  }

  Map& map_;
  const StartBatch start_;
  const char* const done_;  // what has been done with them, if progress is shown
  std::vector<Record> batch_;
  std::vector<std::uint64_t> lines_;      // one for each record of the batch
  std::size_t bytes_ = 0;                 // of the batch
  std::unordered_set<std::string> keys_;  // in the batch and under way
  std::deque<Batch> under_way_;
  std::uint64_t succeeded_ = 0;
  std::uint64_t failed_ = 0;
  std::optional<Failure> failure_;
};

// The three formats: a line, and its 1-based number, to a record.

Result<Record> parse_tsv(std::string_view line) {
  const std::size_t tab = line.find('\t');
  if (tab == std::string_view::npos) {
    return Failure{OpError::invalid_argument, "there is no tab between key and value",
                   std::nullopt};
  }
  return Record{std::string(line.substr(0, tab)),
                Value{ValueType::string, std::string(line.substr(tab + 1))}, 0};
}

Result<Record> parse(const std::string& format, std::string_view line, std::uint64_t number) {
  if (format == "jsonl") return parse_line(line);
  if (format == "tsv") return parse_tsv(line);
  return Record{std::string(line),
                Value{ValueType::integer, encode_integer(static_cast<std::int64_t>(number))}, 0};
}

void add_import_options(po::options_description& options) {
  options.add_options()  //
      ("format", po::value<std::string>()->default_value("jsonl"),
       "jsonl: what export writes; tsv: key TAB value, strings; words: each line a key, its "
       "number the value")  //
      ("progress", "show it, though standard error is no terminal");
}

bool shows_progress(const Context& context) {
  return context.has("progress") || is_terminal(standard_error);
}

ExitCode tell(const Context& context, const Feed& feed, const char* done,
              std::optional<Failure> failure) {
  if (feed.failure()) failure = feed.failure();
  if (context.json()) {
    print({{done, feed.succeeded()}, {"failed", feed.failed()}});
  } else {
    std::fprintf(stderr, "%shopring: %s records %s, %s failed\n",
                 shows_progress(context) ? "\r" : "", with_commas(feed.succeeded()).c_str(), done,
                 with_commas(feed.failed()).c_str());
  }
  if (!failure) return exit_done;
  if (failure->code != no_error) return complain(context, *failure);
  std::fprintf(stderr, "hopring: %s\n", failure->text.c_str());
  return exit_not_found;
}

ExitCode feed_from(Context& context, std::istream& in, StartBatch start, const char* done) {
  const std::string format = context.text("format");
  if (format != "jsonl" && format != "tsv" && format != "words") {
    throw UsageError("--format is one of jsonl, tsv, words");
  }
  Feed feed(context.map, start, shows_progress(context) ? done : nullptr);
  std::optional<Failure> malformed;
  std::string line;
  for (std::uint64_t number = 1; !malformed && !feed.has_failed() && std::getline(in, line);
       ++number) {
    auto record = parse(format, line, number);
    if (record) {
      feed.add(std::move(*record), number);
    } else {
      malformed = record.error();
      malformed->text = "line " + std::to_string(number) + ": " + malformed->text;
    }
  }
  feed.finish();
  if (&in == &std::cin) {
    check_input();
  } else if (in.bad()) {
    throw UsageError("cannot read " + context.words[0] + " to its end");
  }
  return tell(context, feed, done, std::move(malformed));
}

ExitCode feed_all(Context& context, StartBatch start, const char* done) {
  if (context.words.empty() || context.words[0] == "-") {
    return feed_from(context, std::cin, start, done);
  }
  std::ifstream file(context.words[0], std::ios::binary);
  const bool is_readable = file && (file.peek(), !file.bad());  // a folder opens, but does not read
  if (!is_readable) throw UsageError("cannot read " + context.words[0]);
  file.clear();
  return feed_from(context, file, start, done);
}

ExitCode import_all(Context& context) { return feed_all(context, start_put, "imported"); }
ExitCode verify_all(Context& context) { return feed_all(context, start_comparing, "verified"); }

}  // namespace

const Command import_command{"import",  "[FILE]", "put the records of a file, or of standard input",
                             0,         1,        add_import_options,
                             import_all};
const Command verify_command{"verify",  "[FILE]", "get every key of such a file, and compare",
                             0,         1,        add_import_options,
                             verify_all};

}  // namespace hopring::cli
