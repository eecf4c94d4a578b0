#include "peer/resp/glob.hpp"

#include <boost/test/unit_test.hpp>

using namespace hopring::resp;

namespace {

bool fits(std::string_view pattern, std::string_view text) {
  std::uint64_t steps = 0;
  return matches(pattern, text, steps);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(resp_glob)

BOOST_AUTO_TEST_CASE(patterns_match_whole_texts) {
  for (const auto& [pattern, text] :
       std::initializer_list<std::pair<const char*, const char*>>{{"", ""},
                                                                  {"*", ""},
                                                                  {"*", "abc"},
                                                                  {"a*", "a"},
                                                                  {"a*c", "abbbc"},
                                                                  {"*b*d*", "abcde"},
                                                                  {"a?c", "abc"},
                                                                  {"[a-c]x", "bx"},
                                                                  {"[c-a]x", "bx"},
                                                                  {"[^a]", "b"},
                                                                  {"[abc]", "c"},
                                                                  {"\\*", "*"},
                                                                  {"[\\]]", "]"},
                                                                  {"**a", "ba"},
                                                                  {"a\\", "a\\"},
                                                                  {"*aab", "aaaab"}}) {
    BOOST_TEST(fits(pattern, text), pattern << " does not match " << text);
  }
  for (const auto& [pattern, text] :
       std::initializer_list<std::pair<const char*, const char*>>{{"", "a"},
                                                                  {"a", ""},
                                                                  {"a*c", "abcd"},
                                                                  {"a?c", "ac"},
                                                                  {"[a-c]x", "dx"},
                                                                  {"[^a]", "a"},
                                                                  {"\\*", "a"},
                                                                  {"A", "a"},
                                                                  {"?", ""},
                                                                  {"[abc]", ""},
                                                                  {"*aab", "aaba"},
                                                                  {"[a", "b"}}) {
    BOOST_TEST(!fits(pattern, text), pattern << " matches " << text);
  }
}

// Goal: no pattern takes more than pattern times text, where a search that goes back to every `*`
// would not end in this life.
BOOST_AUTO_TEST_CASE(many_stars_cost_no_more_than_one) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "*a";
  pattern += "*b";
  const std::string text(10000, 'a');
  std::uint64_t steps = 0;
  BOOST_TEST(!matches(pattern, text, steps));
  BOOST_TEST(steps <= 2 * pattern.size() * text.size());
}

BOOST_AUTO_TEST_CASE(what_all_matches_begin_with_is_told) {
  BOOST_TEST(literal_prefix("user:*") == "user:");
  BOOST_TEST(literal_prefix("a\\*b?") == "a*b");
  BOOST_TEST(literal_prefix("[ab]c") == "");
  BOOST_TEST(literal_prefix("plain") == "plain");
}

BOOST_AUTO_TEST_SUITE_END()
