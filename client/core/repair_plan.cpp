#include "client/core/repair_plan.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/check.hpp"
#include "base/count.hpp"

namespace hopring {
namespace {

struct Copy {
  const ReportReply* at = nullptr;
  const CopyReport* report = nullptr;
  friend bool operator==(const Copy&, const Copy&) = default;
};

// Of two copies that hold a position, which knows more of what stood there? Of one order the one
// that reaches further, as in an election. Of two orders of one generation the one of the higher
// view: the other has not applied the split that began it.
bool knows_more(const CopyReport& a, const CopyReport& b) {
  const GroupName of_a = group_of(a.view);
  const GroupName of_b = group_of(b.view);
  if (supersedes(of_a, of_b) || supersedes(of_b, of_a)) return supersedes(of_a, of_b);
  const auto number = [](const CopyReport& copy) { return copy.view.number.number; };
  if (of_a.end != of_b.end && number(a) != number(b)) return number(a) > number(b);
  return std::tuple(a.last_term, a.last_index, number(a)) >
         std::tuple(b.last_term, b.last_index, number(b));
}

bool reaches_as_far(const CopyReport& candidate, const CopyReport& voter) {
  return std::pair(candidate.last_term, candidate.last_index) >=
         std::pair(voter.last_term, voter.last_index);
}

// A part of the ring that nobody serves, and that no arc, copy or cell ends in.
struct Piece {
  Arc arc;
  std::optional<Copy> copy = {};
  std::optional<NoRepair> why_not = {};
};

class Planner {
 public:
  explicit Planner(const std::vector<ReportReply>& reports) : reports_(reports) {
    HOPRING_CHECK(!reports.empty());
  }

  RepairPlan run() {
    for (const Arc& each : pieces()) {
      if (!is_served(each)) add(look_at(each));
    }
    flush();
    return std::move(plan_);
  }

 private:
  // The whole ring, cut at all ends that are known.
  std::vector<Arc> pieces() const {
    std::vector<Position> ends;
    const auto add_ends = [&](const Arc& arc) {
      ends.push_back(arc.begin);
      ends.push_back(arc.end);
    };
    const std::uint32_t cells = reports_.front().ring.nodes_per_peer;
    for (std::uint32_t i = 0; i < cells; ++i) ends.push_back(equal_arc(i, cells).end);
    for (const ReportReply& report : reports_) {
      for (const ArcReport& each : report.arcs) add_ends(each.view.arc);
      for (const CopyReport& each : report.copies) add_ends(each.view.arc);
    }
    std::sort(ends.begin(), ends.end());
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
    std::vector<Arc> arcs;
    Position before = ends.back();
    for (const Position end : ends) arcs.push_back({std::exchange(before, end), end});
    return arcs;
  }

  bool is_served(const Arc& piece) const {
    return std::any_of(reports_.begin(), reports_.end(), [&](const ReportReply& report) {
      return std::any_of(report.arcs.begin(), report.arcs.end(),
                         [&](const ArcReport& each) { return contains(each.view.arc, piece.end); });
    });
  }

  Piece look_at(const Arc& arc) const {
    Piece piece{arc};
    for (const ReportReply& report : reports_) {
      for (const CopyReport& each : report.copies) {
        if (!contains(each.view.arc, arc.end)) continue;
        if (!each.is_orphan) piece.why_not = NoRepair::not_given_up;
        const bool is_better = !piece.copy || knows_more(each, *piece.copy->report);
        if (each.is_complete && is_better) piece.copy = Copy{&report, &each};
      }
    }
    const bool is_left_out = std::any_of(reports_.begin(), reports_.end(), [](const auto& report) {
      return report.copies_left_out > 0;
    });
    if (!piece.why_not && piece.copy && may_be_elected(arc)) {
      piece.why_not = NoRepair::has_majority;
    } else if (!piece.why_not && is_left_out) {
      piece.why_not = NoRepair::left_out;
    }
    return piece;
  }

  // Could a copy of this become primary, as soon as those who answer hear each other?
  bool may_be_elected(const Arc& arc) const {
    return std::any_of(reports_.begin(), reports_.end(), [&](const ReportReply& report) {
      return std::any_of(report.copies.begin(), report.copies.end(), [&](const CopyReport& each) {
        return each.stands && contains(each.view.arc, arc.end) && has_votes(each);
      });
    });
  }

  // nullptr: it does not answer.
  const ReportReply* report_of(const PeerRef& peer) const {
    const auto report = std::find_if(reports_.begin(), reports_.end(),
                                     [&](const ReportReply& each) { return each.self == peer; });
    return report == reports_.end() ? nullptr : &*report;
  }

  // By the rules of storage/raft: whoever stands asks the voters that its own order names last, and
  // who has been given another copy since it was admitted has no vote.
  bool has_votes(const CopyReport& candidate) const {
    const auto votes = [&](const Voter& voter) {
      const ReportReply* const report = report_of(voter.peer);
      return report != nullptr &&
             std::any_of(report->copies.begin(), report->copies.end(), [&](const auto& copy) {
               return group_of(copy.view) == group_of(candidate.view) &&
                      copy.begun_at < voter.admitted && reaches_as_far(candidate, copy);
             });
    };
    return decides(candidate.roster, votes);
  }

  // Neighbours that are dealt with alike are one.
  void add(Piece&& piece) {
    const std::uint32_t cells = reports_.front().ring.nodes_per_peer;
    const bool is_next = open_ && open_->arc.end == piece.arc.begin &&
                         piece.arc.begin < piece.arc.end && piece.copy == open_->copy &&
                         piece.why_not == open_->why_not;
    const bool is_in_cell = is_next && (cells == 1 || is_one_cell(*open_, piece, cells));
    if (is_in_cell) {
      open_->arc.end = piece.arc.end;
      return;
    }
    flush();
    open_ = piece;
  }

  static bool is_one_cell(const Piece& first, const Piece& second, std::uint32_t cells) {
    const std::uint64_t width = ~std::uint64_t{0} / cells + 1;
    return first.arc.end.value / width == second.arc.end.value / width;
  }

  void flush() {
    if (!open_) return;
    const Piece piece = *std::exchange(open_, std::nullopt);
    const std::uint64_t generation = generation_after(piece.arc);
    if (piece.why_not) {
      plan_.left.push_back({piece.arc, *piece.why_not});
    } else if (!may_count_from(generation)) {
      plan_.left.push_back({piece.arc, NoRepair::no_generation});
    } else if (piece.copy) {
      const CopyReport& copy = *piece.copy->report;
      plan_.steps.push_back(
          {piece.copy->at->self,
           Repair{piece.arc, generation, group_of(copy.view), copy.last_term, copy.last_index},
           copy, absent_of(copy.view)});
    } else {
      plan_.steps.push_back({reports_[next_empty_++ % reports_.size()].self,
                             Repair{piece.arc, generation, std::nullopt}});
    }
  }

  std::vector<PeerRef> absent_of(const View& view) const {
    std::vector<PeerRef> absent(view.members.begin(), view.members.end());
    std::erase_if(absent, [&](const PeerRef& member) { return report_of(member) != nullptr; });
    return absent;
  }

  // Above that of all copies there; where there is none, of all that are known anywhere.
  std::uint64_t generation_after(const Arc& arc) const {
    std::uint64_t highest_here = 0;
    std::uint64_t highest = 1;
    for (const ReportReply& report : reports_) {
      for (const ArcReport& each : report.arcs) {
        highest = std::max(highest, each.view.number.generation);
      }
      for (const CopyReport& each : report.copies) {
        highest = std::max(highest, each.view.number.generation);
        if (!overlaps(each.view.arc, arc)) continue;
        highest_here = std::max(highest_here, each.view.number.generation);
      }
    }
    return (highest_here != 0 ? highest_here : highest) + 1;
  }

  const std::vector<ReportReply>& reports_;
  RepairPlan plan_;
  std::optional<Piece> open_;
  std::size_t next_empty_ = 0;
};

}  // namespace

RepairPlan plan_repair(const std::vector<ReportReply>& reports) { return Planner(reports).run(); }

std::string_view text_of(RepairRefusal refusal) {
  switch (refusal) {
    case RepairRefusal::one_copy:
      return "this ring keeps one copy of each arc: its peers take over by themselves";
    case RepairRefusal::no_arc:
      return "no arc of this ring can be like that";
    case RepairRefusal::served:
      return "it is served, or has heard of its primary lately";
    case RepairRefusal::outdated:
      return "it knows a later generation of it";
    case RepairRefusal::no_copy:
      return "it does not have that copy any more";
    case RepairRefusal::has_copy:
      return "it has a copy of it that would be lost";
    case RepairRefusal::unusable:
      return "its copy was of no use, and has been dropped";
    case RepairRefusal::changed:
      return "its copy is not what it was when it was seen";
  }
  return "";
}

std::string_view text_of(NoRepair why) {
  switch (why) {
    case NoRepair::not_given_up:
      return "a copy has heard of a primary lately: it may come back by itself";
    case NoRepair::has_majority:
      return "a majority of its members answers: they should elect a primary by themselves";
    case NoRepair::left_out:
      return "a peer has more copies than it can report: one of these may be newer";
    case NoRepair::no_generation:
      return "a copy is of a generation after which there is none: whoever said so was no peer";
  }
  return "";
}

}  // namespace hopring
