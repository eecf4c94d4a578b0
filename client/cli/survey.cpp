#include "client/cli/survey.hpp"

#include <algorithm>
#include <boost/asio/use_future.hpp>
#include <future>
#include <numeric>
#include <set>

namespace hopring::cli {
namespace {

struct Held {
  Arc arc;
  PeerRef by;
};

std::string hex(Position position) { return to_string(ScanCursor{position, {}}).substr(0, 16); }

std::vector<Held> arcs_in_ring_order(const std::vector<PeerReport>& reports) {
  std::vector<Held> all;
  for (const PeerReport& report : reports) {
    for (const ArcReport& arc : report.arcs) all.push_back({arc.view.arc, report.self});
  }
  std::sort(all.begin(), all.end(), [](const Held& a, const Held& b) {
    return std::tuple(a.arc.end, a.arc.begin, a.by) < std::tuple(b.arc.end, b.arc.begin, b.by);
  });
  return all;
}

// Of two neighbours, by their ends; nullopt if the second one begins where the first one ends. An
// arc that is alone is its own neighbour.
std::optional<std::string> fault_between(const Held& first, const Held& second) {
  if (second.arc.begin == first.arc.end) return std::nullopt;
  const bool is_alone = &first == &second;
  if (is_alone || !contains(second.arc, first.arc.end)) {
    return "nobody holds " + name_of(Arc{first.arc.end, second.arc.begin});
  }
  return to_string(first.by.endpoint) + " and " + to_string(second.by.endpoint) +
         " both hold a part of " + name_of(second.arc);
}

class Surveyor {
 public:
  Surveyor(Map& map, Ask whom) : map_(map), whom_(whom) {}

  Result<Survey> run() {
    auto first = map_.report();
    if (!first) return std::move(first).error();
    seen_.insert(first->self);
    take(std::move(*first));
    while (!frontier_.empty()) ask(std::exchange(frontier_, {}));
    leave_out_replaced(survey_);
    std::sort(survey_.reports.begin(), survey_.reports.end(),
              [](const auto& a, const auto& b) { return a.self < b.self; });
    return std::move(survey_);
  }

 private:
  void take(PeerReport&& report) {
    for (const PeerRef& peer : report.known) hear_of(peer);
    if (whom_ == Ask::members) {
      for (const ArcReport& arc : report.arcs) hear_of(arc.view.members);
      for (const CopyReport& copy : report.copies) {
        hear_of(copy.view.members);
        for_each_voter(copy.roster, [this](const Voter& voter) { hear_of(voter.peer); });
      }
    }
    survey_.reports.push_back(std::move(report));
  }

  void hear_of(const PeerRef& peer) {
    if (seen_.insert(peer).second) frontier_.push_back(peer);
  }
  void hear_of(const Members& members) {
    for (const PeerRef& each : members) hear_of(each);
  }

  void ask(const std::vector<PeerRef>& peers) {
    std::vector<std::future<Result<PeerReport>>> asked;
    for (const PeerRef& peer : peers) {
      asked.push_back(map_.async_report(peer, boost::asio::use_future));
    }
    for (std::size_t i = 0; i < peers.size(); ++i) {
      auto report = asked[i].get();
      if (report) {
        take(std::move(*report));
      } else {
        survey_.silent_peers.emplace_back(peers[i], report.error());
      }
    }
  }

  Map& map_;
  Ask whom_;
  std::set<PeerRef> seen_;
  std::vector<PeerRef> frontier_;
  Survey survey_;
};

}  // namespace

void leave_out_replaced(Survey& survey) {
  std::erase_if(survey.silent_peers, [&](const auto& silent) {
    return std::any_of(survey.reports.begin(), survey.reports.end(), [&](const auto& report) {
      return report.self.endpoint == silent.first.endpoint;
    });
  });
}

Result<Survey> survey(Map& map, Ask whom) { return Surveyor(map, whom).run(); }

std::string name_of(const Arc& arc) { return "(" + hex(arc.begin) + ", " + hex(arc.end) + "]"; }

std::vector<std::string> tiling_faults(const std::vector<PeerReport>& reports) {
  const std::vector<Held> arcs = arcs_in_ring_order(reports);
  if (arcs.empty()) return {"nobody holds any arc"};
  std::vector<std::string> faults;
  for (std::size_t i = 0; i < arcs.size(); ++i) {
    const Held& before = arcs[i == 0 ? arcs.size() - 1 : i - 1];
    if (auto fault = fault_between(before, arcs[i])) faults.push_back(std::move(*fault));
  }
  return faults;
}

std::uint64_t keys_of(const PeerReport& report) {
  std::uint64_t keys = 0;
  for (const ArcReport& arc : report.arcs) keys += arc.keys;
  return keys;
}

std::uint64_t bytes_of(const PeerReport& report) { return report.load.bytes; }

std::size_t copies_at(const std::vector<PeerReport>& reports, const PeerRef& peer) {
  std::size_t copies = 0;
  for (const PeerReport& report : reports) {
    for (const ArcReport& arc : report.arcs) copies += is_member(arc.view, peer) ? 1 : 0;
  }
  return copies;
}

// A primary may not have noticed yet that a member has died: whoever does not answer here does not
// count.
Lack lack_of_copies(const std::vector<PeerReport>& reports, std::size_t wanted) {
  std::set<PeerRef> answering;
  for (const PeerReport& report : reports) answering.insert(report.self);
  Lack lack;
  for (const PeerReport& report : reports) {
    for (const ArcReport& arc : report.arcs) {
      const Members& members = arc.view.members;
      const auto there = std::count_if(members.begin(), members.end(), [&](const PeerRef& each) {
        return answering.contains(each);
      });
      const auto copies = std::min<std::size_t>(arc.copies, static_cast<std::size_t>(there));
      const std::size_t lacking = std::max(members.size(), wanted) - copies;
      lack.arcs += lacking > 0 ? 1 : 0;
      lack.bytes += lacking * arc.bytes;
      // The copy of a member that answers is on its way if it is not counted yet, and has its room.
      const bool has_place =
          copies < static_cast<std::size_t>(there) ||
          std::any_of(reports.begin(), reports.end(), [&](const PeerReport& other) {
            return !is_member(arc.view, other.self) &&
                   (other.load.makes_room ||
                    other.load.has_room(arc.view.arc.end, other.ring.nodes_per_peer, arc.bytes));
          });
      // A member that is dead and not let go yet is missed, and where there are no more peers no
      // other is to come.
      lack.arcs_without_room += wanted > copies && !has_place ? 1 : 0;
    }
  }
  return lack;
}

std::size_t copies_without_primary(const std::vector<PeerReport>& reports) {
  std::size_t copies = 0;
  for (const PeerReport& report : reports) {
    for (const CopyReport& copy : report.copies) copies += copy.is_orphan ? 1 : 0;
  }
  return copies;
}

Health health_of(const std::vector<PeerReport>& reports) {
  Health health;
  health.faults = tiling_faults(reports);
  health.copies_wanted = std::min<std::size_t>(reports.front().ring.replicas, reports.size());
  health.lack = lack_of_copies(reports, health.copies_wanted);
  health.copies_without_primary = copies_without_primary(reports);
  return health;
}

std::size_t hosts_of(const std::vector<PeerReport>& reports) {
  std::set<decltype(Endpoint::address)> hosts;
  for (const PeerReport& report : reports) hosts.insert(report.self.endpoint.address);
  return hosts.size();
}

std::size_t arcs_sharing_a_host(const std::vector<PeerReport>& reports) {
  std::size_t arcs = 0;
  for (const PeerReport& report : reports) {
    for (const ArcReport& arc : report.arcs) arcs += crowding(arc.view.members) > 0 ? 1 : 0;
  }
  return arcs;
}

double share_of(const PeerReport& report) {
  double share = 0;
  for (const ArcReport& arc : report.arcs) share += ring_share(arc.view.arc);
  return share;
}

double share_taken_over(const std::vector<PeerReport>& reports) {
  double share = 0;
  for (const PeerReport& report : reports) {
    for (const ArcReport& arc : report.arcs) {
      if (arc.view.number.claimant != 0) share += ring_share(arc.view.arc);
    }
  }
  return share;
}

std::uint64_t counter_sum(const std::vector<PeerReport>& reports, std::string_view counter) {
  std::uint64_t sum = 0;
  for (const PeerReport& report : reports) {
    for (const Counter& each : report.counters) {
      if (each.name == counter) sum += each.value;
    }
  }
  return sum;
}

double peak_over_mean(const std::vector<std::uint64_t>& loads) {
  const auto sum = std::accumulate(loads.begin(), loads.end(), std::uint64_t{0});
  if (sum == 0) return 1;
  const auto peak = static_cast<double>(*std::max_element(loads.begin(), loads.end()));
  return peak * static_cast<double>(loads.size()) / static_cast<double>(sum);
}

}  // namespace hopring::cli
