#pragma once

// The whole map, or the part of it with a prefix, as a C++20 input range:
//
//   for (const auto& entry : map.scan({.prefix = "user:"})) {
//     if (!entry) return report(entry.error());
//     use(entry->key, entry->value);
//   }
//
// An element is an entry or, as the last one, the failure that ended the scan: a scan that breaks
// off cannot be taken for a complete one. A key that is there from start to end comes exactly once,
// whatever joins, leaves or moves meanwhile; one that comes or goes meanwhile comes at most once.
// The order is the ring's. ScanEntry::cursor() resumes it, in another process too.
//
// Fetches a page whenever it has run out, and waits for it: within the timeout of the options.
//
// Thread rule: one thread at a time. The map must outlive it.

#include <cstddef>
#include <iterator>
#include <optional>
#include <ranges>
#include <utility>

#include "client/engine.hpp"
#include "client/results.hpp"

namespace hopring {

class ScanRange : public std::ranges::view_interface<ScanRange> {
 public:
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = Result<ScanEntry>;
    using difference_type = std::ptrdiff_t;

    explicit Iterator(ScanRange& range) : range_(&range) {}
    Iterator(Iterator&&) = default;
    Iterator& operator=(Iterator&&) = default;

    value_type& operator*() const { return *range_->current_; }
    value_type* operator->() const { return &*range_->current_; }
    Iterator& operator++() {
      range_->advance();
      return *this;
    }
    void operator++(int) { range_->advance(); }
    bool operator==(std::default_sentinel_t) const { return !range_->current_; }

   private:
    ScanRange* range_;
  };

  ScanRange(Engine& engine, ScanOptions options) : engine_(&engine), options_(std::move(options)) {}
  ScanRange(ScanRange&&) = default;
  ScanRange& operator=(ScanRange&&) = default;

  // Fetches the first page. Single-pass: call it once.
  Iterator begin() {
    advance();
    return Iterator(*this);
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  void advance();
  bool fetch();

  Engine* engine_;
  ScanOptions options_;  // `after` moves on
  ScanPage page_;
  std::size_t next_in_page_ = 0;
  bool is_exhausted_ = false;
  std::optional<Result<ScanEntry>> current_;
};
static_assert(std::ranges::input_range<ScanRange> && std::ranges::view<ScanRange>);

}  // namespace hopring
