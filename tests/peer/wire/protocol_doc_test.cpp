// docs/protocol.md is where the messages are designed: a message without a row there, or with
// another number, does not pass.

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "peer/wire/kinds.hpp"
#include "storage/operation/value.hpp"

using namespace hopring;

namespace {

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" `");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" `") - first + 1);
}

// The cells of every row of every table in docs/protocol.md.
std::vector<std::vector<std::string>> rows_of_the_document() {
  std::ifstream document(HOPRING_PROTOCOL_DOC);
  BOOST_TEST_REQUIRE(document.is_open());
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(document, line);) {
    if (line.rfind("| ", 0) != 0) continue;
    std::istringstream cells(line.substr(1));
    rows.emplace_back();
    for (std::string cell; std::getline(cells, cell, '|');) rows.back().push_back(trimmed(cell));
  }
  return rows;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(protocol_doc)

// A message's row begins with its kind: | 0x10 | FindArc | from -> to | answer | repeat | lost |
BOOST_AUTO_TEST_CASE(every_message_has_its_row_and_every_row_its_message) {
  std::vector<std::string> documented, existing;
  for (const auto& row : rows_of_the_document()) {
    if (row[0].rfind("0x", 0) != 0) continue;
    BOOST_TEST(row.size() == 6u, "every column of " << row[1] << " is filled in");
    for (const std::string& cell : row) BOOST_TEST(!cell.empty());
    documented.push_back(std::to_string(std::stoul(row[0], nullptr, 16)) + " " + row[1]);
  }
  for (const MessageRow& row : message_rows) {
    existing.push_back(std::to_string(row.kind) + " " + std::string(row.name));
  }
  BOOST_TEST(documented == existing, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(every_error_and_every_value_type_has_its_row) {
  const auto rows = rows_of_the_document();
  const auto has_row = [&](const std::string& number, const std::string& name) {
    for (const auto& row : rows) {
      if (row.size() > 1 && row[0] == number && row[1] == name) return true;
    }
    return false;
  };
  for (std::uint8_t error = 1; error <= op_error_max; ++error) {
    const std::string name = hopring::name(static_cast<OpError>(error));
    BOOST_TEST(has_row(std::to_string(error), name), name);
  }
  for (std::uint8_t type = 0; type <= value_type_max; ++type) {
    const std::string name = hopring::name(static_cast<ValueType>(type));
    BOOST_TEST(has_row(std::to_string(type), name), name);
  }
}

BOOST_AUTO_TEST_SUITE_END()
