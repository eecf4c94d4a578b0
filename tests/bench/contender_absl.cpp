#include <absl/container/flat_hash_map.h>
#include <absl/strings/string_view.h>

#include "tests/bench/contenders.hpp"
#include "tests/bench/string_map.hpp"

namespace hopring::bench {
namespace {

// Its own hash; spelled out, since Debian builds its string_view apart from the standard's.
struct AbslHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view key) const noexcept {
    return absl::Hash<absl::string_view>()({key.data(), key.size()});
  }
};
using AbslMap = absl::flat_hash_map<std::string, std::string, AbslHash, std::equal_to<>>;

}  // namespace

void add_absl(std::vector<Contender>& contenders) {
  contenders.push_back(contender<StringMap<AbslMap>>(name_of_absl));
}

}  // namespace hopring::bench
