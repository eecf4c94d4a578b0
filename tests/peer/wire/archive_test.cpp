#include "peer/wire/archive.hpp"

#include <boost/serialization/access.hpp>
#include <boost/serialization/base_object.hpp>
#include <boost/serialization/split_member.hpp>
#include <boost/test/unit_test.hpp>
#include <limits>

using namespace hopring;

namespace {

enum class Colour { red, green = 1000, blue = -4 };

// As a client would write it for Boost.Serialization: private members, a friend.
class Point {
 public:
  Point() = default;
  Point(int x, double y) : x_(x), y_(y) {}
  bool operator==(const Point&) const = default;

 private:
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive& archive, const unsigned) {
    archive& boost::serialization::make_nvp("x", x_);
    archive& BOOST_SERIALIZATION_NVP(y_);
  }

  int x_ = 0;
  double y_ = 0;
};

// Not intrusive: see serialize() below.
struct Plain {
  std::string name;
  std::map<std::string, std::vector<Point>> points;
  bool operator==(const Plain&) const = default;
};

struct Derived : Plain {
  Colour colour = Colour::red;
  std::optional<Plain> other;
  float weights[3] = {};

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& boost::serialization::base_object<Plain>(*this);
    archive& colour& other& weights;
  }
};

// One function for each direction.
struct Split {
  int sum = 0;

  template <class Archive>
  void save(Archive& archive, unsigned) const {
    const std::int16_t half = static_cast<std::int16_t>(sum / 2);
    archive << half << half;
  }
  template <class Archive>
  void load(Archive& archive, unsigned) {
    std::int16_t a = 0, b = 0;
    archive >> a >> b;
    sum = a + b;
  }
  BOOST_SERIALIZATION_SPLIT_MEMBER()
};

struct Tree {
  std::vector<Tree> children;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& children;
  }
};

Tree path_of_depth(unsigned depth) {
  Tree tree;
  for (unsigned i = 1; i < depth; ++i) {
    Tree parent;
    parent.children.push_back(std::move(tree));
    tree = std::move(parent);
  }
  return tree;
}

// The same type before and after a member was added.
struct Before {
  int a = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& a;
  }
};
struct After {
  int a = 0, b = 7;
  template <class Archive>
  void serialize(Archive& archive, unsigned version) {
    archive& a;
    if (version >= 1) archive& b;
  }
};

template <class T>
std::string written(const T& value) {
  std::string bytes;
  ObjectOutArchive archive(bytes);
  archive << value;
  BOOST_TEST_REQUIRE(archive.ok());
  return bytes;
}

template <class T>
T read(const std::string& bytes) {
  T value{};
  ObjectInArchive archive(bytes);
  archive >> value;
  BOOST_TEST_REQUIRE(archive.done());
  return value;
}

template <class T>
bool comes_back(const T& value) {
  return read<T>(written(value)) == value;
}

template <class T>
bool is_refused(const std::string& bytes) {
  T value{};
  InArchive archive(bytes);
  archive& value;
  return !archive.done();
}

}  // namespace

namespace boost::serialization {
template <class Archive>
void serialize(Archive& archive, Plain& plain, const unsigned) {
  archive& plain.name& plain.points;
}
}  // namespace boost::serialization
BOOST_CLASS_VERSION(After, 1)

BOOST_AUTO_TEST_SUITE(archive)

BOOST_AUTO_TEST_CASE(numbers_come_back_at_the_ends_of_their_ranges) {
  BOOST_TEST(comes_back(std::numeric_limits<std::int64_t>::min()));
  BOOST_TEST(comes_back(std::numeric_limits<std::uint64_t>::max()));
  BOOST_TEST(comes_back(std::int8_t{-1}));
  BOOST_TEST(comes_back(-0.5));
  BOOST_TEST(comes_back(std::numeric_limits<double>::infinity()));
  BOOST_TEST(comes_back(true));
  BOOST_TEST(comes_back(U'\U0001f300'));
  BOOST_TEST(written(std::uint32_t{0x01020304}) == std::string("\4\3\2\1"));
}

BOOST_AUTO_TEST_CASE(containers_come_back) {
  BOOST_TEST(comes_back(std::string("a\0b", 3)));
  BOOST_TEST(comes_back(std::string(300, 'x')));
  BOOST_TEST(comes_back(std::vector<bool>{true, false, true}));
  BOOST_TEST(comes_back(std::vector<double>{1, 2, 3}));
  BOOST_TEST(comes_back(std::vector<std::string>{"", "a"}));
  BOOST_TEST(comes_back(std::list<int>{1, 2}));
  BOOST_TEST(comes_back(std::deque<std::pair<int, bool>>{{1, true}}));
  BOOST_TEST(comes_back(std::set<std::string>{"b", "a"}));
  BOOST_TEST(comes_back(std::multimap<int, int>{{1, 2}, {1, 3}}));
  BOOST_TEST(comes_back(std::unordered_map<std::string, int>{{"a", 1}, {"b", 2}}));
  BOOST_TEST(comes_back(std::array<std::string, 2>{"x", "y"}));
  BOOST_TEST(comes_back(std::variant<std::monostate, int, std::string>{"text"}));
}

// Goal: a type that was written for Boost.Serialization needs no change.
BOOST_AUTO_TEST_CASE(objects_of_clients_come_back) {
  BOOST_TEST(comes_back(Point{3, 0.25}));
  Derived derived;
  derived.name = "outer";
  derived.points["a"] = {{1, 2}, {3, 4}};
  derived.colour = Colour::blue;
  derived.other = Plain{"inner", {{"b", {{5, 6}}}}};
  derived.weights[2] = 0.5f;
  const auto back = read<Derived>(written(derived));
  BOOST_TEST((static_cast<const Plain&>(back) == derived));
  BOOST_TEST((back.colour == Colour::blue));
  BOOST_TEST((back.other == derived.other));
  BOOST_TEST(back.weights == derived.weights, boost::test_tools::per_element());
  BOOST_TEST(read<Split>(written(Split{84})).sum == 84);
}

BOOST_AUTO_TEST_CASE(a_program_reads_what_an_older_one_stored_and_refuses_a_newer_ones) {
  const After after = read<After>(written(Before{5}));
  BOOST_TEST(after.a == 5);
  BOOST_TEST(after.b == 7);
  Before before;
  const std::string newer = written(After{5, 6});
  ObjectInArchive in(newer);
  in& before;
  BOOST_TEST(!in.ok());
}

BOOST_AUTO_TEST_CASE(nesting_is_bounded_in_both_directions) {
  written(path_of_depth(object_depth_max));
  read<Tree>(written(path_of_depth(object_depth_max)));
  std::string bytes;
  ObjectOutArchive out(bytes);
  out << path_of_depth(object_depth_max + 1);
  BOOST_TEST(!out.ok());

  std::string deep;  // version 0, one child, version 0, one child ...
  for (int i = 0; i < 1000000; ++i) deep += std::string("\0\1", 2);
  Tree tree;
  ObjectInArchive in(deep);
  in >> tree;
  BOOST_TEST(!in.ok());
}

BOOST_AUTO_TEST_CASE(a_failed_read_gives_zero_and_stays_failed) {
  const std::string bytes("\x2a\0\7\7", 4);
  InArchive in(bytes);
  std::uint16_t good = 0;
  std::uint64_t too_long = 1;
  std::uint8_t later = 1;
  std::string text = "old";
  in& good& too_long& later& text;
  BOOST_TEST(good == 42);
  BOOST_TEST(too_long == 0u);
  BOOST_TEST(later == 0);
  BOOST_TEST(text.empty());
  BOOST_TEST(!in.ok());
  BOOST_TEST(!in.done());
}

BOOST_AUTO_TEST_CASE(lengths_that_lie_are_refused) {
  BOOST_TEST(is_refused<std::string>("\4abc"));
  BOOST_TEST(is_refused<std::string>("\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"));
  BOOST_TEST(is_refused<std::vector<std::string>>(std::string("\3\0\0", 3)));
  BOOST_TEST(is_refused<std::vector<std::uint32_t>>(std::string("\2\1\0\0\0\1\0\0", 8)));
  BOOST_TEST(!is_refused<std::vector<std::uint32_t>>(std::string("\1\1\0\0\0", 5)));
}

BOOST_AUTO_TEST_CASE(a_length_has_one_encoding) {
  BOOST_TEST(!is_refused<std::string>(std::string("\0", 1)));
  BOOST_TEST(is_refused<std::string>(std::string("\x80\0", 2)));
  BOOST_TEST(is_refused<std::string>(std::string("\x81\0a", 3)));
  BOOST_TEST(is_refused<std::string>("\xff\xff\xff\xff\xff\xff\xff\xff\xff\2"));
  BOOST_TEST(is_refused<std::string>("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"));
}

BOOST_AUTO_TEST_CASE(flags_and_indices_out_of_range_are_refused) {
  BOOST_TEST(!is_refused<bool>("\1"));
  BOOST_TEST(is_refused<bool>("\2"));
  BOOST_TEST(is_refused<std::optional<bool>>("\2\1"));
  using Nested = std::variant<bool, std::variant<bool, std::string>>;
  BOOST_TEST(!is_refused<Nested>("\1\1\1x"));
  BOOST_TEST(is_refused<Nested>("\1\2\1x"));
  BOOST_TEST(is_refused<Nested>("\2\1\1x"));
  BOOST_TEST(is_refused<ValueType>("\5"));
  BOOST_TEST(!is_refused<ValueType>("\4"));
}

BOOST_AUTO_TEST_SUITE_END()
