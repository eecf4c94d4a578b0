// import: a file of records into the map, in batches of which several are under way at once.

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

// Puts records in the order of their lines: of two with one key the later one stays.
class Importer {
 public:
  Importer(Map& map, bool shows_progress) : map_(map), shows_progress_(shows_progress) {}

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

  std::uint64_t imported() const { return imported_; }
  std::uint64_t failed() const { return failed_; }
  const std::optional<Failure>& failure() const { return failure_; }  // the first one

 private:
  struct Batch {
    std::future<std::vector<Result<void>>> results;
    std::vector<std::uint64_t> lines;
    std::vector<std::string> keys;
  };

  void send() {
    if (batch_.empty()) return;
    if (under_way_.size() == batches_max) await_oldest();
    std::vector<std::string> keys;
    for (const Record& record : batch_) keys.push_back(record.key);
    under_way_.push_back({map_.async_put_many(batch_, boost::asio::use_future),
                          std::exchange(lines_, {}), std::move(keys)});
    batch_.clear();
    bytes_ = 0;
  }

  void await_oldest() {
    const auto results = under_way_.front().results.get();
    for (std::size_t i = 0; i < results.size(); ++i) {
      results[i] ? ++imported_ : ++failed_;
      if (!results[i] && !failure_) {
        failure_ = results[i].error();
        failure_->text =
            "line " + std::to_string(under_way_.front().lines[i]) + ": " + failure_->text;
      }
    }
    for (const std::string& key : under_way_.front().keys) keys_.erase(key);
    under_way_.pop_front();
    if (shows_progress_) {
      std::fprintf(stderr, "\rhopring: %s records imported ", with_commas(imported_).c_str());
    }
  }

  Map& map_;
  const bool shows_progress_;
  std::vector<Record> batch_;
  std::vector<std::uint64_t> lines_;      // one for each record of the batch
  std::size_t bytes_ = 0;                 // of the batch
  std::unordered_set<std::string> keys_;  // in the batch and under way
  std::deque<Batch> under_way_;
  std::uint64_t imported_ = 0;
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

ExitCode tell(const Context& context, const Importer& importer, std::optional<Failure> failure) {
  if (importer.failure()) failure = importer.failure();
  if (context.json()) {
    print({{"imported", importer.imported()}, {"failed", importer.failed()}});
  } else {
    std::fprintf(stderr, "%shopring: %s records imported, %s failed\n",
                 is_terminal(standard_error) || context.has("progress") ? "\r" : "",
                 with_commas(importer.imported()).c_str(), with_commas(importer.failed()).c_str());
  }
  return failure ? complain(context, *failure) : exit_done;
}

ExitCode import_from(Context& context, std::istream& in) {
  const std::string format = context.text("format");
  if (format != "jsonl" && format != "tsv" && format != "words") {
    throw UsageError("--format is one of jsonl, tsv, words");
  }
  Importer importer(context.map, context.has("progress") || is_terminal(standard_error));
  std::optional<Failure> malformed;
  std::string line;
  for (std::uint64_t number = 1; !malformed && !importer.failure() && std::getline(in, line);
       ++number) {
    auto record = parse(format, line, number);
    if (record) {
      importer.add(std::move(*record), number);
    } else {
      malformed = record.error();
      malformed->text = "line " + std::to_string(number) + ": " + malformed->text;
    }
  }
  importer.finish();
  return tell(context, importer, std::move(malformed));
}

ExitCode import_all(Context& context) {
  if (context.words.empty() || context.words[0] == "-") return import_from(context, std::cin);
  std::ifstream file(context.words[0], std::ios::binary);
  const bool is_readable = file && (file.peek(), !file.bad());  // a folder opens, but does not read
  if (!is_readable) throw UsageError("cannot read " + context.words[0]);
  file.clear();
  return import_from(context, file);
}

}  // namespace

const Command import_command{"import",  "[FILE]", "put the records of a file, or of standard input",
                             0,         1,        add_import_options,
                             import_all};

}  // namespace hopring::cli
