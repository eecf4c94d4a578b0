// put, get, del, incr, cas: one key each.

#include <algorithm>
#include <cstdio>

#include "client/cli/context.hpp"
#include "client/cli/output.hpp"
#include "client/cli/record_line.hpp"
#include "client/cli/text.hpp"

namespace hopring::cli {
namespace {

void add_type_option(po::options_description& options) {
  options.add_options()("type", po::value<std::string>()->default_value("string"),
                        "of the value: string, integer, floating or json");
}

Value value_from(const Context& context, const std::string& word) {
  const auto type = parse_value_type(context.text("type"));
  if (!type || *type == ValueType::object) {
    throw UsageError("--type is one of string, integer, floating, json");
  }
  auto value = parse_value(*type, word_or_input(word));
  if (!value) throw UsageError("the value is not " + context.text("type"));
  return std::move(*value);
}

// Two of the words cannot both be all of standard input.
void check_one_input(const Context& context) {
  if (std::count(context.words.begin(), context.words.end(), "-") > 1) {
    throw UsageError("only one of the arguments may be - (standard input)");
  }
}

// What happened, where it is no failure.
ExitCode tell(const Context& context, bool is_done, const char* otherwise) {
  if (context.json()) print({{"outcome", is_done ? "done" : otherwise}});
  if (!is_done && !context.json()) std::fprintf(stderr, "hopring: %s\n", otherwise);
  return is_done ? exit_done : exit_not_found;
}

void add_put_options(po::options_description& options) {
  add_type_option(options);
  options.add_options()                                                       //
      ("ttl", po::value<double>(), "seconds after which the record expires")  //
      ("if-absent", "create only: exit code 1 if the key is there")           //
      ("if-present", "update only: exit code 1 if the key is not there");
}

WriteOptions write_options(const Context& context) {
  WriteOptions options;
  if (!context.has("ttl")) return options;
  const double seconds = context.options["ttl"].as<double>();
  if (!(seconds >= 0.001 && seconds <= 1e10)) {
    throw UsageError("--ttl is a number of seconds from 0.001 to 10000000000");
  }
  options.expiry =
      expire_after(std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1e3)));
  return options;
}

ExitCode put(Context& context) {
  check_one_input(context);
  if (context.has("if-absent") && context.has("if-present")) {
    throw UsageError("--if-absent and --if-present exclude each other");
  }
  const std::string key = word_or_input(context.words[0]);
  const Value value = value_from(context, context.words[1]);
  const WriteOptions options = write_options(context);
  if (context.has("if-absent")) {
    const auto created = context.map.insert(key, value, options);
    return created ? tell(context, *created, "exists") : complain(context, created.error());
  }
  if (context.has("if-present")) {
    const auto updated = context.map.replace(key, value, options);
    return updated ? tell(context, *updated, "not_found") : complain(context, updated.error());
  }
  const auto done = context.map.put(key, value, options);
  return done ? tell(context, true, "") : complain(context, done.error());
}

ExitCode get(Context& context) {
  const std::string key = word_or_input(context.words[0]);
  const auto found = context.map.get_with_expiry<Value>(key);
  if (!found) return complain(context, found.error());
  if (!*found) return tell(context, false, "not_found");
  const WithExpiry<Value>& entry = **found;
  if (context.json()) {
    const auto expiry = entry.expires_at.value_or(ExpiryTime()).time_since_epoch();
    print(to_json(Record{key, entry.value, expiry.count()}));
  } else {
    print_raw(format_value(entry.value));
  }
  return exit_done;
}

ExitCode del(Context& context) {
  const auto erased = context.map.erase(word_or_input(context.words[0]));
  return erased ? tell(context, *erased, "not_found") : complain(context, erased.error());
}

ExitCode incr(Context& context) {
  const auto delta = parse_integer(context.words.size() > 1 ? context.words[1] : "1");
  if (!delta) throw UsageError("DELTA is a whole number of at most 64 bits");
  const auto sum = context.map.add(word_or_input(context.words[0]), *delta);
  if (!sum) return complain(context, sum.error());
  if (context.json()) {
    print({{"outcome", "done"}, {"value", *sum}});
  } else {
    std::printf("%lld\n", static_cast<long long>(*sum));
  }
  return exit_done;
}

ExitCode cas(Context& context) {
  check_one_input(context);
  const std::string key = word_or_input(context.words[0]);
  const Value expected = value_from(context, context.words[1]);
  const Value desired = value_from(context, context.words[2]);
  const auto result = context.map.compare_and_set(key, expected, desired);
  if (!result) return complain(context, result.error());
  if (result->outcome != Outcome::mismatch) {
    return tell(context, result->outcome == Outcome::done, "not_found");
  }
  if (!context.json()) return tell(context, false, "mismatch");
  boost::json::object object{{"outcome", "mismatch"}};
  object["actual"] = to_json(Record{key, result->actual.value_or(Value{}), 0});
  print(object);
  return exit_not_found;
}

}  // namespace

const Command put_command{"put", "KEY VALUE", "set a key", 2, 2, add_put_options, put};
const Command get_command{"get", "KEY", "print a key's value", 1, 1, no_options, get};
const Command del_command{"del", "KEY", "remove a key", 1, 1, no_options, del};
const Command incr_command{
    "incr",     "KEY [DELTA]", "add to a number, 1 by default, and print the sum", 1, 2,
    no_options, incr};
const Command cas_command{"cas",
                          "KEY EXPECTED DESIRED",
                          "set a key if its value is EXPECTED, in type and bytes",
                          3,
                          3,
                          add_type_option,
                          cas};

}  // namespace hopring::cli
