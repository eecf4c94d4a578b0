// scan and export: many keys, in the ring's order.

#include <cstdio>
#include <fstream>
#include <iostream>
#include <limits>

#include "client/cli/context.hpp"
#include "client/cli/output.hpp"
#include "client/cli/record_line.hpp"
#include "client/cli/text.hpp"

namespace hopring::cli {
namespace {

void add_prefix_option(po::options_description& options) {
  options.add_options()("prefix", po::value<std::string>()->default_value(""),
                        "only keys that begin so");
}

void add_scan_options(po::options_description& options) {
  add_prefix_option(options);
  options.add_options()                                                           //
      ("limit", po::value<std::int64_t>(), "stop after so many, and tell where")  //
      ("keys-only", "leave the values out")                                       //
      ("cursor", po::value<std::string>(), "go on where an earlier scan told");
}

Record record_of(ScanEntry&& entry) {
  const auto expiry = entry.expires_at.value_or(ExpiryTime()).time_since_epoch();
  return Record{std::move(entry.key), std::move(entry.value), expiry.count()};
}

void print_entry(const Context& context, const ScanEntry& entry) {
  const bool keys_only = context.has("keys-only");
  if (context.json()) {
    return print(keys_only ? key_to_json(entry.key) : to_json(record_of(ScanEntry(entry))));
  }
  std::string line = entry.key;
  if (!keys_only) line += '\t' + format_value(entry.value);
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stdout);
}

// Where another scan goes on.
void tell_cursor(const Context& context, const std::optional<ScanCursor>& cursor) {
  if (!cursor) return;
  if (context.json()) return print({{"cursor", to_string(*cursor)}});
  std::fprintf(stderr, "hopring: go on with --cursor %s\n", to_string(*cursor).c_str());
}

ExitCode scan(Context& context) {
  ScanOptions options{.prefix = context.text("prefix"), .keys_only = context.has("keys-only")};
  std::uint64_t left = std::numeric_limits<std::uint64_t>::max();
  if (context.has("limit")) {
    const auto limit = context.options["limit"].as<std::int64_t>();
    if (limit < 0) throw UsageError("--limit must not be negative");
    left = static_cast<std::uint64_t>(limit);
  }
  if (context.has("cursor")) {
    options.after = parse_cursor(context.text("cursor"));
    if (!options.after) throw UsageError("--cursor takes what an earlier scan has told");
  }
  if (left == 0) return exit_done;
  options.page_records_max = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, 1000));
  std::optional<ScanCursor> cursor = options.after;
  for (const auto& entry : context.map.scan(options)) {
    if (!entry) {
      tell_cursor(context, cursor);
      return complain(context, entry.error());
    }
    print_entry(context, *entry);
    cursor = entry->cursor();
    if (--left > 0) continue;
    tell_cursor(context, cursor);
    break;
  }
  return exit_done;
}

ExitCode export_to(Context& context, std::ostream& out) {
  std::uint64_t records = 0;
  for (auto& entry : context.map.scan({.prefix = context.text("prefix")})) {
    if (!entry) return complain(context, entry.error());
    out << to_line(record_of(std::move(*entry))) << '\n';
    ++records;
  }
  out.flush();
  if (!out) {
    std::fprintf(stderr, "hopring: could not write: the disk is full, or nobody reads\n");
    return exit_refused;
  }
  std::fprintf(stderr, "hopring: %s records exported\n", with_commas(records).c_str());
  return exit_done;
}

ExitCode export_all(Context& context) {
  if (context.words.empty() || context.words[0] == "-") return export_to(context, std::cout);
  std::ofstream file(context.words[0], std::ios::binary);
  if (!file) throw UsageError("cannot write " + context.words[0]);
  return export_to(context, file);
}

}  // namespace

const Command scan_command{"scan",           "",  "print keys and values, key TAB value", 0, 0,
                           add_scan_options, scan};
const Command export_command{
    "export",          "[FILE]",  "write all records as JSON lines that import reads", 0, 1,
    add_prefix_option, export_all};

}  // namespace hopring::cli
