#include "peer/wire/bounds.hpp"

#include <algorithm>

#include "base/count.hpp"
#include "routing/ring_config.hpp"

namespace hopring {
namespace {

template <class Element>
bool each_well_formed(const std::vector<Element>& elements, std::size_t size_max) {
  return elements.size() <= size_max &&
         std::all_of(elements.begin(), elements.end(),
                     [](const Element& element) { return is_well_formed(element); });
}

template <class T>
bool is_absent_or_well_formed(const std::optional<T>& value) {
  return !value || is_well_formed(*value);
}

// Terms and indices.
template <class... Numbers>
bool are_counts(Numbers... numbers) {
  return (is_count(numbers) && ...);
}

bool is_key(const std::string& key) { return !key.empty() && key.size() <= key_bytes_max; }

// What a command of an arc's order may hold; its primary has let it in by problem().
bool is_storable(const Put& put) { return is_key(put.key) && is_well_formed(put.value); }
bool is_storable(const CompareAndSet& cas) {
  return is_key(cas.key) && is_well_formed(cas.expected) && is_well_formed(cas.desired);
}
bool is_storable(const Erase& erase) {
  return is_key(erase.key) && is_absent_or_well_formed(erase.expected);
}
bool is_storable(const Add& add) { return is_key(add.key); }
bool is_storable(const RemoveExpired& remove) { return is_key(remove.key); }
bool is_storable(const SplitArc&) { return true; }
bool is_storable(const ChangeView& change) { return is_well_formed(change.view); }
bool is_storable(const Nothing&) { return true; }
bool is_storable(const ChangeRoster& change) { return is_well_formed(change.roster); }

}  // namespace

bool is_well_formed(const Value& value) {
  const bool number = value.type == ValueType::integer || value.type == ValueType::floating;
  return !number || value.bytes.size() == 8;
}

bool is_well_formed(const Record& record) {
  return is_key(record.key) && is_well_formed(record.value) && record.expiry_ms >= 0;
}

// A record of a scan for keys alone has no bytes, whatever its type.
bool is_well_formed(const ScanStep& step) {
  return step.records.size() <= scan_records_max &&
         std::all_of(step.records.begin(), step.records.end(), [](const Record& record) {
           return is_key(record.key) && record.expiry_ms >= 0 &&
                  (record.value.bytes.empty() || is_well_formed(record.value));
         });
}

bool is_well_formed(const Entry& entry) {
  return are_counts(entry.index, entry.term) &&
         std::visit([](const auto& command) { return is_storable(command); }, entry.command);
}

bool is_well_formed(const RememberedResult& remembered) {
  const std::optional<Value>& value = remembered.result.value;
  return is_count(remembered.index) && is_well_formed(remembered.result) &&
         (!value || value->bytes.size() <= window_value_bytes_max);
}

bool is_well_formed(const Redirect& redirect) {
  return is_absent_or_well_formed(redirect.view) &&
         each_well_formed(redirect.hints, closer_sent_max);
}

bool is_well_formed(const OpResult& result) { return is_absent_or_well_formed(result.value); }

bool is_well_formed(const OpAnswer& answer) {
  return std::visit([](const auto& each) { return is_well_formed(each); }, answer);
}

bool is_well_formed(const Hint& hint) { return is_known(hint.peer) && is_well_formed(hint.number); }

bool is_well_formed(const PeerLoad& load) {
  return load.ring_parts <= ring_parts_whole && load.copy_parts <= ring_parts_whole &&
         load.rooms.size() <= rooms_sent_max;
}

bool is_well_formed(const CopyReport& copy) {
  return is_well_formed(copy.view) && is_well_formed(copy.roster);
}

bool is_known(const PeerRef& peer) { return peer.incarnation != 0 && peer.endpoint.port != 0; }

bool is_well_formed(const Hello& hello) {
  return hello.version_lowest <= hello.version_highest &&
         hello.credentials.size() <= credentials_bytes_max &&
         (hello.role == Role::peer ? is_known(hello.from) : hello.from == PeerRef{});
}

bool is_well_formed(const Stabilize& message) { return is_well_formed(message.node); }

bool is_well_formed(const ArcFound& message) {
  return is_well_formed(message.view) && is_well_formed(message.load) &&
         each_well_formed(message.successors, successors_sent_max) &&
         is_absent_or_well_formed(message.predecessor);
}

bool is_well_formed(const Closer& message) {
  return each_well_formed(message.hints, closer_sent_max);
}

bool is_well_formed(const NodeHints& message) {
  return each_well_formed(message.successors, successors_sent_max) &&
         each_well_formed(message.fingers, fingers_sent_max) &&
         is_absent_or_well_formed(message.predecessor) && message.gap_end != message.arc.end;
}

bool is_well_formed(const WantArc& message) {
  return is_well_formed(message.load) && is_well_formed(message.fair);
}

bool is_well_formed(const WantArcAnswer& message) { return is_well_formed(message.load); }

bool is_well_formed(const ArcNews& message) { return is_well_formed(message.view); }

bool is_well_formed(const PassCopy& message) { return !message.to || is_known(*message.to); }

bool is_well_formed(const OfferArc& message) {
  return is_well_formed(message.view) && are_counts(message.term, message.index);
}

// How many there are is bounded by the frame.
bool is_well_formed(const Chunk& message) {
  return is_count(message.index) && each_well_formed(message.records, message.records.size());
}
bool is_well_formed(const Append& message) {
  return is_count(message.previous) && each_well_formed(message.entries, message.entries.size());
}

bool is_well_formed(const AppendAnswer& message) { return is_count(message.index); }

bool is_well_formed(const Serve& message) { return is_well_formed(message.view); }

bool is_well_formed(const GroupName& group) { return is_count(group.generation); }

bool is_well_formed(const OfferCopy& message) {
  return is_well_formed(message.group) && is_well_formed(message.view) &&
         are_counts(message.term, message.index, message.index_term) &&
         is_well_formed(message.roster);
}

bool is_well_formed(const AppendEntries& message) {
  return is_well_formed(message.group) &&
         are_counts(message.term, message.admitted, message.previous_index, message.previous_term,
                    message.committed, message.held_by_all) &&
         each_well_formed(message.entries, message.entries.size());
}

bool is_well_formed(const AppendEntriesAnswer& message) {
  return is_well_formed(message.group) &&
         are_counts(message.term, message.admitted, message.previous_index, message.index);
}

bool is_well_formed(const RequestVote& message) {
  return is_well_formed(message.group) &&
         are_counts(message.term, message.admitted, message.last_index, message.last_term,
                    message.resigned_term);
}

bool is_well_formed(const VoteAnswer& message) {
  return is_well_formed(message.group) && are_counts(message.term, message.admitted);
}

bool is_well_formed(const TakeLead& message) {
  return is_well_formed(message.group) && is_count(message.term);
}

bool is_well_formed(const NoCopy& message) {
  return is_well_formed(message.group) && are_counts(message.term, message.admitted);
}

bool is_well_formed(const NotMember& message) {
  return is_well_formed(message.group) &&
         (is_count(message.index) || message.index == superseded_index);
}

bool is_well_formed(const AppendsTogether& message) {
  return each_well_formed(message.appends, appends_together_max) &&
         each_well_formed(message.answers, appends_together_max);
}

bool is_well_formed(const CopyResults& message) {
  return are_counts(message.index, message.after, message.forgotten) &&
         each_well_formed(message.results, window_results_max);
}

bool is_well_formed(const CopyResultsAnswer& message) { return is_count(message.after); }

bool is_well_formed(const Heartbeat& heartbeat) {
  return is_well_formed(heartbeat.group) &&
         are_counts(heartbeat.term, heartbeat.admitted, heartbeat.committed);
}

bool is_well_formed(const HeartbeatAnswer& answer) {
  return is_well_formed(answer.group) &&
         are_counts(answer.term, answer.asked, answer.admitted, answer.index, answer.committed);
}

bool is_well_formed(const Heartbeats& message) {
  return message.sent >= 0 && each_well_formed(message.groups, heartbeats_max);
}

bool is_well_formed(const HeartbeatAnswers& message) {
  return message.sent >= 0 && each_well_formed(message.groups, heartbeats_max);
}

bool is_well_formed(const BatchRequest& message) {
  const std::size_t count = message.operations.size();
  const auto fits = [&](std::size_t each) { return each == 0 || each == count; };
  return count <= batch_operations_max && fits(message.stamps.size()) && fits(message.known.size());
}

bool is_well_formed(const ScanRequest& message) {
  return message.scan.records_max > 0 && message.scan.records_max <= scan_records_max;
}

bool is_well_formed(const OpReply& message) {
  return is_well_formed(message.answer) && is_absent_or_well_formed(message.view);
}

bool is_well_formed(const BatchReply& message) {
  const std::size_t places = message.places.size();
  return each_well_formed(message.answers, batch_operations_max) &&
         each_well_formed(message.views, batch_operations_max) &&
         message.marks.size() <= batch_operations_max &&
         (places == 0 || places == message.answers.size());
}

bool is_well_formed(const ScanReply& message) {
  return std::visit([](const auto& each) { return is_well_formed(each); }, message.answer) &&
         is_absent_or_well_formed(message.view);
}

bool is_well_formed(const ReportReply& message) {
  return !problem(message.ring) && is_well_formed(message.load) &&
         each_well_formed(message.copies, copies_reported_max) &&
         std::all_of(message.arcs.begin(), message.arcs.end(),
                     [](const ArcReport& arc) { return is_well_formed(arc.view); });
}

// Which arc a shard can serve depends on its ring.
bool is_well_formed(const RepairRequest& message) {
  const std::uint64_t generation = message.repair.generation;
  return generation > 1 && may_count_from(generation);
}

}  // namespace hopring
