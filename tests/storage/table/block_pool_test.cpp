#include "storage/table/block_pool.hpp"

#include <malloc.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/rng.hpp"

using namespace hopring;

BOOST_AUTO_TEST_SUITE(block_pool)

BOOST_AUTO_TEST_CASE(an_unused_pool_takes_nothing_from_the_system) {
  const BlockPool pool;
  BOOST_TEST(pool.resident_bytes() == 0u);
  BOOST_TEST(pool.lent_bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(pieces_of_one_block_share_it) {
  BlockPool pool;
  const Piece a = pool.lend(1024);
  const Piece b = pool.lend(3072);
  BOOST_TEST(pool.resident_bytes() == 32768u);
  BOOST_TEST(pool.lent_bytes() == 4096u);
  BOOST_TEST((a.data != b.data));
  pool.take_back(a);
  pool.take_back(b);
  pool.audit();
  BOOST_TEST(pool.resident_bytes() == 32768u);  // kept for the next borrower
}

// Lends from an array, and knows what is out.
struct Shelf {
  static constexpr std::size_t block_bytes = 32768;

  void* take(std::size_t bytes) noexcept {
    if (bytes != block_bytes || out == blocks_max) return nullptr;
    return bytes_of_blocks.data() + block_bytes * out++;
  }
  void give_back(void*) noexcept { --out; }

  static constexpr std::size_t blocks_max = 2;
  std::size_t out = 0;
  alignas(64) std::array<std::byte, blocks_max * block_bytes> bytes_of_blocks;
};

BOOST_AUTO_TEST_CASE(blocks_come_from_the_source_and_go_back_to_it) {
  const auto shelf = std::make_unique<Shelf>();
  {
    BlockPool pool(PoolOptions{.source = source_of(*shelf)});
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < Shelf::blocks_max * BlockPool::units_per_block; ++i) {
      pieces.push_back(pool.lend(pool.unit_bytes()));
      BOOST_REQUIRE(pieces.back().data != nullptr);
    }
    BOOST_TEST(shelf->out == Shelf::blocks_max);
    BOOST_TEST(pool.lend(1024).data == nullptr, "the source has no more");
    for (const Piece& piece : pieces) pool.take_back(piece);
    pool.audit();
  }
  BOOST_TEST(shelf->out == 0u);
}

BOOST_AUTO_TEST_CASE(a_piece_that_is_not_of_whole_units_lies_in_pages) {
  BlockPool pool;
  const Piece piece = pool.lend(70001);
  BOOST_TEST(piece.bytes == 70001u);
  BOOST_TEST(pool.resident_bytes() == 18 * 4096u);
  BOOST_TEST(pool.lent_bytes() == BlockPool::cost_of(piece));
  pool.take_back(piece);
  BOOST_TEST(pool.resident_bytes() == 0u);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // those bring their own malloc

// Goal: what a piece of its own is counted with is what malloc takes for it.
BOOST_AUTO_TEST_CASE(the_cost_of_a_packed_piece_is_what_malloc_takes) {
  BlockPool pool;
  std::vector<Piece> pieces;
  std::size_t taken = 0;
  for (std::size_t bytes = 1; bytes <= BlockPool::packed_bytes_max; bytes += 1 + bytes / 30) {
    pieces.push_back(pool.lend_alone(bytes));
    const std::size_t its = malloc_usable_size(pieces.back().data) + sizeof(void*);
    BOOST_TEST(its >= BlockPool::packed_cost(bytes));
    taken += its;
  }
  // An allocation may get the rest of a hole that is too small for another.
  BOOST_TEST(taken <= pool.lent_bytes() + 16 * pieces.size());
  BOOST_TEST(pool.resident_bytes() == pool.lent_bytes());
  pieces.push_back(pool.lend_alone(BlockPool::packed_bytes_max + 1));
  BOOST_TEST(pieces.back().block != BlockPool::packed);
  pool.audit();
  for (const Piece& piece : pieces) pool.take_back(piece);
  BOOST_TEST(pool.lent_bytes() == 0u);
}

#endif

BOOST_AUTO_TEST_CASE(at_the_limit_lending_fails_and_changes_nothing) {
  BlockPool pool({.block_bytes = 4096, .bytes_max = 13000});
  const Piece a = pool.lend(64);
  const Piece b = pool.lend(5000);
  BOOST_TEST((pool.lend(5000).data == nullptr));
  BOOST_TEST(!pool.reserve(2000));
  BOOST_TEST((pool.lend(64).data != nullptr) == true);  // from the block that is there
  BOOST_TEST(pool.resident_bytes() == 4096u + 2 * 4096u);
  {
    const BlockPool::Overdraft overdraft(pool);
    const Piece c = pool.lend(5000);
    BOOST_TEST((c.data != nullptr));
    pool.take_back(c);
  }
  pool.take_back(b);
  pool.take_back({a.data + 64, 64, a.block});
  pool.take_back(a);
  pool.audit();
}

// Goal: a piece that keeps pages resident for itself alone can be moved to where others are.
// Method: pieces that share pages, of which every second one goes; those that stay are moved.
BOOST_AUTO_TEST_CASE(a_piece_moves_to_where_it_shares_pages) {
  BlockPool pool;
  std::vector<Piece> pieces;
  for (int i = 0; i < 200; ++i) {
    pieces.push_back(pool.lend_alone(2500));
    std::memset(pieces.back().data, i, 2500);
  }
  for (std::size_t i = 0; i < pieces.size(); i += 2) pool.take_back(std::exchange(pieces[i], {}));
  const std::size_t before = pool.resident_bytes();
  BOOST_TEST(pool.has_sparse_pages());
  for (int i = 1; i < 200; i += 2) {
    Piece& piece = pieces[static_cast<std::size_t>(i)];
    piece = pool.move_alone(piece);
    for (std::size_t k = 0; k < 2500; ++k) {
      BOOST_REQUIRE((piece.data[k] == static_cast<std::byte>(i)));
    }
    pool.audit();
  }
  BOOST_TEST(pool.resident_bytes() < before * 2 / 3);
  BOOST_TEST(!pool.has_sparse_pages());
  const Piece small = pool.lend_alone(100);
  BOOST_TEST((pool.move_alone(small).data == small.data));
  pool.take_back(small);
  for (const Piece& piece : pieces) pool.take_back(piece);
}

BOOST_AUTO_TEST_CASE(a_spare_block_gives_way_when_the_limit_presses) {
  BlockPool pool({.block_bytes = 4096, .bytes_max = 8192});
  pool.take_back(pool.lend(64));
  BOOST_TEST(pool.resident_bytes() == 4096u);
  const Piece large = pool.lend(8001);
  BOOST_TEST((large.data != nullptr));
  BOOST_TEST(pool.resident_bytes() == BlockPool::cost_of(large));
  pool.take_back(large);
}

// Goal: pieces never overlap and everything comes back, whatever the order.
// Method: random pieces, each filled with its own byte; contents checked when they are given back.
BOOST_AUTO_TEST_CASE(random_pieces_do_not_overlap) {
  Rng rng(7);
  BlockPool pool({.block_bytes = 4096});
  std::vector<std::pair<Piece, unsigned char>> lent;
  for (unsigned i = 0; i < 20000; ++i) {
    if (lent.size() < 200 && rng.chance(11, 20)) {
      const std::size_t bytes = rng.chance(1, 10) ? 1 + rng.below(9000) : 64 * (1 + rng.below(16));
      const Piece piece = pool.lend(bytes);
      BOOST_REQUIRE((piece.data != nullptr && piece.bytes == bytes));
      std::memset(piece.data, static_cast<int>(i % 251), bytes);
      lent.emplace_back(piece, static_cast<unsigned char>(i % 251));
    } else if (!lent.empty()) {
      std::swap(lent[rng.below(lent.size())], lent.back());
      const auto [piece, fill] = lent.back();
      lent.pop_back();
      for (std::size_t k = 0; k < piece.bytes; ++k) {
        BOOST_REQUIRE((piece.data[k] == static_cast<std::byte>(fill)));
      }
      pool.take_back(piece);
    }
    if (i % 100 == 0) pool.audit();
  }
  for (const auto& [piece, fill] : lent) pool.take_back(piece);
  pool.audit();
  BOOST_TEST(pool.lent_bytes() == 0u);
  BOOST_TEST(pool.resident_bytes() <= pool.spare_blocks_max() * 4096);
}

BOOST_AUTO_TEST_SUITE_END()
