#pragma once

// What happens next in virtual time. Events of one moment happen in the order in which they were
// added, so a run is a function of its seed.

#include <cstdint>
#include <queue>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "base/time.hpp"

namespace hopring::sim {

template <class Event>
class EventQueue {
 public:
  void add(Time at, Event event) {
    std::uint32_t slot;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(events_.size());
      events_.push_back(std::move(event));
    } else {
      slot = free_.back();
      free_.pop_back();
      events_[slot] = std::move(event);
    }
    order_.push(Entry{at, ++added_, slot});
  }

  bool empty() const { return order_.empty(); }
  Time next_time() const { return order_.empty() ? Time::never() : order_.top().at; }

  // What take() would give now; nullptr if it is empty.
  const Event* next() const { return order_.empty() ? nullptr : &events_[order_.top().slot]; }

  // REQUIRES: not empty.
  std::pair<Time, Event> take() {
    HOPRING_CHECK(!order_.empty());
    const Entry first = order_.top();
    order_.pop();
    free_.push_back(first.slot);
    return {first.at, std::move(events_[first.slot])};
  }

 private:
  struct Entry {
    Time at;
    std::uint64_t number;
    std::uint32_t slot;

    // priority_queue takes the greatest first: the earliest is the greatest.
    friend bool operator<(const Entry& a, const Entry& b) {
      return a.at != b.at ? a.at > b.at : a.number > b.number;
    }
  };
  std::priority_queue<Entry> order_;
  std::vector<Event> events_;
  std::vector<std::uint32_t> free_;
  std::uint64_t added_ = 0;
};

}  // namespace hopring::sim
