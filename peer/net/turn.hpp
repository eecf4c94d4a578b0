#pragma once

// What handlers of an io_context leave for later, because they may be anywhere up the stack, or
// because others may add to the same work. It runs once the handlers that are ready have run, with
// all that it leaves for later itself, before the system is asked for more: each hop through the
// io_context's own queue would cost a call of epoll_wait() (docs/decisions/0092). Writes come last,
// so that all that a turn has to say over a connection goes out in one call.
//
// A turn that has taken turn_time_max ends, with its writes, and another one begins after what has
// come in meanwhile: of work that leads to work, a walk over all keys say, nobody else waits for
// more than that and one function.
//
// There is one for an io_context that one thread runs, and it lives as long as that does.
//
// Thread rule: any thread may post(). Those of the io_context's own thread run in the order of the
// calls, those of another thread as well; nothing is promised of one against the other.

#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace hopring {

class Turn final : public boost::asio::execution_context::service {
 public:
  // Many times what it takes to bring what has come in together to where it belongs, and less than
  // anybody notices.
  static constexpr std::chrono::microseconds turn_time_max{1000};

  // REQUIRES: an io_context.
  static Turn& of(boost::asio::execution_context& io) { return boost::asio::use_service<Turn>(io); }

  // The function is called once, or destroyed with the io_context.
  template <class Function>
  void post(Function&& function) {
    if (!is_here()) return boost::asio::post(io_, std::forward<Function>(function));
    waiting_.push_back(kept(std::forward<Function>(function)));
    run_soon();
  }

  // At the end of the turn: after all that is posted until then, and all that this leads to, unless
  // that takes longer than turn_time_max.
  template <class Function>
  void post_last(Function&& function) {
    if (!is_here()) return boost::asio::post(io_, std::forward<Function>(function));
    last_.push_back(kept(std::forward<Function>(function)));
    run_soon();
  }

  // For use_service().
  using key_type = Turn;
  static boost::asio::execution_context::id id;
  explicit Turn(boost::asio::execution_context& io)
      : service(io), io_(static_cast<boost::asio::io_context&>(io)) {}

 private:
  class Function {
   public:
    virtual ~Function() = default;
    virtual void call() = 0;
  };
  template <class Callable>
  class Kept final : public Function {
   public:
    explicit Kept(Callable callable) : callable_(std::move(callable)) {}
    void call() override { callable_(); }

   private:
    Callable callable_;
  };
  using Functions = std::vector<std::unique_ptr<Function>>;

  template <class Given>
  static std::unique_ptr<Function> kept(Given&& given) {
    return std::make_unique<Kept<std::decay_t<Given>>>(std::forward<Given>(given));
  }
  bool is_here() const noexcept { return io_.get_executor().running_in_this_thread(); }
  void run_soon();
  void run();
  void call_all(Functions& functions);
  void shutdown() override;

  boost::asio::io_context& io_;
  Functions waiting_;
  Functions last_;
  Functions running_;  // empty but in call_all(), whose buffer it keeps
  bool is_posted_ = false;
};

}  // namespace hopring
