// What the front has to do with arcs that have lost the majority of their members: their shards
// repair them (ReplicaHost::repair()), and who was primary in an older generation gives way.

#include <algorithm>

#include "peer/core/front.hpp"

namespace hopring {

void Front::tell_of_repair(const ArcOpened& news, Outbox& out) const {
  if (!news.copied) return;
  out.push_back(LogLine{LogLevel::warning, "event=arc_repaired arc=" + to_string(news.view) +
                                               " records=" + std::to_string(*news.copied)});
}

// Than what is served here of that.
bool Front::is_later_generation(const View& view, const Arc& served) const {
  const auto& arcs = directory_.entries();
  return std::any_of(arcs.begin(), arcs.end(), [&](const ArcEntry& each) {
    return overlaps(each.view.arc, served) && supersedes(group_of(view), group_of(each.view));
  });
}

}  // namespace hopring
