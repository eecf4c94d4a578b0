#include "client/scan_range.hpp"

#include "client/calls.hpp"

namespace hopring {

void ScanRange::advance() {
  current_.reset();
  while (next_in_page_ == page_.entries.size()) {
    if (is_exhausted_) return;
    if (!fetch()) return;
  }
  current_.emplace(std::move(page_.entries[next_in_page_++]));
}

// False: that failed, which is the last element.
bool ScanRange::fetch() {
  auto call = detail::scan_page_call(options_);
  auto page = call.read(engine_->run(std::move(*call.request), options_.timeout));
  is_exhausted_ = !page || !page->next;
  page_ = page ? std::move(*page) : ScanPage{};
  next_in_page_ = 0;
  options_.after = page_.next;
  if (!page) current_.emplace(std::move(page).error());
  return page.has_value();
}

}  // namespace hopring
