#pragma once

// Histories of one key, `key`, as tests of their judge write them.

#include <boost/test/unit_test.hpp>
#include <string>
#include <utility>

#include "sim/history_checker.hpp"

namespace hopring::sim {

using namespace std::chrono_literals;

inline Value text(std::string bytes) { return Value{ValueType::string, std::move(bytes)}; }
inline Put put(std::string value, Expiry expiry = {},
               PutCondition condition = PutCondition::always) {
  return Put{"key", text(std::move(value)), expiry, condition};
}

inline OpResult found(std::string value, std::int64_t expiry_ms = 0) {
  OpResult result;
  result.value = text(std::move(value));
  result.expiry_ms = expiry_ms;
  return result;
}
inline OpResult outcome(Outcome outcome) {
  OpResult result;
  result.outcome = outcome;
  return result;
}
inline OpResult absent() { return outcome(Outcome::not_found); }

struct History {
  void saw(Duration called, Duration returned, Operation operation, OpResult result = {}) {
    checker.add({std::move(operation), called, returned, std::move(result)});
  }
  void never_heard(Duration called, Operation operation) {
    checker.add({std::move(operation), called, Duration::max(), {}});
  }
  bool is_explained() const {
    const HistoryChecker::Verdict verdict = checker.check();
    BOOST_TEST(verdict.undecided == 0u);
    return verdict.violations.empty();
  }

  HistoryChecker checker;
};

}  // namespace hopring::sim
