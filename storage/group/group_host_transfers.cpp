// The part of GroupHost that moves arcs: what leaves, what comes, and the copies between.

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/count.hpp"
#include "storage/group/group_host.hpp"

namespace hopring {
namespace {

template <class Message>
inline constexpr bool is_for_source =
    std::is_same_v<Message, OfferAnswer> || std::is_same_v<Message, ChunkAnswer> ||
    std::is_same_v<Message, AppendAnswer>;

template <class Message>
inline constexpr bool is_for_learner =
    std::is_same_v<Message, Chunk> || std::is_same_v<Message, Append>;

}  // namespace

bool GroupHost::move(Now now, Position end, const PeerRef& to, GroupOutbox& out) {
  Group* group = served_ending_at(end);
  if (group == nullptr || move_of(*group) != nullptr || to == self_) return false;
  if (moves_under_way() >= options_.moves_max) return false;
  ++counters_.moves_begun;
  const TransferId transfer{end, rng_.next()};
  moves_.push_back(
      std::make_unique<Move>(Move{TransferSource(options_, transfer, to, now, *group, out), group,
                                  group->view().number, nullptr}));
  return true;
}

bool GroupHost::is_moving(Position end) const {
  const Group* group = served_ending_at(end);
  return group != nullptr && move_of(*group) != nullptr;
}

std::size_t GroupHost::moves_under_way() const {
  return static_cast<std::size_t>(std::count_if(moves_.begin(), moves_.end(),
                                                [](const auto& move) { return !move->is_orphan; }));
}

GroupHost::Move* GroupHost::move_of(TransferId transfer, const PeerRef& to) const {
  for (const auto& move : moves_) {
    if (move->source.transfer() == transfer && move->source.to() == to) return move.get();
  }
  return nullptr;
}

GroupHost::Move* GroupHost::move_of(const Group& group) const {
  for (const auto& move : moves_) {
    if (move->group == &group) return move.get();
  }
  return nullptr;
}

void GroupHost::forget_move(const Move& move) {
  std::erase_if(moves_, [&](const auto& each) { return each.get() == &move; });
}

// Does what the source's last step means for the arc.
void GroupHost::settle(Move& move, GroupOutbox& out) {
  const View& view = move.group->view();
  const MoveEnded ended{view.arc.end, move.source.to(),
                        move.source.phase() == TransferSource::Phase::done};
  switch (move.source.phase()) {
    case TransferSource::Phase::awaiting_serving:
      if (move.kept != nullptr) return;
      out.push_back(ArcMoved{view});
      move.kept = stop_serving(view.arc.end);
      return;
    case TransferSource::Phase::given_up:
      ++counters_.moves_given_up;
      if (view.number != move.begun_in) out.push_back(ArcChanged{view});
      break;
    case TransferSource::Phase::done:
      ++counters_.moves_done;
      break;
    default:
      return;
  }
  if (!move.is_orphan) out.push_back(ended);  // else it has been said
  forget_move(move);
}

void GroupHost::give_up(Move& move, GroupOutbox& out) {
  move.source.give_up(*move.group, out);
  settle(move, out);
}

// A call has changed the group: its learner, if it has one, must hear of it.
void GroupHost::appended(Now now, Group& group, GroupOutbox& out) {
  if (!group.tail().is_kept()) return;
  Move* move = move_of(group);
  HOPRING_CHECK(move != nullptr);
  move->source.on_appended(now, group, out);
  settle(*move, out);
}

void GroupHost::on_message(Now now, const PeerRef& from, GroupMessage&& message, GroupOutbox& out) {
  std::visit(
      [&]<class Message>(Message&& each) {
        using Plain = std::remove_cvref_t<Message>;
        if constexpr (is_for_source<Plain>) {
          to_source(now, from, each, out);
        } else if constexpr (is_for_learner<Plain>) {
          to_learner(now, from, each, out);
        } else if constexpr (requires { on_each(now, from, std::forward<Message>(each), out); }) {
          on_each(now, from, std::forward<Message>(each), out);
        }  // else it is about an arc that several peers hold
      },
      std::move(message));
}

template <class ToSource>
void GroupHost::to_source(Now now, const PeerRef& from, const ToSource& message, GroupOutbox& out) {
  if (Move* move = move_of(message.transfer, from)) {
    move->source.on_message(now, message, *move->group, out);
    settle(*move, out);
  } else {
    out.push_back(SendGroup{from, Abandon{message.transfer}});
  }
}

template <class ToLearner>
void GroupHost::to_learner(Now now, const PeerRef& from, const ToLearner& message,
                           GroupOutbox& out) {
  Learner* learner = learner_of(message.transfer, from);
  if (learner == nullptr) {
    out.push_back(SendGroup{from, Abandon{message.transfer}});
  } else if (learner->on_message(now, message, out) != Learner::Verdict::fine) {
    give_up_learner(*learner, out);
  }
}

void GroupHost::on_each(Now now, const PeerRef& from, OfferArc&& offer, GroupOutbox& out) {
  bool accepted = learner_of(offer.transfer, from) != nullptr;
  if (!accepted && accepts(from, offer)) {
    learners_.push_back(std::make_unique<Learner>(options_, self_, from, offer,
                                                  ArcRecords(pool_, hash_, offer.view.arc), now));
    accepted = true;
  }
  if (!accepted) ++counters_.offers_refused;
  out.push_back(SendGroup{from, OfferAnswer{offer.transfer, accepted}});
}

bool GroupHost::accepts(const PeerRef& from, const OfferArc& offer) const {
  const View& view = offer.view;
  if (!is_well_formed(view) || !is_straight(view.arc)) return false;
  if (primary_of(view) != from || from == self_ || view.arc.end != offer.transfer.end) return false;
  const ViewNumber& number = view.number;
  for (const std::uint64_t each : {number.number, offer.term, offer.index}) {
    if (!may_count_from(each)) return false;
  }
  const std::size_t bytes_max = options_.pool.bytes_max;
  if (bytes_max != 0 && pool_.resident_bytes() + offer.bytes > bytes_max) return false;
  if (learners_.size() >= options_.learners_max || serves_part_of(view.arc)) return false;
  if (served_.size() + learners_.size() >= options_.arcs_max) return false;
  for (const auto& learner : learners_) {
    if (overlaps(learner->arc(), view.arc)) return false;
  }
  return std::none_of(moves_.begin(), moves_.end(), [&](const auto& move) {
    return overlaps(move->group->view().arc, view.arc);
  });
}

void GroupHost::on_each(Now, const PeerRef& from, Serve&& message, GroupOutbox& out) {
  Learner* learner = learner_of(message.transfer, from);
  if (learner != nullptr) {
    if (!learner->is_prepared() || learner->next_view() != message.view) return;
    if (!serves_part_of(learner->arc())) {
      ++counters_.arcs_received;
      serve(std::make_unique<Group>(options_, learner->next_view(), learner->next_progress(),
                                    learner->release_records()),
            out);
    }
    forget_learner(*learner);
  }
  // An unknown transfer is one whose Serve came before: a prepared copy is not forgotten otherwise.
  out.push_back(SendGroup{from, Serving{message.transfer}});
}

void GroupHost::on_each(Now, const PeerRef& from, Serving&& message, GroupOutbox& out) {
  if (Move* move = move_of(message.transfer, from)) {
    move->source.on_message(message);
    settle(*move, out);
  }
}

void GroupHost::on_each(Now, const PeerRef& from, Abandon&& message, GroupOutbox& out) {
  if (const Learner* learner = learner_of(message.transfer, from)) {
    ++counters_.learners_given_up;
    forget_learner(*learner);
  }
  if (Move* move = move_of(message.transfer, from)) {
    move->source.on_message(message, *move->group);
    settle(*move, out);
  }
}

Learner* GroupHost::learner_of(TransferId transfer, const PeerRef& from) const {
  for (const auto& learner : learners_) {
    if (learner->transfer() == transfer && learner->from() == from) return learner.get();
  }
  return nullptr;
}

void GroupHost::forget_learner(const Learner& learner) {
  std::erase_if(learners_, [&](const auto& each) { return each.get() == &learner; });
}

void GroupHost::give_up_learner(const Learner& learner, GroupOutbox& out) {
  ++counters_.learners_given_up;
  out.push_back(SendGroup{learner.from(), Abandon{learner.transfer()}});
  forget_learner(learner);
}

void GroupHost::on_peer_gone(Now, const PeerRef& peer, GroupOutbox& out) {
  std::vector<Move*> affected;
  for (const auto& move : moves_) {
    if (move->source.to() == peer && !move->is_orphan) affected.push_back(move.get());
  }
  for (Move* move : affected) {
    if (move->kept == nullptr) {
      give_up(*move, out);
    } else {
      move->is_orphan = true;
      out.push_back(CopyKept{move->group->view()});
      out.push_back(MoveEnded{move->group->view().arc.end, peer, false});
    }
  }
  counters_.learners_given_up += std::erase_if(learners_, [&](const auto& learner) {
    return learner->from() == peer && !learner->is_prepared();
  });
  for (const auto& learner : learners_) {
    if (learner->from() != peer || learner->is_orphan()) continue;
    learner->on_source_gone();
    out.push_back(CopyKept{learner->offered_view()});
  }
}

template <class Matches>
bool GroupHost::has_copy_that(Matches&& matches) const {
  const bool kept = std::any_of(moves_.begin(), moves_.end(), [&](const auto& move) {
    return move->kept != nullptr && matches(move->kept->view().arc);
  });
  return kept || std::any_of(learners_.begin(), learners_.end(), [&](const auto& learner) {
           return learner->is_prepared() && matches(learner->arc());
         });
}

bool GroupHost::has_copy(const Arc& arc) const {
  return has_copy_that([&](const Arc& each) { return each == arc; });
}

bool GroupHost::has_copy_of(Position position) const {
  return has_copy_that([&](const Arc& each) { return contains(each, position); });
}

std::optional<GroupHost::Copy> GroupHost::take_copy(const Arc& arc, GroupOutbox& out) {
  for (const auto& move : moves_) {
    if (move->kept == nullptr || move->kept->view().arc != arc) continue;
    Copy copy{{move->kept->term() + 1, move->kept->last_index()}, move->kept->release_records()};
    if (!move->is_orphan) out.push_back(MoveEnded{arc.end, move->source.to(), false});
    forget_move(*move);
    return copy;
  }
  for (const auto& learner : learners_) {
    if (!learner->is_prepared() || learner->arc() != arc) continue;
    Copy copy{learner->next_progress(), learner->release_records()};
    forget_learner(*learner);
    return copy;
  }
  return std::nullopt;
}

void GroupHost::drop_copies(const Arc& arc, GroupOutbox& out) {
  std::vector<const Move*> kept;
  for (const auto& move : moves_) {
    if (move->kept != nullptr && overlaps(move->kept->view().arc, arc)) kept.push_back(move.get());
  }
  for (const Move* move : kept) {
    const Position end = move->group->view().arc.end;
    if (!move->is_orphan) out.push_back(MoveEnded{end, move->source.to(), false});
    forget_move(*move);
  }
  std::vector<const Learner*> useless;
  for (const auto& learner : learners_) {
    const bool may_be_the_only_one = learner->is_prepared() && !learner->is_orphan();
    if (!may_be_the_only_one && overlaps(learner->arc(), arc)) useless.push_back(learner.get());
  }
  for (const Learner* learner : useless) give_up_learner(*learner, out);
}

void GroupHost::on_deadline(Now now, GroupOutbox& out) {
  std::vector<Move*> due;
  for (const auto& move : moves_) {
    if (!move->is_orphan && move->source.next_deadline() <= now.monotonic) {
      due.push_back(move.get());
    }
  }
  for (Move* move : due) {
    move->source.on_deadline(now, *move->group, out);
    settle(*move, out);
  }
  std::vector<const Learner*> stale;
  for (const auto& learner : learners_) {
    if (learner->is_stale(now)) {
      stale.push_back(learner.get());
    } else if (learner->next_deadline() <= now.monotonic) {
      learner->on_deadline(now, out);
    }
  }
  for (const Learner* learner : stale) give_up_learner(*learner, out);
  if (sweep_at_ <= now.monotonic) sweep(now, out);
}

Time GroupHost::next_deadline() const noexcept {
  Time next = served_.empty() ? Time::never() : sweep_at_;
  for (const auto& move : moves_) {
    if (!move->is_orphan) next = std::min(next, move->source.next_deadline());
  }
  for (const auto& learner : learners_) next = std::min(next, learner->next_deadline());
  return next;
}

}  // namespace hopring
