#include "peer/wire/codec.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <string>

#include "tests/peer/wire/random_message.hpp"
#include "tests/peer/wire/seed.hpp"

using namespace hopring;

namespace {

// The one frame in `bytes`, which must outlive it.
Frame frame_in(std::string_view bytes) {
  BOOST_TEST_REQUIRE(bytes.size() >= frame_header_bytes);
  const auto at = [&](std::size_t index) { return static_cast<std::uint8_t>(bytes[index]); };
  std::uint64_t request_id = 0;
  std::memcpy(&request_id, bytes.data() + 8, 8);
  return Frame{at(4), static_cast<std::uint16_t>(at(6) | at(7) << 8), request_id,
               bytes.substr(frame_header_bytes)};
}

template <class Message>
std::string encoded(const Message& message, std::uint64_t request_id = 7) {
  std::string bytes;
  encode(message, request_id, bytes);
  return bytes;
}

// The frame of a message that encode() would refuse to write.
template <class Message>
std::string encoded_unchecked(const Message& message) {
  std::string bytes;
  const std::uint16_t kind = kind_of<Message>;
  const std::size_t begin = begin_frame(frame_version_of(kind), kind, 7, bytes);
  OutArchive archive(bytes);
  archive& message;
  end_frame(begin, bytes);
  return bytes;
}

bool is_malformed(const std::string& bytes) {
  const auto decoded = decode(frame_in(bytes));
  return !decoded && decoded.error() == WireError::malformed;
}

View some_view() {
  return View{Arc{Position{1}, Position{9}},
              ViewNumber{1, 0, 4},
              0,
              {PeerRef{ipv4_endpoint(0x7f000001, 7000), 42}}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(codec)

// Goal: every message of every kind comes back as it was, and its encoding is the only one.
// Method: random content through the messages' own serialize(); decode, compare, encode again.
BOOST_AUTO_TEST_CASE(every_message_survives_the_way_there) {
  BOOST_TEST_CONTEXT("repeat with HOPRING_TEST_SEED=" << test_seed()) {
    Rng rng(test_seed());
    for_random_messages(rng, 200, [](const WireMessage& message) {
      const std::string bytes = encoded(message, 99);
      const Frame frame = frame_in(bytes);
      BOOST_TEST(frame.request_id == 99u);
      const auto decoded = decode(frame);
      BOOST_TEST_REQUIRE(decoded.has_value(), message_name(frame.kind));
      BOOST_TEST((*decoded == message), message_name(frame.kind));
      BOOST_TEST((encoded(*decoded, 99) == bytes), message_name(frame.kind));
    });
  }
}

BOOST_AUTO_TEST_CASE(a_message_and_its_families_have_the_same_encoding) {
  const Ping ping{17};
  BOOST_TEST(encoded(ping) == encoded(RingMessage{ping}));
  BOOST_TEST(encoded(ping) == encoded(WireMessage{RingMessage{ping}}));
  const Serving serving{TransferId{Position{3}, 4}};
  BOOST_TEST(encoded(serving) == encoded(GroupMessage{serving}));
  const ErrorReply error{OpError::overloaded};
  BOOST_TEST(encoded(error) == encoded(ClientReplyMessage{error}));
}

// Goal: the bytes are the ones that docs/protocol.md draws, whatever compiler made them.
BOOST_AUTO_TEST_CASE(a_ping_looks_like_this) {
  const std::string expected(
      "\x10\0\0\0"
      "\10"
      "\0"
      "\x17\0"
      "\7\0\0\0\0\0\0\0"
      "\x0d\x0c\x0b\x0a",
      20);
  BOOST_TEST(encoded(Ping{0x0a0b0c0d}) == expected);
}

BOOST_AUTO_TEST_CASE(an_operation_looks_like_this) {
  const std::string body(
      "\1"
      "\1k"
      "\0\2hi"
      "\0\0\0\0\0\0\0\0\0"
      "\0"
      "\0"
      "\1\2\3\4\5\6\7\x08",
      26);
  const Put put{"k", Value{ValueType::string, "hi"}, Expiry{}, PutCondition::always};
  BOOST_TEST(encoded(OpRequest{put, {}, 0x0807060504030201}).substr(frame_header_bytes) == body);
}

// Goal: a message cut short anywhere is malformed, never half believed.
BOOST_AUTO_TEST_CASE(every_truncation_is_malformed) {
  Rng rng(test_seed());
  for_random_messages(rng, 5, [](const WireMessage& message) {
    const std::string bytes = encoded(message);
    for (std::size_t size = frame_header_bytes; size < bytes.size(); ++size) {
      BOOST_TEST(is_malformed(bytes.substr(0, size)));
    }
  });
}

BOOST_AUTO_TEST_CASE(trailing_bytes_are_malformed) {
  Rng rng(test_seed());
  for_random_messages(rng, 5, [](const WireMessage& message) {
    BOOST_TEST(is_malformed(encoded(message) + '\0'));
  });
}

// Goal: whatever a corrupt message decodes to is a message that we might have sent ourselves.
// Method: every byte of a body, eight other values each. What decodes is encoded again: encode()
// checks the bounds, and the bytes must be the corrupt ones.
BOOST_AUTO_TEST_CASE(a_corrupt_message_is_refused_or_is_another_message) {
  Rng rng(test_seed());
  for_random_messages(rng, 4, [](const WireMessage& message) {
    std::string bytes = encoded(message);
    for (std::size_t at = frame_header_bytes; at < bytes.size(); ++at) {
      const char original = bytes[at];
      for (unsigned bit = 0; bit < 8; ++bit) {
        bytes[at] = static_cast<char>(original ^ (1 << bit));
        const auto decoded = decode(frame_in(bytes));
        if (decoded) BOOST_TEST((encoded(*decoded) == bytes));
      }
      bytes[at] = original;
    }
  });
}

BOOST_AUTO_TEST_CASE(an_unlisted_kind_is_told_apart_from_nonsense) {
  constexpr auto version = static_cast<std::uint8_t>(protocol_version_highest);
  for (unsigned kind = 0; kind < 0x200; ++kind) {
    const bool listed = message_name(static_cast<std::uint16_t>(kind)) != "unlisted";
    const auto decoded = decode(Frame{version, static_cast<std::uint16_t>(kind), 0, {}});
    BOOST_TEST((!decoded && decoded.error() == WireError::unknown_kind) == !listed);
  }
  BOOST_TEST(!decode(Frame{version, 0xffff, 0, {}}).has_value());
}

BOOST_AUTO_TEST_CASE(a_frame_of_another_version_is_refused) {
  std::string bytes = encoded(Ping{1});
  bytes[4] = static_cast<char>(protocol_version_highest + 1);
  BOOST_TEST((decode(frame_in(bytes)).error() == WireError::other_version));
  bytes[4] = hello_frame_version;
  BOOST_TEST((decode(frame_in(bytes)).error() == WireError::other_version));
  std::string hello = encoded(Hello{});
  BOOST_TEST(hello[4] == 0);
  hello[4] = 1;
  BOOST_TEST((decode(frame_in(hello)).error() == WireError::other_version));
}

BOOST_AUTO_TEST_CASE(an_enum_out_of_its_range_is_malformed) {
  BOOST_TEST(!is_malformed(encoded_unchecked(ErrorReply{OpError::unknown})));
  BOOST_TEST(is_malformed(encoded_unchecked(ErrorReply{static_cast<OpError>(op_error_max + 1)})));
  BOOST_TEST(is_malformed(encoded_unchecked(ErrorReply{static_cast<OpError>(0)})));
}

BOOST_AUTO_TEST_CASE(lists_end_at_their_named_bounds) {
  const Hint hint{Arc{Position{0}, Position{1}}, some_view().members[0]};
  const auto closer = [&](std::size_t count) {
    return encoded_unchecked(Closer{1, std::vector<Hint>(count, hint)});
  };
  BOOST_TEST(!is_malformed(closer(closer_sent_max)));
  BOOST_TEST(is_malformed(closer(closer_sent_max + 1)));

  const auto found = [&](std::size_t count) {
    return encoded_unchecked(ArcFound{1, some_view(), std::vector<View>(count, some_view()),
                                      std::nullopt, 0, PeerLoad{}});
  };
  BOOST_TEST(!is_malformed(found(successors_sent_max)));
  BOOST_TEST(is_malformed(found(successors_sent_max + 1)));

  const auto remembered = [](std::size_t bytes) {
    OpResult result{std::nullopt, Outcome::mismatch, Value{{}, std::string(bytes, 'v')}, 0};
    return encoded_unchecked(CopyResults{{}, 9, 0, 0, {{1, 2, 3, 4, std::move(result)}}, true});
  };
  BOOST_TEST(!is_malformed(remembered(window_value_bytes_max)));
  BOOST_TEST(is_malformed(remembered(window_value_bytes_max + 1)));

  Hello hello;
  hello.credentials.assign(credentials_bytes_max, 'x');
  BOOST_TEST(!is_malformed(encoded_unchecked(hello)));
  hello.credentials += 'x';
  BOOST_TEST(is_malformed(encoded_unchecked(hello)));
}

BOOST_AUTO_TEST_CASE(a_gap_behind_a_node_is_not_the_whole_ring) {
  const auto hints = [](Position gap_end) {
    return encoded_unchecked(
        NodeHints{Arc{Position{1}, Position{2}}, {}, {}, std::nullopt, 0, gap_end});
  };
  BOOST_TEST(!is_malformed(hints(Position{3})));
  BOOST_TEST(is_malformed(hints(Position{2})));
}

BOOST_AUTO_TEST_CASE(batches_and_their_answers_end_at_their_named_bounds) {
  const auto batch = [](std::size_t count) {
    return encoded_unchecked(BatchRequest{std::vector<Operation>(count, Get{"k"})});
  };
  BOOST_TEST(!is_malformed(batch(batch_operations_max)));
  BOOST_TEST(is_malformed(batch(batch_operations_max + 1)));

  BatchRequest stamped{std::vector<Operation>(2, Erase{"k"}), {Stamp{1, 2, 3, 4, true}, {}}};
  BOOST_TEST(!is_malformed(encoded_unchecked(stamped)));
  stamped.stamps.pop_back();
  BOOST_TEST(is_malformed(encoded_unchecked(stamped)));
  stamped.stamps.clear();
  stamped.known = {7, 0};
  BOOST_TEST(!is_malformed(encoded_unchecked(stamped)));
  stamped.known.pop_back();
  BOOST_TEST(is_malformed(encoded_unchecked(stamped)));

  BatchReply some{std::vector<OpAnswer>(2, OpResult{}), {}, {}, {3, 1}};
  BOOST_TEST(!is_malformed(encoded_unchecked(some)));
  some.places.pop_back();
  BOOST_TEST(is_malformed(encoded_unchecked(some)));

  Scan scan;
  scan.records_max = 0;
  BOOST_TEST(is_malformed(encoded_unchecked(ScanRequest{scan})));
  scan.records_max = scan_records_max + 1;
  BOOST_TEST(is_malformed(encoded_unchecked(ScanRequest{scan})));

  const auto repair = [](std::uint64_t generation) {
    return encoded_unchecked(RepairRequest{{Arc{}, generation, std::nullopt}});
  };
  BOOST_TEST(is_malformed(repair(1)));  // no repair begins the first one
  BOOST_TEST(!is_malformed(repair(2)));
  BOOST_TEST(!is_malformed(repair(count_max / 2)));
  BOOST_TEST(is_malformed(repair(count_max / 2 + 1)));

  ReportReply report;
  CopyReport copy{some_view()};
  copy.roster = Roster{{Voter{some_view().members.front(), 1}}, {}};
  report.copies.assign(copies_reported_max, copy);
  BOOST_TEST(!is_malformed(encoded_unchecked(report)));
  report.copies.push_back(report.copies.back());
  BOOST_TEST(is_malformed(encoded_unchecked(report)));
  report.copies.assign(1, CopyReport{});
  BOOST_TEST(is_malformed(encoded_unchecked(report)), "a view without members");
  copy.roster.voters.clear();
  report.copies.assign(1, copy);
  BOOST_TEST(is_malformed(encoded_unchecked(report)), "a roster without voters");
  report.copies.clear();
  report.ring.nodes_per_peer = 0;
  BOOST_TEST(is_malformed(encoded_unchecked(report)), "a ring of no cells");
}

BOOST_AUTO_TEST_CASE(a_view_needs_members_that_can_be_dialled) {
  View view = some_view();
  BOOST_TEST(!is_malformed(encoded_unchecked(Serve{TransferId{}, view})));
  view.members.clear();
  BOOST_TEST(is_malformed(encoded_unchecked(Serve{TransferId{}, view})));
  view = some_view();
  view.members[0].incarnation = 0;
  BOOST_TEST(is_malformed(encoded_unchecked(Serve{TransferId{}, view})));
  BOOST_TEST(is_malformed(encoded_unchecked(OpReply{Redirect{view, {}}, std::nullopt})));
}

BOOST_AUTO_TEST_CASE(a_stored_number_has_eight_bytes_and_a_stored_key_has_some) {
  const auto chunk = [](std::string key, Value value) {
    return encoded_unchecked(
        Chunk{TransferId{}, Arc{}, 1, {Record{std::move(key), std::move(value), 0}}});
  };
  BOOST_TEST(!is_malformed(chunk("k", Value{ValueType::integer, encode_integer(5)})));
  BOOST_TEST(is_malformed(chunk("k", Value{ValueType::integer, "5"})));
  BOOST_TEST(is_malformed(chunk("", Value{ValueType::string, "5"})));
  BOOST_TEST(is_malformed(chunk(std::string(key_bytes_max + 1, 'k'), Value{})));
}

// A client's bad key is answered with an error, not with a closed connection.
BOOST_AUTO_TEST_CASE(an_operation_that_cannot_be_executed_still_arrives) {
  BOOST_TEST(decode(frame_in(encoded(OpRequest{Get{""}}))).has_value());
  BOOST_TEST(
      decode(frame_in(encoded(OpRequest{Get{std::string(key_bytes_max + 1, 'k')}}))).has_value());
}

// A frame must hold the largest operation: a compare-and-set of two values.
BOOST_AUTO_TEST_CASE(the_largest_operation_fits_into_a_frame) {
  const std::string value(100000, 'v');
  const CompareAndSet cas{std::string(key_bytes_max, 'k'), Value{ValueType::string, value},
                          Value{ValueType::string, value}, Expiry{}};
  BOOST_TEST(encoded(OpRequest{cas}).size() <= frame_bytes_max(value.size()));
  BOOST_TEST(encoded(Append{TransferId{}, 0, {Entry{1, 1, cas}}}).size() <=
             frame_bytes_max(value.size()));
}

BOOST_AUTO_TEST_SUITE_END()
