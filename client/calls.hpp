#pragma once

// Each call of the public interface as data: what is asked, and how the answer is read. The
// synchronous and the asynchronous face share them; they differ in how they wait.

#include <cstddef>
#include <iterator>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/core/typed_value.hpp"
#include "client/engine.hpp"
#include "client/failure.hpp"
#include "client/results.hpp"

namespace hopring::detail {

// `request`: nullopt if there is nothing to ask, because the arguments make no request; `read` is
// then called with an empty answer, and says why.
template <class Read>
struct Call {
  std::optional<Request> request;
  Read read;

  using Outcome = std::invoke_result_t<Read&, Answer&&>;
};
template <class Read>
Call(std::optional<Request>, Read) -> Call<Read>;

// How results are read.

Result<void> read_done(const OpResult& result);
Result<bool> read_was_done(const OpResult& result);  // done, or not: not_found, exists
Result<std::int64_t> read_counter(const OpResult& result);
Result<CompareAndSetResult> read_compare_and_set(OpResult&& result);
Result<ScanPage> read_page(Answer&& answer);
Result<PeerReport> read_report(ReportResult&& result);
Result<Repaired> read_repaired(const RepairResult& result);
std::optional<ExpiryTime> expiry_time(std::int64_t ms);

template <class T>
Result<T> read_value(Value&& value) {
  auto read = from_value<T>(std::move(value));
  if (!read) return failure_of(read.error());
  return std::move(*read);
}

template <class T>
Result<std::optional<T>> read_found(OpResult&& result) {
  if (result.error) return failure_of(*result.error);
  if (result.outcome != Outcome::done || !result.value) return std::optional<T>();
  auto read = read_value<T>(std::move(*result.value));
  if (!read) return std::move(read).error();
  return std::optional<T>(std::move(*read));
}

template <class T>
Result<std::optional<WithExpiry<T>>> read_with_expiry(OpResult&& result) {
  const auto expires_at = expiry_time(result.expiry_ms);
  auto read = read_found<T>(std::move(result));
  if (!read) return std::move(read).error();
  if (!*read) return std::optional<WithExpiry<T>>();
  return std::optional<WithExpiry<T>>(WithExpiry<T>{std::move(**read), expires_at});
}

// Single operations.

template <class ReadResult>
auto call_of(Operation&& operation, ReadResult read) {
  return Call{std::optional<Request>(std::move(operation)), [read](Answer&& answer) {
                return read(std::get<OpResult>(std::move(answer.result)));
              }};
}

// The same where the operation could not be made, since a value has no place in the map.
template <class ReadResult>
auto call_of(ValueResult<Operation>&& operation, ReadResult read) {
  std::optional<Request> request;
  std::optional<Failure> refused;
  if (operation) {
    request = std::move(*operation);
  } else {
    refused = failure_of(operation.error());
  }
  return Call{std::move(request),
              [read, refused = std::move(refused)](
                  Answer&& answer) -> std::invoke_result_t<ReadResult, OpResult&&> {
                if (refused) return *refused;
                return read(std::get<OpResult>(std::move(answer.result)));
              }};
}

template <class T>
ValueResult<Operation> put_operation(std::string_view key, const T& object,
                                     const WriteOptions& options, PutCondition condition) {
  auto value = to_value(object);
  if (!value) return value.error();
  return Operation(
      Put{std::string(key), std::move(*value), options.expiry.value_or(Expiry{}), condition});
}

template <class T>
auto put_call(std::string_view key, const T& object, const WriteOptions& options) {
  return call_of(put_operation(key, object, options, PutCondition::always),
                 [](OpResult&& result) { return read_done(result); });
}

template <class T>
auto conditional_put_call(std::string_view key, const T& object, const WriteOptions& options,
                          PutCondition condition) {
  return call_of(put_operation(key, object, options, condition),
                 [](OpResult&& result) { return read_was_done(result); });
}

template <class T>
auto get_call(std::string_view key) {
  return call_of(Operation(Get{std::string(key)}),
                 [](OpResult&& result) { return read_found<T>(std::move(result)); });
}

template <class T>
auto get_with_expiry_call(std::string_view key) {
  return call_of(Operation(Get{std::string(key)}),
                 [](OpResult&& result) { return read_with_expiry<T>(std::move(result)); });
}

inline auto erase_call(std::string_view key) {
  return call_of(Operation(Erase{std::string(key)}),
                 [](OpResult&& result) { return read_was_done(result); });
}

inline auto add_call(std::string_view key, std::int64_t delta) {
  return call_of(Operation(Add{std::string(key), delta}),
                 [](OpResult&& result) { return read_counter(result); });
}

template <class T, class U>
ValueResult<Operation> compare_and_set_operation(std::string_view key, const T& expected,
                                                 const U& desired, const WriteOptions& options) {
  auto from = to_value(expected);
  if (!from) return from.error();
  auto to = to_value(desired);
  if (!to) return to.error();
  return Operation(CompareAndSet{std::string(key), std::move(*from), std::move(*to),
                                 options.expiry.value_or(keep_expiry())});
}

template <class T, class U>
auto compare_and_set_call(std::string_view key, const T& expected, const U& desired,
                          const WriteOptions& options) {
  return call_of(compare_and_set_operation(key, expected, desired, options),
                 [](OpResult&& result) { return read_compare_and_set(std::move(result)); });
}

// Bulk.

template <class ReadResult>
auto bulk_call(std::vector<Operation>&& operations, ReadResult read) {
  using Each = std::invoke_result_t<ReadResult, OpResult&&>;
  return Call{std::optional<Request>(std::move(operations)), [read](Answer&& answer) {
                std::vector<Each> all;
                for (auto& result : std::get<std::vector<OpResult>>(answer.result)) {
                  all.push_back(read(std::move(result)));
                }
                return all;
              }};
}

template <class MakeOperation, class Keys>
std::vector<Operation> operations_of(const Keys& keys, MakeOperation make) {
  std::vector<Operation> operations;
  for (const auto& key : keys) operations.push_back(make(std::string_view(key)));
  return operations;
}

template <class T, class Keys>
auto get_many_call(const Keys& keys) {
  return bulk_call(operations_of(keys, [](std::string_view key) { return Get{std::string(key)}; }),
                   [](OpResult&& result) { return read_found<T>(std::move(result)); });
}

template <class Keys>
auto erase_many_call(const Keys& keys) {
  return bulk_call(
      operations_of(keys, [](std::string_view key) { return Erase{std::string(key)}; }),
      [](OpResult&& result) { return read_was_done(result); });
}

// An element of put_many: a pair of a key and a C++ value, or a Record with an expiry of its own.
template <class Pair>
ValueResult<Operation> put_operation(const Pair& pair, const WriteOptions& options) {
  const auto& [key, object] = pair;
  return put_operation(key, object, options, PutCondition::always);
}
ValueResult<Operation> put_operation(const Record& record, const WriteOptions& options);

// Those records whose value has no place in the map are left out, and refused for themselves.
template <class Records>
auto put_many_call(const Records& records, const WriteOptions& options) {
  std::vector<Operation> operations;
  std::vector<std::optional<Failure>> refused;  // one for each record
  for (const auto& record : records) {
    auto operation = put_operation(record, options);
    refused.emplace_back();
    if (operation) {
      operations.push_back(std::move(*operation));
    } else {
      refused.back() = failure_of(operation.error());
    }
  }
  std::optional<Request> request;
  if (!operations.empty()) request = std::move(operations);
  return Call{std::move(request), [refused = std::move(refused)](Answer&& answer) {
                std::vector<Result<void>> all;
                const auto* results = std::get_if<std::vector<OpResult>>(&answer.result);
                std::size_t asked = 0;
                for (const auto& failure : refused) {
                  all.push_back(failure ? Result<void>(*failure) : read_done((*results)[asked++]));
                }
                return all;
              }};
}

// The rest.

inline auto scan_page_call(const ScanOptions& options) {
  Scan scan{options.after.value_or(ScanCursor{}), options.prefix, options.page_records_max,
            options.keys_only};
  return Call{std::optional<Request>(std::move(scan)),
              [](Answer&& answer) { return read_page(std::move(answer)); }};
}

inline auto report_call(const std::optional<PeerRef>& of) {
  return Call{std::optional<Request>(ReportOf{of}), [](Answer&& answer) {
                return read_report(std::get<ReportResult>(std::move(answer.result)));
              }};
}

inline auto repair_call(const PeerRef& at, const Repair& repair) {
  return Call{std::optional<Request>(RepairAt{at, repair}),
              [](Answer&& answer) { return read_repaired(std::get<RepairResult>(answer.result)); }};
}

}  // namespace hopring::detail
