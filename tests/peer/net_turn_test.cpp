#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>
#include <thread>

#include "peer/net/system.hpp"
#include "peer/net/turn.hpp"

namespace hopring {
namespace {

namespace asio = boost::asio;

BOOST_AUTO_TEST_SUITE(net_turn)

BOOST_AUTO_TEST_CASE(what_is_posted_runs_in_order_after_the_handlers_that_are_ready) {
  asio::io_context io(1);
  Turn& turn = Turn::of(io);
  std::string told;
  asio::post(io, [&] {
    turn.post([&] { told += 'c'; });
    turn.post([&] { told += 'd'; });
    told += 'a';
  });
  asio::post(io, [&] { told += 'b'; });
  io.run();
  BOOST_TEST(told == "abcd");
}

BOOST_AUTO_TEST_CASE(a_chain_of_functions_takes_few_handlers) {
  asio::io_context io(1);
  Turn& turn = Turn::of(io);
  const int links_max = 1000;
  int links = 0;
  const auto go_on = [&](const auto& self) -> void {
    if (++links < links_max) turn.post([&] { self(self); });
  };
  asio::post(io, [&] { turn.post([&] { go_on(go_on); }); });
  const std::size_t handlers = io.run();
  BOOST_TEST(links == links_max);
  BOOST_TEST(handlers < links_max / 4u);
}

// Each of them posts the next one, until `is_ended`.
struct Chain {
  Turn& turn;
  const bool& is_ended;
  void operator()() const {
    if (!is_ended) turn.post(*this);
  }
};

BOOST_AUTO_TEST_CASE(a_chain_without_end_lets_other_handlers_run) {
  asio::io_context io(1);
  Turn& turn = Turn::of(io);
  bool is_ended = false;
  asio::post(io, [&] {
    turn.post(Chain{turn, is_ended});
    asio::post(io, [&] { is_ended = true; });
  });
  io.run();
  BOOST_TEST(is_ended);
}

BOOST_AUTO_TEST_CASE(a_chain_without_end_lets_what_comes_last_run) {
  asio::io_context io(1);
  Turn& turn = Turn::of(io);
  bool is_ended = false;
  asio::post(io, [&] {
    turn.post(Chain{turn, is_ended});
    turn.post_last([&] { is_ended = true; });
  });
  io.run();
  BOOST_TEST(is_ended);
}

// What is told by what comes last, and by others that lead to more.
std::string told_in_turn() {
  asio::io_context io(1);
  Turn& turn = Turn::of(io);
  std::string told;
  asio::post(io, [&] {
    turn.post_last([&] {
      told += 'c';
      turn.post([&] { told += 'd'; });
    });
    turn.post([&] {
      told += 'a';
      turn.post([&] { told += 'b'; });
    });
  });
  io.run();
  return told;
}

// Method: a run in which this thread was held up for turn_time_max says nothing.
BOOST_AUTO_TEST_CASE(what_comes_last_waits_for_all_that_the_others_lead_to) {
  for (int run = 0; run < 100; ++run) {
    const Time begin = read_clocks().monotonic;
    const std::string told = told_in_turn();
    if (read_clocks().monotonic - begin >= Turn::turn_time_max) continue;
    BOOST_TEST(told == "abcd");
    return;
  }
  BOOST_FAIL("no run took less than turn_time_max");
}

BOOST_AUTO_TEST_CASE(what_another_thread_posts_runs_in_the_thread_of_the_io_context) {
  asio::io_context io(1);
  Turn& turn = Turn::of(io);
  std::string told;
  std::thread::id ran;
  std::thread other([&] {
    turn.post([&] { told += 'a'; });
    turn.post([&] {
      told += 'b';
      ran = std::this_thread::get_id();
    });
  });
  other.join();
  io.run();
  BOOST_TEST(told == "ab");
  BOOST_TEST((ran == std::this_thread::get_id()));
}

BOOST_AUTO_TEST_CASE(what_has_not_run_goes_with_the_io_context) {
  const auto held = std::make_shared<int>();
  {
    asio::io_context io(1);
    Turn& turn = Turn::of(io);
    asio::post(io, [&turn, held] {
      turn.post([held] {});
      turn.post_last([held] {});
    });
    io.run_one();
    BOOST_TEST(held.use_count() == 3);
  }
  BOOST_TEST(held.use_count() == 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hopring
