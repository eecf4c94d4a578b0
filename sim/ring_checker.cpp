#include "sim/ring_checker.hpp"

#include <algorithm>
#include <iterator>
#include <map>

namespace hopring::sim {
namespace {

// Of a large ring they are many, and looked at often: the arcs' ends are sorted, not the views.
struct Served {
  Position end;
  const View* view;
};
using AllServed = std::vector<Served>;

void sort(AllServed& served) {
  std::sort(served.begin(), served.end(),
            [](const Served& a, const Served& b) { return a.end < b.end; });
}

// In the order of their ends. The views are the peers' own.
AllServed all_served(const World& world) {
  AllServed served;
  for (const ProcessId id : world.alive_peers()) {
    for (const View* view : world.peer(id).served_now()) served.push_back({view->arc.end, view});
  }
  sort(served);
  return served;
}

std::string describe(const char* what, const View& a, const View& b) {
  return std::string(what) + ": " + to_string(a) + " and " + to_string(b);
}

std::vector<std::string> tiling_of(const AllServed& served) {
  std::vector<std::string> violations;
  if (served.empty()) violations.push_back("nobody serves anything");
  for (std::size_t i = 0; i < served.size(); ++i) {
    const View& view = *served[i].view;
    const View& next = *served[(i + 1) % served.size()].view;
    if (next.arc.begin == view.arc.end) continue;
    const bool gap = !overlaps(view.arc, next.arc);
    violations.push_back(describe(gap ? "gap between" : "overlap of", view, next));
  }
  return violations;
}

}  // namespace

std::vector<std::string> check_ownership(const World& world) {
  std::vector<std::string> violations;
  const AllServed served = all_served(world);
  for (std::size_t i = 1; i < served.size(); ++i) {
    const View& a = *served[i - 1].view;
    const View& b = *served[i].view;
    if (!overlaps(a.arc, b.arc)) continue;
    // Of different generations: a take-over is being sorted out.
    if (a.number.generation != b.number.generation || a.number.claimant != b.number.claimant) {
      continue;
    }
    violations.push_back(describe("served twice", a, b));
  }
  return violations;
}

std::vector<std::string> check_tiling(const std::vector<View>& views) {
  AllServed served;
  for (const View& view : views) served.push_back({view.arc.end, &view});
  sort(served);
  return tiling_of(served);
}

std::vector<std::string> check_tiling(const World& world) { return tiling_of(all_served(world)); }

namespace {

std::vector<std::string> describe_copies(const World& world, Position position) {
  constexpr const char* roles[] = {"follower", "asking", "candidate", "primary"};
  std::vector<std::string> lines;
  for (const ProcessId id : world.alive_peers()) {
    for (const Replica* copy : world.peer(id).copies_now()) {
      if (!contains(copy->arc(), position)) continue;
      const Raft& raft = copy->raft();
      std::string line = "copy at " + to_string(world.peer(id).self()) + ": " +
                         roles[static_cast<std::size_t>(raft.role())] +
                         " term=" + std::to_string(raft.term()) +
                         " last=" + std::to_string(raft.last_index()) +
                         " committed=" + std::to_string(raft.committed()) +
                         (copy->is_complete() ? "" : " incomplete") + " view " +
                         to_string(copy->view()) + " voters";
      for_each_voter(raft.roster(), [&](const Voter& voter) {
        line += " " + to_string(voter.peer) + "@" + std::to_string(voter.admitted);
      });
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

}  // namespace

std::vector<std::string> describe_gaps(const World& world) {
  std::vector<std::string> lines;
  const AllServed served = all_served(world);
  for (std::size_t i = 0; i < served.size(); ++i) {
    const Position end = served[i].end;
    if (served[(i + 1) % served.size()].view->arc.begin == end) continue;
    for (std::string& line : describe_copies(world, advance(end, 1))) {
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

namespace {

using CopiesAt = std::map<PeerRef, std::map<Position, const Replica*>>;

CopiesAt copies_at(const World& world) {
  CopiesAt copies;
  for (const ProcessId id : world.alive_peers()) {
    auto& here = copies[world.peer(id).self()];
    for (const Replica* each : world.peer(id).copies_now()) here[each->arc().end] = each;
  }
  return copies;
}

// nullptr: none that is complete and of the primary's group.
const Replica* copy_of(const CopiesAt& copies, const PeerRef& peer, const Replica& primary) {
  const auto at = copies.find(peer);
  if (at == copies.end()) return nullptr;
  const auto copy = at->second.find(primary.arc().end);
  const bool is_complete = copy != at->second.end() && copy->second->is_complete() &&
                           copy->second->raft().group() == primary.raft().group();
  return is_complete ? copy->second : nullptr;
}

// By this copy's roster, of the primary's group.
bool keeps_majority(const CopiesAt& copies, const Replica& by, const Replica& primary,
                    const std::set<PeerRef>& gone) {
  return decides(by.raft().roster(), [&](const Voter& voter) {
    const Replica* copy = copy_of(copies, voter.peer, primary);
    return !gone.contains(voter.peer) && copy != nullptr && copy->raft().answers_for(voter);
  });
}

// While members change, copies go by several rosters, and each of them may come to count.
bool keeps_majority(const CopiesAt& copies, const Replica& primary, const std::set<PeerRef>& gone) {
  return std::all_of(copies.begin(), copies.end(), [&](const auto& at) {
    const Replica* copy = copy_of(copies, at.first, primary);
    return copy == nullptr || keeps_majority(copies, *copy, primary, gone);
  });
}

}  // namespace

bool keeps_majorities_without(const World& world, ProcessId victim) {
  if (!check_tiling(world).empty()) return false;
  const CopiesAt copies = copies_at(world);
  const std::set<PeerRef> gone{world.peer(victim).self()};
  for (const auto& [peer, here] : copies) {
    for (const auto& each : here) {
      const Replica& primary = *each.second;
      if (primary.leads() && !keeps_majority(copies, primary, gone)) return false;
    }
  }
  return true;
}

std::vector<ProcessId> peers_amid_changes(const World& world) {
  std::set<PeerRef> voters;
  const std::vector<ProcessId> peers = world.alive_peers();
  for (const ProcessId id : peers) {
    for (const Replica* each : world.peer(id).copies_now()) {
      if (!each->leads() || each->raft().can_change_members()) continue;
      for_each_voter(each->raft().roster(), [&](const Voter& voter) { voters.insert(voter.peer); });
    }
  }
  std::vector<ProcessId> amid;
  std::copy_if(peers.begin(), peers.end(), std::back_inserter(amid),
               [&](ProcessId id) { return voters.contains(world.peer(id).self()); });
  return amid;
}

std::vector<Arc> arcs_that_keep_majorities_without(const World& world,
                                                   const std::set<ProcessId>& peers) {
  const CopiesAt copies = copies_at(world);
  std::set<PeerRef> gone;
  for (const ProcessId each : peers) gone.insert(world.peer(each).self());
  std::vector<Arc> kept;
  for (const ProcessId id : world.alive_peers()) {
    for (const Replica* each : world.peer(id).copies_now()) {
      const bool is_sure = each->may_serve(world.clock(id)) && each->raft().can_change_members();
      if (is_sure && keeps_majority(copies, *each, gone)) kept.push_back(each->arc());
    }
  }
  return kept;
}

std::vector<std::string> check_copies(const World& world) {
  std::vector<std::string> violations;
  const CopiesAt copies = copies_at(world);
  const std::size_t wanted = std::min<std::size_t>(world.ring_config().replicas, copies.size());
  for (const auto& [peer, here] : copies) {
    for (const auto& [end, primary] : here) {
      if (!primary->leads()) continue;
      const View& view = primary->view();
      if (view.members.size() != wanted) {
        violations.push_back("not " + std::to_string(wanted) + " members: " + to_string(view));
      }
      for (const PeerRef& member : view.members) {
        if (copy_of(copies, member, *primary) == nullptr) {
          violations.push_back("no copy at " + to_string(member) + " of " + to_string(view));
        }
      }
    }
  }
  return violations;
}

std::vector<std::string> check_met(const World& world) {
  std::vector<std::string> violations;
  for (const ProcessId id : world.alive_peers()) {
    for (const Replica* each : world.peer(id).copies_now()) {
      if (!each->is_orphan(world.clock(id))) continue;
      violations.push_back("no primary is known at " + to_string(world.peer(id).self()) + " of " +
                           to_string(each->view()));
    }
  }
  return violations;
}

std::vector<std::string> check_service(const World& world) {
  AllServed served;
  for (const ProcessId id : world.alive_peers()) {
    for (const Replica* each : world.peer(id).copies_now()) {
      if (each->may_serve(world.clock(id))) served.push_back({each->arc().end, &each->view()});
    }
  }
  sort(served);
  std::vector<std::string> violations;
  for (std::size_t i = 1; i < served.size(); ++i) {
    const View& a = *served[i - 1].view;
    const View& b = *served[i].view;
    if (overlaps(a.arc, b.arc)) violations.push_back(describe("two may serve", a, b));
  }
  return violations;
}

namespace {

std::string contents_of(const Replica& copy) {
  std::string text;
  copy.records().walk(ScanCursor{advance(copy.arc().begin, 1), {}}, [&](const RecordView& record) {
    text += std::string(record.key) + "=" + std::string(record.value) + "@" +
            std::to_string(record.expiry_ms) + " ";
    return true;
  });
  return text;
}

}  // namespace

std::vector<std::string> check_equality(const World& world) {
  std::vector<std::string> violations;
  std::map<std::pair<GroupName, std::uint64_t>, std::string> contents;
  for (const auto& [peer, here] : copies_at(world)) {
    for (const auto& [end, copy] : here) {
      copy->audit();
      if (!copy->is_complete()) continue;
      const std::string text = contents_of(*copy);
      const auto [known, fresh] =
          contents.emplace(std::pair(copy->raft().group(), copy->raft().applied()), text);
      if (!fresh && known->second != text) {
        violations.push_back("copies differ: " + known->second + "and at " + to_string(peer) +
                             ": " + text);
      }
    }
  }
  return violations;
}

Applied applied_by_primaries(const World& world) {
  Applied applied;
  for (const auto& [peer, here] : copies_at(world)) {
    for (const auto& [end, copy] : here) {
      if (copy->leads()) applied[copy->raft().group()] = copy->raft().applied();
    }
  }
  return applied;
}

std::vector<std::string> check_applied(const World& world, const Applied& least) {
  std::vector<std::string> violations;
  const CopiesAt copies = copies_at(world);
  for (const auto& [peer, here] : copies) {
    for (const auto& [end, primary] : here) {
      const auto wanted = least.find(primary->raft().group());
      if (!primary->leads() || wanted == least.end()) continue;
      for (const Voter& voter : primary->raft().roster().voters) {
        const Replica* copy = copy_of(copies, voter.peer, *primary);
        if (copy == nullptr || copy->raft().applied() >= wanted->second) continue;
        violations.push_back("applied to " + std::to_string(copy->raft().applied()) + " at " +
                             to_string(voter.peer) + ", to " + std::to_string(wanted->second) +
                             " by the primary: " + to_string(primary->view()));
      }
    }
  }
  return violations;
}

double skew_of_bytes(const World& world) {
  double sum = 0;
  double peak = 0;
  const std::vector<ProcessId> peers = world.alive_peers();
  for (const ProcessId id : peers) {
    const auto bytes = static_cast<double>(world.peer(id).report(world.now()).load.bytes);
    sum += bytes;
    peak = std::max(peak, bytes);
  }
  return sum > 0 ? peak * static_cast<double>(peers.size()) / sum : 1;
}

KeySpread spread_of_keys(const World& world) {
  KeySpread spread;
  std::uint64_t peak = 0;
  const std::vector<ProcessId> peers = world.alive_peers();
  for (const ProcessId id : peers) {
    std::uint64_t keys = 0;
    for (const ArcReport& arc : world.peer(id).report(world.now()).arcs) keys += arc.keys;
    spread.keys += keys;
    peak = std::max(peak, keys);
  }
  if (spread.keys == 0) return spread;
  const double mean = static_cast<double>(spread.keys) / static_cast<double>(peers.size());
  spread.skew = static_cast<double>(peak) / mean;
  return spread;
}

}  // namespace hopring::sim
