#include "client/cli/survey.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/client/client_support.hpp"

using namespace hopring;
using namespace hopring::cli;

namespace {

PeerReport report_of(std::uint8_t n, const std::vector<Arc>& arcs) {
  PeerReport report;
  report.self = peer(n);
  for (const Arc& arc : arcs) {
    report.arcs.push_back(
        {view(arc.begin, arc.end, 1, peer(n)), std::uint64_t{10} * n, std::uint64_t{100} * n});
  }
  return report;
}

constexpr Arc first{Position{~0ull}, Position{99}};
constexpr Arc second{Position{99}, Position{999}};
constexpr Arc third{Position{999}, Position{~0ull}};

std::string only(const std::vector<std::string>& faults) {
  BOOST_REQUIRE_EQUAL(faults.size(), 1u);
  return faults.front();
}

}  // namespace

BOOST_AUTO_TEST_CASE(arcs_that_tile_the_ring_have_no_fault) {
  BOOST_TEST(tiling_faults({report_of(1, {third, first}), report_of(2, {second})}).empty());
  BOOST_TEST(tiling_faults({report_of(1, {Arc{Position{5}, Position{5}}})}).empty());
}

BOOST_AUTO_TEST_CASE(a_gap_is_named) {
  BOOST_TEST(only(tiling_faults({report_of(1, {first}), report_of(2, {third})})) ==
             "nobody holds (0000000000000063, 00000000000003e7]");
  BOOST_TEST(only(tiling_faults({report_of(1, {second})})) ==
             "nobody holds (00000000000003e7, 0000000000000063]");
  BOOST_TEST(only(tiling_faults({report_of(1, {})})) == "nobody holds any arc");
}

BOOST_AUTO_TEST_CASE(an_arc_that_two_hold_is_named) {
  BOOST_TEST(only(tiling_faults({report_of(1, {first, second}), report_of(2, {second, third})})) ==
             "127.0.0.1:7001 and 127.0.0.1:7002 both hold a part of "
             "(0000000000000063, 00000000000003e7]");
  const Arc wide{Position{50}, Position{999}};
  BOOST_TEST(only(tiling_faults({report_of(1, {first, third}), report_of(2, {wide})})) ==
             "127.0.0.1:7001 and 127.0.0.1:7002 both hold a part of "
             "(0000000000000032, 00000000000003e7]");
}

BOOST_AUTO_TEST_CASE(a_peer_that_has_been_started_again_is_not_silent) {
  Survey survey{{report_of(1, {first})}, {}};
  PeerRef before = peer(1);
  ++before.incarnation;
  survey.silent_peers = {{before, Failure{}}, {peer(2), Failure{}}};
  leave_out_replaced(survey);
  BOOST_REQUIRE_EQUAL(survey.silent_peers.size(), 1u);
  BOOST_TEST((survey.silent_peers[0].first == peer(2)));
}

BOOST_AUTO_TEST_CASE(a_copy_counts_if_its_peer_answers_and_its_primary_counts_it) {
  std::vector<PeerReport> reports{report_of(1, {first, second}), report_of(2, {})};
  for (ArcReport& each : reports[0].arcs) {
    each.view.members = {peer(1), peer(2)};
    each.copies = 2;
  }
  BOOST_TEST(lack_of_copies(reports, 2).arcs == 0u);
  BOOST_TEST(lack_of_copies(reports, 3).arcs == 2u);
  BOOST_TEST(lack_of_copies(reports, 3).bytes ==
             reports[0].arcs[0].bytes + reports[0].arcs[1].bytes);
  reports[0].arcs[1].copies = 1;
  BOOST_TEST(lack_of_copies(reports, 1).arcs == 1u, "the member's copy is still coming");
  reports[0].arcs[1].copies = 2;
  reports[0].arcs[1].view.members = {peer(1), peer(3)};
  BOOST_TEST(lack_of_copies(reports, 2).arcs == 1u, "nobody has heard of peer 3");
}

BOOST_AUTO_TEST_CASE(an_arc_without_room_is_one_that_no_other_peer_can_take) {
  std::vector<PeerReport> reports{report_of(1, {first}), report_of(2, {}), report_of(3, {})};
  ArcReport& arc = reports[0].arcs[0];
  arc.bytes = 100;
  arc.view.members = {peer(1), peer(2)};
  arc.copies = 2;
  reports[1].load.rooms = {1000};  // it has a copy already
  reports[2].load.rooms = {99};
  BOOST_TEST(lack_of_copies(reports, 3).arcs_without_room == 1u);
  reports[2].load.rooms = {100};
  BOOST_TEST(lack_of_copies(reports, 3).arcs_without_room == 0u);
  reports[2].load.rooms = {99};
  reports[2].load.makes_room = true;
  BOOST_TEST(lack_of_copies(reports, 3).arcs_without_room == 0u, "it will evict for it");
  reports[2].load.makes_room = false;
  BOOST_TEST(lack_of_copies(reports, 2).arcs_without_room == 0u, "it lacks none");
  arc.copies = 1;
  BOOST_TEST(lack_of_copies(reports, 3).arcs_without_room == 0u, "one is on its way");
  arc.copies = 2;
  arc.view.members = {peer(1), peer(2), peer(4)};
  BOOST_TEST(lack_of_copies(reports, 3).arcs_without_room == 1u, "a member is dead");
  BOOST_TEST(lack_of_copies(reports, 2).arcs_without_room == 0u, "and is not to be replaced");
}

BOOST_AUTO_TEST_CASE(members_at_one_address_share_a_host) {
  const auto at_host = [](std::uint32_t host, std::uint16_t port) {
    return PeerRef{ipv4_endpoint(0x0a000000 + host, port), port};
  };
  std::vector<PeerReport> reports{report_of(1, {first, second}), report_of(2, {third})};
  reports[0].self = at_host(1, 7001);
  reports[1].self = at_host(2, 7002);
  reports[0].arcs[0].view.members = {at_host(1, 7001), at_host(2, 7002), at_host(3, 7003)};
  reports[0].arcs[1].view.members = {at_host(1, 7001), at_host(2, 7002), at_host(2, 7004)};
  reports[1].arcs[0].view.members = {at_host(2, 7002)};
  BOOST_TEST(hosts_of(reports) == 2u);
  BOOST_TEST(arcs_sharing_a_host(reports) == 1u);
}

BOOST_AUTO_TEST_CASE(loads_are_added_up_and_compared) {
  PeerReport report = report_of(2, {first, second});
  report.load.bytes = 500;  // it holds copies of other arcs, too
  BOOST_TEST(keys_of(report) == 40u);
  BOOST_TEST(bytes_of(report) == 500u);
  BOOST_TEST(share_of(report_of(1, {first, second, third})) == 1.0);
  BOOST_TEST(peak_over_mean({10, 30}) == 1.5);
  BOOST_TEST(peak_over_mean({0, 0}) == 1.0);
}
