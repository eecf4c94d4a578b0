#include "peer/allocations.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <new>
#include <sstream>
#include <string>
#include <vector>

#include "peer/net/system.hpp"

namespace hopring {
namespace {

constexpr std::size_t size = std::size_t{16} << 20;

// What the system has noted about the mapping in which `address` lies: two letters for each flag.
std::string flags_of(std::uintptr_t address) {
  std::ifstream smaps("/proc/self/smaps");
  bool is_here = false;
  for (std::string line; std::getline(smaps, line);) {
    std::istringstream words(line);
    std::uintptr_t first = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    if (words >> std::hex >> first >> dash >> end && dash == '-') {
      is_here = first <= address && address < end;
    } else if (is_here && line.starts_with("VmFlags:")) {
      return line;
    }
  }
  return {};
}

BOOST_AUTO_TEST_CASE(a_large_buffer_begins_at_a_huge_page_and_asks_for_them) {
  const std::string buffer(size, 'x');
  const std::string small(1000, 'x');
  const auto address = reinterpret_cast<std::uintptr_t>(buffer.data());
  BOOST_TEST(address % large_allocation_bytes == 0U);
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage")) return;
  BOOST_TEST_CONTEXT(flags_of(address)) {
    BOOST_TEST(flags_of(address).find(" hg") != std::string::npos);
  }
  const auto elsewhere = reinterpret_cast<std::uintptr_t>(small.data());
  BOOST_TEST(flags_of(elsewhere).find(" hg") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_large_buffer_goes_back_to_the_system_when_it_is_freed_however_often) {
  const std::size_t before = resident_bytes();
  for (int i = 0; i < 20; ++i) {
    auto buffer = std::make_unique<std::string>(size, 'x');
    const auto pin = std::make_unique<std::string>(1000, 'x');  // would stand behind it on a heap
    BOOST_TEST(resident_bytes() >= before + size);
    buffer.reset();
    BOOST_TEST(resident_bytes() < before + size / 4);
  }
}

BOOST_AUTO_TEST_CASE(what_is_free_inside_the_heap_goes_back_when_it_is_asked_for) {
  constexpr std::size_t piece = 4000;
  std::vector<std::string> pieces(2 * size / piece);
  const std::size_t before = resident_bytes();
  for (std::string& each : pieces) each.assign(piece, 'x');
  BOOST_TEST(resident_bytes() >= before + 2 * size - size / 8);
  // Not all, so that it is not the heap's end that is free.
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (i % 64 != 0) std::string().swap(pieces[i]);
  }
  give_free_memory_back();
  BOOST_TEST(resident_bytes() < before + size / 4);
}

BOOST_AUTO_TEST_CASE(what_there_is_no_memory_for_is_refused_as_by_every_operator_new) {
  constexpr std::size_t too_much = SIZE_MAX / 4;
  BOOST_CHECK_THROW(static_cast<void>(::operator new(too_much)), std::bad_alloc);
  BOOST_TEST(::operator new(too_much, std::nothrow) == nullptr);
}

}  // namespace
}  // namespace hopring
