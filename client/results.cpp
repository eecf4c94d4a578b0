#include "client/results.hpp"

#include <array>
#include <charconv>

#include "client/calls.hpp"

namespace hopring {
namespace {

constexpr std::size_t position_digits = 16;

void append_hex(std::uint8_t byte, std::string& out) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += digits[byte >> 4];
  out += digits[byte & 15];
}

template <class Number>
std::optional<Number> parse_hex(std::string_view text) {
  Number number{};
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string to_string(const ScanCursor& cursor) {
  std::string text;
  for (int shift = 56; shift >= 0; shift -= 8) {
    append_hex(static_cast<std::uint8_t>(cursor.position.value >> shift), text);
  }
  text += '-';
  for (const char c : cursor.last_key) append_hex(static_cast<std::uint8_t>(c), text);
  return text;
}

std::optional<ScanCursor> parse_cursor(std::string_view text) {
  const bool has_shape = text.size() > position_digits && text[position_digits] == '-' &&
                         text.size() % 2 == 1 &&
                         text.size() <= position_digits + 1 + 2 * key_bytes_max;
  if (!has_shape) return std::nullopt;
  const auto position = parse_hex<std::uint64_t>(text.substr(0, position_digits));
  if (!position) return std::nullopt;
  ScanCursor cursor{Position{*position}, {}};
  for (std::size_t i = position_digits + 1; i < text.size(); i += 2) {
    const auto byte = parse_hex<std::uint8_t>(text.substr(i, 2));
    if (!byte) return std::nullopt;
    cursor.last_key += static_cast<char>(*byte);
  }
  return cursor;
}

namespace detail {

ValueResult<Operation> put_operation(const Record& record, const WriteOptions& options) {
  Expiry expiry = options.expiry.value_or(Expiry{});
  if (record.expiry_ms != 0) expiry = Expiry{Expiry::Kind::at, record.expiry_ms};
  return Operation(Put{record.key, record.value, expiry, PutCondition::always});
}

Result<void> read_done(const OpResult& result) {
  if (result.error) return failure_of(*result.error);
  return {};
}

Result<bool> read_was_done(const OpResult& result) {
  if (result.error) return failure_of(*result.error);
  return result.outcome == Outcome::done;
}

// An integer, or the decimal string that `add` keeps as a string.
Result<std::int64_t> read_counter(const OpResult& result) {
  if (result.error) return failure_of(*result.error);
  const Value value = result.value.value_or(Value{});
  std::int64_t number = 0;
  const char* const end = value.bytes.data() + value.bytes.size();
  if (value.type == ValueType::integer && value.bytes.size() == sizeof number) {
    return decode_integer(value.bytes);
  }
  const auto parsed = std::from_chars(value.bytes.data(), end, number);
  if (value.type != ValueType::string || parsed.ec != std::errc{} || parsed.ptr != end) {
    return failure_of(OpError::invalid_argument);
  }
  return number;
}

Result<CompareAndSetResult> read_compare_and_set(OpResult&& result) {
  if (result.error) return failure_of(*result.error);
  return CompareAndSetResult{result.outcome, std::move(result.value)};
}

std::optional<ExpiryTime> expiry_time(std::int64_t ms) {
  if (ms == 0) return std::nullopt;
  return ExpiryTime(std::chrono::milliseconds(ms));
}

Result<ScanPage> read_page(Answer&& answer) {
  auto& result = std::get<ScanResult>(answer.result);
  if (result.error) return failure_of(*result.error);
  ScanPage page{{}, std::move(result.step.next)};
  for (Record& record : result.step.records) {
    const Position position = position_of(answer.hash_key, record.key);
    page.entries.push_back(
        {std::move(record.key), std::move(record.value), expiry_time(record.expiry_ms), position});
  }
  return page;
}

Result<PeerReport> read_report(ReportResult&& result) {
  if (result.error) return failure_of(*result.error);
  return std::move(result.report);
}

Result<Repaired> read_repaired(const RepairResult& result) {
  if (result.error) return failure_of(*result.error);
  return result.repaired;
}

}  // namespace detail
}  // namespace hopring
