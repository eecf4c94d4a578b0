#pragma once

// A session over a map, and what one says to it.

#include <boost/test/unit_test.hpp>
#include <string>

#include "peer/resp/session.hpp"
#include "tests/peer/resp/map_keyspace.hpp"

namespace hopring::test {

struct SessionFixture {
  static constexpr std::size_t mark = std::size_t{1} << 20;

  Now now{Time{}, WallTime{1'000'000}};
  PeerRef self{ipv4_endpoint(0x7f000001, 7700), 0xa};
  MapKeyspace keyspace;
  resp::ClientList clients;
  resp::Session session{1, resp::Client{.id = 42}, self, keyspace, {true, &clients}};
  std::string unread;

  // What inline commands, one a line, are answered.
  std::string say(std::string_view lines) {
    unread += lines;
    std::string out;
    go_on(out);
    return out;
  }
  void go_on(std::string& out) {
    for (;;) {
      const resp::Session::Taken taken = session.on_bytes(now, unread, mark, out);
      unread.erase(0, taken.bytes);
      if (taken.is_all || session.is_held() || session.is_ending()) return;
    }
  }
  // The waiting operation of this index ends; what is answered then.
  std::string end(std::size_t index, std::optional<OpError> error = {}) {
    const auto waiting = keyspace.waiting[index];
    keyspace.waiting.erase(keyspace.waiting.begin() + static_cast<std::ptrdiff_t>(index));
    return find(waiting.call,
                error ? error_result(*error) : keyspace.perform(now, waiting.operation));
  }
  // The step of a scan that was asked for first ends.
  std::string end_scan(std::optional<OpError> error = {}) {
    BOOST_REQUIRE(!keyspace.scans.empty());
    const auto [call, scan] = keyspace.scans.front();
    keyspace.scans.pop_front();
    return find(call, error ? ScanResult{error, {}} : ScanResult{{}, keyspace.step(scan)});
  }
  // The report that was asked for first comes.
  std::string end_report(resp::ReportFound&& found) {
    BOOST_REQUIRE(!keyspace.reports.empty());
    const resp::Call call = keyspace.reports.front().first;
    keyspace.reports.pop_front();
    return find(call, std::move(found));
  }
  std::string find(const resp::Call& call, resp::Finding&& finding) {
    std::string out;
    session.on_finding(now, call, std::move(finding), out);
    if (!session.is_held()) go_on(out);
    return out;
  }
  // The same, and all steps of scans that it leads to.
  std::string walk(std::string_view lines) {
    std::string out = say(lines);
    while (!keyspace.scans.empty()) out += end_scan();
    return out;
  }
};

}  // namespace hopring::test
