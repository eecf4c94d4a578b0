#pragma once

// Regions of memory that a thread of their own maps and touches before they are wanted: one is
// ready as a rule. The system clears a huge page when it is touched first, which takes
// milliseconds: too long for a write that happens to be the one.
//
// Waking a thread whose processor sleeps takes the one that wakes it up to a hundred microseconds
// on a virtual machine. So for a while after each region the thread looks by itself whether another
// one is wanted, and only then sleeps until it is woken.
//
// Thread rule: belongs to one thread, as its owner does; what runs beside it is its own matter.

#include <array>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>

namespace hopring {

// `size` bytes that begin at a multiple of `size`; nullptr if there is no memory.
std::byte* map_region(std::size_t size) noexcept;

class RegionsAhead {
 public:
  // Regions of so many bytes, a huge page.
  explicit RegionsAhead(std::size_t region_bytes) noexcept : region_bytes_(region_bytes) {}
  // Waits until the thread has ended: a few milliseconds at most.
  ~RegionsAhead();
  RegionsAhead(const RegionsAhead&) = delete;
  RegionsAhead& operator=(const RegionsAhead&) = delete;

  // Begins to make a region ready, if none is. Starts the thread with the first one; where the
  // system has no thread, nothing is ever ready.
  void prepare() noexcept;

  // Lets the thread make one huge page of a region of small ones, about which the system has been
  // told that it may: later, or never if it has much to do. The region may be gone by then.
  void collapse(std::byte* region) noexcept;

  // The region that is ready, which is the caller's from now on; nullptr if none is. Does not wait
  // for one.
  std::byte* take() noexcept;

 private:
  // Regions that wait to be collapsed; one more is left to the system, which does it in minutes.
  static constexpr std::size_t small_max = 64;

  void run() noexcept;
  void wait_until_wanted(std::unique_lock<std::mutex>& lock);
  bool has_work() const noexcept { return is_wanted_ || small_count_ > 0; }

  const std::size_t region_bytes_;
  std::mutex mutex_;  // never held while memory is mapped or touched
  std::condition_variable changed_;
  bool is_wanted_ = false;
  bool is_ending_ = false;
  bool is_asleep_ = false;  // does the thread look only when it is woken?
  std::byte* ready_ = nullptr;
  std::array<std::byte*, small_max> small_{};  // to be collapsed
  std::size_t small_count_ = 0;
  std::thread thread_;
};

}  // namespace hopring
