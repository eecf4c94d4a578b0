#pragma once

// Work in a process of its own: it starts with an empty heap, whatever was measured before.

#include <cstddef>
#include <type_traits>

namespace hopring::bench {

// A forked process and the pipe that its result comes through.
class Child {
 public:
  // Forks. Throws std::system_error.
  Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool is_child() const noexcept { return process_ == 0; }

  // In the child: sends the result and ends the process.
  [[noreturn]] void finish(const void* result, std::size_t bytes) noexcept;

  // In the parent: waits for the result. Throws std::runtime_error if the child failed.
  void receive(void* result, std::size_t bytes);

 private:
  int process_ = -1;
  int read_end_ = -1;
  int write_end_ = -1;
};

// What `work()` returns in a process of its own. REQUIRES: the caller is the only thread.
template <class Work>
auto in_child(Work&& work) {
  using Result = std::invoke_result_t<Work>;
  static_assert(std::is_trivially_copyable_v<Result>, "it goes through a pipe");
  Child child;
  Result result{};
  if (child.is_child()) {
    result = work();
    child.finish(&result, sizeof result);
  }
  child.receive(&result, sizeof result);
  return result;
}

}  // namespace hopring::bench
