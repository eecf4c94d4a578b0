// A client's object as it comes out of a value that anybody may have written. What reads must write
// and read again; nothing may be read past the end or nest without bound.

#include "base/check.hpp"
#include "peer/wire/archive.hpp"
#include "tests/fuzz/fuzz_target.hpp"

using namespace hopring;

namespace {

struct Object {
  std::map<std::string, std::vector<std::int16_t>> samples;
  std::optional<std::pair<double, bool>> pair;
  std::variant<std::monostate, std::string, std::vector<bool>> choice;
  std::vector<Object> children;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& samples& pair& choice& children;
  }
};

std::string written(const Object& object) {
  std::string bytes;
  ObjectOutArchive archive(bytes);
  archive << object;
  HOPRING_CHECK(archive.ok());
  return bytes;
}

Object random_object(Rng& rng, unsigned depth) {
  Object object;
  for (std::uint64_t i = rng.below(4); i > 0; --i) {
    object.samples[std::string(rng.below(5), 'k')].assign(rng.below(5), std::int16_t{-2});
  }
  if (rng.chance(1, 2)) object.pair = {0.5, true};
  if (rng.chance(1, 2)) object.choice = std::vector<bool>(rng.below(9), true);
  for (std::uint64_t i = depth == 0 ? 0 : rng.below(4); i > 0; --i) {
    object.children.push_back(random_object(rng, depth - 1));
  }
  return object;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(data, data + size);
  Object object;
  ObjectInArchive archive(bytes);
  archive >> object;
  if (!archive.done()) return 0;
  const std::string first = written(object);  // not always `bytes`: a map drops what comes twice
  Object again;
  ObjectInArchive second(first);
  second >> again;
  HOPRING_CHECK(second.done());
  HOPRING_CHECK(written(again) == first);
  return 0;
}

std::vector<std::string> hopring::fuzz_corpus(Rng& rng) {
  std::vector<std::string> corpus;
  for (int i = 0; i < 50; ++i) corpus.push_back(written(random_object(rng, 4)));
  return corpus;
}
