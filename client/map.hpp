#pragma once

// hopring::Map: a distributed hash map, as a client sees it.
//
//   auto map = hopring::Map::open({.contacts = {"127.0.0.1:7700"}}).value();
//   map.put("answer", 42).value();
//   auto answer = map.get<int>("answer");  // Result<std::optional<int>>
//
// Keys are 1 to 65,535 bytes, any bytes. Values are C++ values (client/core/typed_value.hpp), at
// most as long as the ring allows, 16 MiB by default. Each call on one key is atomic; there are no
// transactions over several.
//
// Synchronous calls return a Result (client/failure.hpp) and throw nothing but std::bad_alloc and
// what a user's serialize() throws. Each has an asynchronous twin that takes any completion token
// of Asio (a callback, use_future, use_awaitable, deferred ...) and completes with the very same
// Result:
//
//   map.async_get<int>("answer", [](hopring::Result<std::optional<int>> answer) { ... });
//   auto answer = co_await map.async_get<int>("answer", boost::asio::use_awaitable);
//
// Handlers run on their associated executor; those without one in the map's background thread,
// where they must not block, and where the synchronous calls end as `invalid_argument`.
//
// Errors are definite (it did not happen and never will) or indefinite (it may have): see
// is_definite(). The map itself tries again what is known not to have happened, until the call's
// timeout, and where arcs have several copies also what may have: it is executed once.
// docs/client.md lists who sees which error.
//
// Thread rule: any number of threads, at the same time, on the same map; it has one background
// thread of its own. Moving and destroying it is not a call: nothing else may be under way in other
// threads. What is in flight asynchronously then ends as `cancelled` (definite) or, if it was a
// write that had been sent, as `connection_lost`. REQUIRES: not destroyed in a handler that runs in
// its own background thread.

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/calls.hpp"
#include "client/engine.hpp"
#include "client/failure.hpp"
#include "client/options.hpp"
#include "client/results.hpp"
#include "client/scan_range.hpp"

namespace hopring {

class Map {
 public:
  // Resolves the contacts, and waits for nothing else: that nobody answers there is told by the
  // first call. Fails with `invalid_argument` (an option) or `no_route` (a name without address).
  static Result<Map> open(const MapOptions& options = {});

  Map(Map&&) noexcept = default;
  Map& operator=(Map&&) noexcept = default;

  // One key.

  template <class T>
  Result<void> put(std::string_view key, const T& value, const WriteOptions& options = {}) {
    return run(detail::put_call(key, value, options), options.timeout);
  }
  // Creates only. False: the key is there, and nothing was changed.
  template <class T>
  Result<bool> insert(std::string_view key, const T& value, const WriteOptions& options = {}) {
    return run(detail::conditional_put_call(key, value, options, PutCondition::if_absent),
               options.timeout);
  }
  // Updates only. False: there is no such key, and nothing was changed.
  template <class T>
  Result<bool> replace(std::string_view key, const T& value, const WriteOptions& options = {}) {
    return run(detail::conditional_put_call(key, value, options, PutCondition::if_present),
               options.timeout);
  }
  // nullopt: there is no such key. A value of another type is `wrong_type`, and the failure's
  // `found` says which; get<Value> takes all.
  template <class T>
  Result<std::optional<T>> get(std::string_view key, const CallOptions& options = {}) {
    return run(detail::get_call<T>(key), options.timeout);
  }
  // The same, with the expiry.
  template <class T>
  Result<std::optional<WithExpiry<T>>> get_with_expiry(std::string_view key,
                                                       const CallOptions& options = {}) {
    return run(detail::get_with_expiry_call<T>(key), options.timeout);
  }
  // False: there was no such key.
  Result<bool> erase(std::string_view key, const CallOptions& options = {}) {
    return run(detail::erase_call(key), options.timeout);
  }
  // Sets `desired` if the value is `expected`, in type and in every byte. By value: a value that
  // changed and changed back in between is not noticed (ABA); who must notice puts a number into
  // the value that only grows.
  template <class T, class U>
  Result<CompareAndSetResult> compare_and_set(std::string_view key, const T& expected,
                                              const U& desired, const WriteOptions& options = {}) {
    return run(detail::compare_and_set_call(key, expected, desired, options), options.timeout);
  }
  // Adds to an integer, or to a string that is a decimal integer, and gives the sum. A key that is
  // not there counts as integer 0. `wrong_type`, `overflow`: nothing was changed.
  Result<std::int64_t> add(std::string_view key, std::int64_t delta = 1,
                           const CallOptions& options = {}) {
    return run(detail::add_call(key, delta), options.timeout);
  }

  // Many keys: grouped by the peers that hold them, all under way at once. A result for each, in
  // the order of the arguments; one that fails does not stop the others. Of two operations on one
  // key in one call either may come first. More than limits.operations_max end as `overloaded`.
  // `keys`: a range of strings; `records`: of pairs of a string and a value, or of Record, which
  // has an expiry of its own.

  template <class T, class Keys>
  std::vector<Result<std::optional<T>>> get_many(const Keys& keys,
                                                 const CallOptions& options = {}) {
    return run(detail::get_many_call<T>(keys), options.timeout);
  }
  template <class Records>
  std::vector<Result<void>> put_many(const Records& records, const WriteOptions& options = {}) {
    return run(detail::put_many_call(records, options), options.timeout);
  }
  template <class Keys>
  std::vector<Result<bool>> erase_many(const Keys& keys, const CallOptions& options = {}) {
    return run(detail::erase_many_call(keys), options.timeout);
  }

  // All keys, as an input range (client/scan_range.hpp).
  ScanRange scan(ScanOptions options = {}) { return {*engine_, std::move(options)}; }

  // What `of`, or any contact, says of itself. With `of`: `no_route` if it is gone.
  Result<PeerReport> report(const std::optional<PeerRef>& of = std::nullopt,
                            const CallOptions& options = {}) {
    return run(detail::report_call(of), options.timeout);
  }

  // For `hopring ring repair` (docs/operations.md): `at` is to serve an arc that has lost the
  // majority of its members. What only those had, or newer writes, may be lost. It looks first
  // whether another peer serves the arc, for some two seconds if that is to begin empty.
  Result<Repaired> repair(const PeerRef& at, const Repair& repair,
                          const CallOptions& options = {}) {
    return run(detail::repair_call(at, repair), options.timeout);
  }

  // The asynchronous twins.

  template <class T, class Token>
  auto async_put(std::string_view key, const T& value, Token&& token,
                 const WriteOptions& options = {}) {
    return start(detail::put_call(key, value, options), options.timeout,
                 std::forward<Token>(token));
  }
  template <class T, class Token>
  auto async_insert(std::string_view key, const T& value, Token&& token,
                    const WriteOptions& options = {}) {
    return start(detail::conditional_put_call(key, value, options, PutCondition::if_absent),
                 options.timeout, std::forward<Token>(token));
  }
  template <class T, class Token>
  auto async_replace(std::string_view key, const T& value, Token&& token,
                     const WriteOptions& options = {}) {
    return start(detail::conditional_put_call(key, value, options, PutCondition::if_present),
                 options.timeout, std::forward<Token>(token));
  }
  template <class T, class Token>
  auto async_get(std::string_view key, Token&& token, const CallOptions& options = {}) {
    return start(detail::get_call<T>(key), options.timeout, std::forward<Token>(token));
  }
  template <class T, class Token>
  auto async_get_with_expiry(std::string_view key, Token&& token, const CallOptions& options = {}) {
    return start(detail::get_with_expiry_call<T>(key), options.timeout, std::forward<Token>(token));
  }
  template <class Token>
  auto async_erase(std::string_view key, Token&& token, const CallOptions& options = {}) {
    return start(detail::erase_call(key), options.timeout, std::forward<Token>(token));
  }
  template <class T, class U, class Token>
  auto async_compare_and_set(std::string_view key, const T& expected, const U& desired,
                             Token&& token, const WriteOptions& options = {}) {
    return start(detail::compare_and_set_call(key, expected, desired, options), options.timeout,
                 std::forward<Token>(token));
  }
  template <class Token>
  auto async_add(std::string_view key, std::int64_t delta, Token&& token,
                 const CallOptions& options = {}) {
    return start(detail::add_call(key, delta), options.timeout, std::forward<Token>(token));
  }
  template <class T, class Keys, class Token>
  auto async_get_many(const Keys& keys, Token&& token, const CallOptions& options = {}) {
    return start(detail::get_many_call<T>(keys), options.timeout, std::forward<Token>(token));
  }
  template <class Records, class Token>
  auto async_put_many(const Records& records, Token&& token, const WriteOptions& options = {}) {
    return start(detail::put_many_call(records, options), options.timeout,
                 std::forward<Token>(token));
  }
  template <class Keys, class Token>
  auto async_erase_many(const Keys& keys, Token&& token, const CallOptions& options = {}) {
    return start(detail::erase_many_call(keys), options.timeout, std::forward<Token>(token));
  }
  // One page, Result<ScanPage>; the next one is after `next`.
  template <class Token>
  auto async_scan_page(const ScanOptions& options, Token&& token) {
    return start(detail::scan_page_call(options), options.timeout, std::forward<Token>(token));
  }
  template <class Token>
  auto async_report(const std::optional<PeerRef>& of, Token&& token,
                    const CallOptions& options = {}) {
    return start(detail::report_call(of), options.timeout, std::forward<Token>(token));
  }
  template <class Token>
  auto async_repair(const PeerRef& at, const Repair& repair, Token&& token,
                    const CallOptions& options = {}) {
    return start(detail::repair_call(at, repair), options.timeout, std::forward<Token>(token));
  }

  // How many operations have been answered by the first peer that was asked, by the second and so
  // on, how many requests were sent, and how often somebody had to wait before he asked again. A
  // warm client of a ring at rest asks one peer for each.
  ClientFigures figures() const { return engine_->figures(); }

 private:
  using Timeout = std::optional<Duration>;

  template <class Handler, class Read>
  class HandlerCompletion;

  explicit Map(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}

  template <class Read>
  typename detail::Call<Read>::Outcome run(detail::Call<Read>&& call, Timeout timeout) {
    if (!call.request) return call.read(Answer{});
    return call.read(engine_->run(std::move(*call.request), timeout));
  }

  template <class Read, class Token>
  auto start(detail::Call<Read>&& call, Timeout timeout, Token&& token);

  std::unique_ptr<Engine> engine_;
};

// Keeps the handler's executor busy until the handler has been handed to it.
template <class Handler, class Read>
class Map::HandlerCompletion final : public Completion {
 public:
  HandlerCompletion(Handler&& handler, Read&& read, Engine::Executor executor)
      : work_(boost::asio::get_associated_executor(handler, executor)),
        handler_(std::move(handler)),
        read_(std::move(read)) {}

  void complete(Answer&& answer) override {
    boost::asio::post(work_.get_executor(), [handler = std::move(handler_),
                                             outcome = read_(std::move(answer))]() mutable {
      std::move(handler)(std::move(outcome));
    });
  }

 private:
  using Executor = boost::asio::associated_executor_t<Handler, Engine::Executor>;

  boost::asio::executor_work_guard<Executor> work_;
  Handler handler_;
  Read read_;
};

template <class Read, class Token>
auto Map::start(detail::Call<Read>&& call, Timeout timeout, Token&& token) {
  using Signature = void(typename detail::Call<Read>::Outcome);
  return boost::asio::async_initiate<Token, Signature>(
      [engine = engine_.get(), timeout](auto&& handler, detail::Call<Read> launched) {
        using Handler = std::decay_t<decltype(handler)>;
        auto completion = std::make_unique<HandlerCompletion<Handler, Read>>(
            Handler(std::forward<decltype(handler)>(handler)), std::move(launched.read),
            engine->executor());
        if (!launched.request) return completion->complete(Answer{});
        engine->start(std::move(*launched.request), timeout, std::move(completion));
      },
      token, std::move(call));
}

}  // namespace hopring
