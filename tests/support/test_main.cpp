// main() of every Boost.Test executable.
#define BOOST_TEST_MODULE hopring
#include <boost/test/unit_test.hpp>
