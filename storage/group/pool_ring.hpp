#pragma once

// A queue whose memory is lent by a pool, and so counts there: a ring in one piece, which doubles
// when it is full, shrinks when it is nearly empty, and is given back when it is empty.
//
// Not thread-safe. The pool's limit is not looked at: who fills it bounds it.

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "storage/table/block_pool.hpp"

namespace hopring {

template <class T>
class PoolRing {
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 64);

 public:
  static constexpr std::size_t capacity_least = 8;

  // REQUIRES: the pool outlives it.
  explicit PoolRing(BlockPool& pool) noexcept : pool_(&pool) {}
  PoolRing(PoolRing&& other) noexcept
      : pool_(other.pool_),
        piece_(std::exchange(other.piece_, Piece{})),
        capacity_(std::exchange(other.capacity_, 0)),
        first_(std::exchange(other.first_, 0)),
        size_(std::exchange(other.size_, 0)) {}
  PoolRing& operator=(PoolRing&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(piece_, other.piece_);
    std::swap(capacity_, other.capacity_);
    std::swap(first_, other.first_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~PoolRing() { pool_->take_back(piece_); }

  BlockPool& pool() const noexcept { return *pool_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t bytes() const noexcept { return BlockPool::cost_of(piece_); }

  // REQUIRES: i < size(). The oldest one is 0.
  const T& operator[](std::size_t i) const noexcept {
    return data()[(first_ + i) & (capacity_ - 1)];
  }
  T& operator[](std::size_t i) noexcept { return data()[(first_ + i) & (capacity_ - 1)]; }
  const T& front() const noexcept { return (*this)[0]; }
  const T& back() const noexcept { return (*this)[size_ - 1]; }

  // Throws std::bad_alloc if the system has no memory.
  void push_back(const T& each) {
    if (size_ == capacity_) move_to(capacity_ == 0 ? capacity_least : 2 * capacity_);
    new (&data()[(first_ + size_) & (capacity_ - 1)]) T(each);
    ++size_;
  }
  // REQUIRES: !empty().
  void pop_front() {
    first_ = (first_ + 1) & (capacity_ - 1);
    --size_;
    if (size_ == 0) {
      clear();
    } else if (capacity_ > capacity_least && size_ <= capacity_ / 8) {
      move_to(capacity_ / 2);
    }
  }
  void clear() noexcept {
    pool_->take_back(std::exchange(piece_, Piece{}));
    capacity_ = first_ = size_ = 0;
  }

 private:
  T* data() const noexcept { return reinterpret_cast<T*>(piece_.data); }

  void move_to(std::size_t capacity) {
    const BlockPool::Overdraft beyond(*pool_);
    const Piece piece = pool_->lend(pool_->round_up(capacity * sizeof(T)));
    if (piece.data == nullptr) throw std::bad_alloc();
    for (std::size_t i = 0; i < size_; ++i) {
      new (reinterpret_cast<T*>(piece.data) + i) T((*this)[i]);
    }
    pool_->take_back(std::exchange(piece_, piece));
    capacity_ = capacity;
    first_ = 0;
  }

  BlockPool* pool_;
  Piece piece_;
  std::size_t capacity_ = 0;  // a power of two
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace hopring
