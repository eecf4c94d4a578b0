// Runs a fuzz target without libFuzzer: fuzz_<target> [runs] [seed]. A crash is repeated by the
// same two numbers.

#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/fuzz_target.hpp"

using namespace hopring;

namespace {

char random_byte(Rng& rng) {
  constexpr char edges[] = {'\0', '\1', '\x7f', '\x80', '\xff'};
  return rng.chance(1, 2) ? edges[rng.below(sizeof edges)] : static_cast<char>(rng.next());
}

// One small change: a byte written over, put in or taken out, the end cut off, another's end.
void mutate(std::string& input, const std::string& other, Rng& rng) {
  const std::size_t at = rng.below(input.size() + 1);
  switch (rng.below(5)) {
    case 0:
      if (at < input.size()) input[at] = random_byte(rng);
      break;
    case 1:
      input.insert(at, 1 + rng.below(8), random_byte(rng));
      break;
    case 2:
      input.erase(at, 1 + rng.below(8));
      break;
    case 3:
      input.resize(at);
      break;
    default:
      input.resize(at);
      input += other.substr(rng.below(other.size() + 1));
  }
}

std::uint64_t argument(int argc, char** argv, int index, std::uint64_t otherwise) {
  return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t runs = argument(argc, argv, 1, 20000);
  const std::uint64_t seed = argument(argc, argv, 2, 1);
  std::printf("repeat with: %s %llu %llu\n", argv[0], static_cast<unsigned long long>(runs),
              static_cast<unsigned long long>(seed));
  std::fflush(stdout);  // before a crash

  Rng rng(seed);
  const std::vector<std::string> corpus = fuzz_corpus(rng);
  for (std::uint64_t run = 0; run < runs; ++run) {
    std::string input = corpus[rng.below(corpus.size())];
    for (std::uint64_t i = rng.below(6); i > 0; --i) {
      mutate(input, corpus[rng.below(corpus.size())], rng);
    }
    const std::vector<std::uint8_t> exact(input.begin(), input.end());  // ASan sees its very end
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
  }
}
