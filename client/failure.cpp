#include "client/failure.hpp"

#include <boost/system/system_error.hpp>
#include <boost/throw_exception.hpp>

namespace hopring {

Failure failure_of(OpError code) {
  return Failure{code, make_error_code(code).message(), std::nullopt};
}

Failure failure_of(const ValueError& error) {
  return Failure{error.code, to_string(error), error.found};
}

void throw_exception_from_error(const Failure& failure, const boost::source_location& where) {
  boost::throw_exception(boost::system::system_error(make_error_code(failure.code), failure.text),
                         where);
}

}  // namespace hopring
