// Commands on keys: what they answer, and what they leave behind.

#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/peer/resp/session_support.hpp"

using namespace hopring;
using namespace hopring::resp;
using Fixture = test::SessionFixture;

namespace {

struct SlowFixture : Fixture {
  SlowFixture() { keyspace.is_slow = true; }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(resp_commands, Fixture)

BOOST_AUTO_TEST_CASE(strings_are_set_and_read) {
  BOOST_TEST(say("SET k v\nGET k\nGET none\n") == "+OK\r\n$1\r\nv\r\n$-1\r\n");
  BOOST_TEST(say("SETNX k w\nSETNX n w\nGET n\n") == ":0\r\n:1\r\n$1\r\nw\r\n");
  BOOST_TEST(say("SET k x NX\nSET k x XX\nSET q x XX\n") == "$-1\r\n+OK\r\n$-1\r\n");
  BOOST_TEST(say("SET k y GET\nSET q y NX GET\nSET q z NX GET\nGETSET k z\nGET k\n") ==
             "$1\r\nx\r\n$-1\r\n$1\r\ny\r\n$1\r\ny\r\n$1\r\nz\r\n");
  BOOST_TEST(say("APPEND a 12\nAPPEND a 345\nSTRLEN a\nSTRLEN none\n") ==
             ":2\r\n:5\r\n:5\r\n:0\r\n");
  BOOST_TEST(say("MSET a 1 b 2 a 3\nMGET a none b\n") ==
             "+OK\r\n*3\r\n$1\r\n3\r\n$-1\r\n$1\r\n2\r\n");
  BOOST_TEST(say("GETDEL a\nGETDEL a\nGET a\n") == "$1\r\n3\r\n$-1\r\n$-1\r\n");
}

BOOST_AUTO_TEST_CASE(numbers_count_and_read_as_decimal_text) {
  BOOST_TEST(say("INCR n\nINCRBY n 10\nDECR n\nDECRBY n 3\nGET n\nTYPE n\nAPPEND n 0\n") ==
             ":1\r\n:11\r\n:10\r\n:7\r\n$1\r\n7\r\n+string\r\n:2\r\n");
  BOOST_TEST(say("SET s 5\nINCR s\nGET s\nSET s x\nINCR s\n") ==
             "+OK\r\n:6\r\n$1\r\n6\r\n+OK\r\n-ERR value is not an integer or out of range\r\n");
  BOOST_TEST(
      say("SET s 9223372036854775807\nINCR s\nDECRBY s -9223372036854775808\nINCRBY s 1x\n") ==
      "+OK\r\n-ERR increment or decrement would overflow\r\n"
      "-ERR decrement would overflow\r\n-ERR value is not an integer or out of range\r\n");
  keyspace.records["f"].value = {ValueType::floating, encode_floating(1.5)};
  BOOST_TEST(say("GET f\nSTRLEN f\nINCR f\n") ==
             "$3\r\n1.5\r\n:3\r\n-ERR value is not an integer or out of range\r\n");
}

BOOST_AUTO_TEST_CASE(keys_are_counted_and_removed) {
  say("MSET a 1 b 2\n");
  BOOST_TEST(say("EXISTS a b a none\nTOUCH a none\nTYPE a\nTYPE none\n") ==
             ":3\r\n:1\r\n+string\r\n+none\r\n");
  BOOST_TEST(say("DEL a a none\nUNLINK b\nDEL b\n") == ":1\r\n:1\r\n:0\r\n");
}

BOOST_AUTO_TEST_CASE(records_end_when_they_are_told_to) {
  BOOST_TEST(say("SET k v EX 100\nTTL k\nPTTL k\nEXPIRETIME k\nPEXPIRETIME k\n") ==
             "+OK\r\n:100\r\n:100000\r\n:1100\r\n:1100000\r\n");
  BOOST_TEST(say("PERSIST k\nPERSIST k\nTTL k\nTTL none\nEXPIRE none 5\n") ==
             ":1\r\n:0\r\n:-1\r\n:-2\r\n:0\r\n");
  BOOST_TEST(say("EXPIRE k 10 XX\nEXPIRE k 10 NX\nEXPIRE k 5 NX\nEXPIRE k 5 GT\nEXPIRE k 5 LT\n") ==
             ":0\r\n:1\r\n:0\r\n:0\r\n:1\r\n");
  BOOST_TEST(say("SET k w KEEPTTL\nTTL k\nAPPEND k x\nTTL k\nSET k w\nTTL k\n") ==
             "+OK\r\n:5\r\n:2\r\n:5\r\n+OK\r\n:-1\r\n");
  BOOST_TEST(say("PEXPIREAT k 1002000\nTTL k\n") == ":1\r\n:2\r\n");
  now.wall.ms_since_epoch = 1'002'000;
  BOOST_TEST(say("GET k\n") == "$-1\r\n");
  BOOST_TEST(say("SETEX k 1 v\nPSETEX l 1500 v\nPTTL k\nPTTL l\nEXPIRE k -1\nGET k\n") ==
             "+OK\r\n+OK\r\n:1000\r\n:1500\r\n:1\r\n$-1\r\n");
}

BOOST_AUTO_TEST_CASE(mistakes_are_told_in_the_words_of_redis) {
  const std::string syntax = "-ERR syntax error\r\n";
  BOOST_TEST(say("SET k v NX XX\nSET k v EX\nSET k v EX 1 PX 1\nSET k v EX 1 KEEPTTL\n") ==
             syntax + syntax + syntax + syntax);
  BOOST_TEST(say("SET k v EX x\nSET k v EX 0\nSETEX k 0 v\nEXPIRE k 9223372036854775807\n") ==
             "-ERR value is not an integer or out of range\r\n"
             "-ERR invalid expire time in 'set' command\r\n"
             "-ERR invalid expire time in 'setex' command\r\n"
             "-ERR invalid expire time in 'expire' command\r\n");
  BOOST_TEST(say("EXPIRE k 1 NX GT\nEXPIRE k 1 LT GT\nEXPIRE k 1 ZZ\n") ==
             "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n"
             "-ERR GT and LT options at the same time are not compatible\r\n"
             "-ERR Unsupported option ZZ\r\n");
  BOOST_TEST(say("GET\nget a b\nMSET a\nMSET a 1 b\nFoo bar 'b z'\n") ==
             "-ERR wrong number of arguments for 'get' command\r\n"
             "-ERR wrong number of arguments for 'get' command\r\n"
             "-ERR wrong number of arguments for 'mset' command\r\n"
             "-ERR wrong number of arguments for 'mset' command\r\n"
             "-ERR unknown command 'Foo', with args beginning with: 'bar' 'b z' \r\n");
  BOOST_TEST(say("SELECT 0\nSELECT 1\nSELECT x\nAUTH p\nAUTH default p\nAUTH u p\n") ==
             "+OK\r\n-ERR DB index is out of range\r\n-ERR value is not an integer or out of "
             "range\r\n-ERR AUTH <password> called without any password configured for the default "
             "user. Are you sure your configuration is correct?\r\n+OK\r\n"
             "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  BOOST_TEST(say("CLIENT FOO\nCLIENT ID x\nCLIENT SETNAME 'a b'\n") ==
             "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n"
             "-ERR wrong number of arguments for 'client|id' command\r\n"
             "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
  BOOST_TEST(say("GET ''\n") == "-ERR the empty key is not supported\r\n");
}

BOOST_AUTO_TEST_CASE(a_part_of_a_value_is_read_and_written) {
  BOOST_TEST(say("SET k hello\nGETRANGE k 1 -2\nSUBSTR k -3 100\nGETRANGE k 4 1\n") ==
             "+OK\r\n$3\r\nell\r\n$3\r\nllo\r\n$0\r\n\r\n");
  BOOST_TEST(say("GETRANGE k -100 -50\nGETRANGE none 0 -1\nGETRANGE k 0 x\n") ==
             "$1\r\nh\r\n$0\r\n\r\n-ERR value is not an integer or out of range\r\n");
  BOOST_TEST(say("SETRANGE k 4 OW\nGET k\nSETRANGE n 2 x\nSTRLEN n\nSETRANGE e 7 ''\nEXISTS e\n") ==
             ":6\r\n$6\r\nhellOW\r\n:3\r\n:3\r\n:0\r\n:0\r\n");
  BOOST_TEST(say("SETRANGE k -1 x\nSETRANGE k 9223372036854775807 x\n") ==
             "-ERR offset is out of range\r\n"
             "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
  BOOST_TEST(say("SET k v EX 100\nSETRANGE k 1 w\nTTL k\n") == "+OK\r\n:2\r\n:100\r\n");
}

BOOST_AUTO_TEST_CASE(fractions_are_counted_as_redis_prints_them) {
  BOOST_TEST(say("INCRBYFLOAT f 10.5\nINCRBYFLOAT f 0.1\nINCRBYFLOAT f -10.6\nGET f\n") ==
             "$4\r\n10.5\r\n$4\r\n10.6\r\n$1\r\n0\r\n$1\r\n0\r\n");
  BOOST_TEST(say("INCRBYFLOAT f 5.0e3\nINCRBYFLOAT f ' 1'\nINCRBYFLOAT f inf\n") ==
             "$4\r\n5000\r\n-ERR value is not a valid float\r\n"
             "-ERR increment would produce NaN or Infinity\r\n");
  BOOST_TEST(say("SET s text\nINCRBYFLOAT s 1\n") == "+OK\r\n-ERR value is not a valid float\r\n");
  keyspace.records["d"].value = {ValueType::floating, encode_floating(1.5)};
  BOOST_TEST(say("INCRBYFLOAT d 1\n") == "$3\r\n2.5\r\n");
  BOOST_TEST((keyspace.records["d"].value == Value{ValueType::floating, encode_floating(2.5)}));
  BOOST_TEST(say("INCR i\nINCRBYFLOAT i 0.5\n") == ":1\r\n$3\r\n1.5\r\n");
  BOOST_TEST((keyspace.records["i"].value == Value{ValueType::string, "1.5"}));
}

BOOST_AUTO_TEST_CASE(a_value_is_set_or_erased_only_if_it_is_the_expected_one) {
  BOOST_TEST(say("SET k 1 IFEQ 1\nSET k 1 IFNE 1\nSET k 2 IFEQ 1\nSET k 3 IFEQ 1\nGET k\n") ==
             "$-1\r\n+OK\r\n+OK\r\n$-1\r\n$1\r\n2\r\n");
  BOOST_TEST(say("SET k 3 IFEQ 1 GET\nSET k 3 IFEQ 2 GET EX 100\nTTL k\n") ==
             "$1\r\n2\r\n$1\r\n2\r\n:100\r\n");
  BOOST_TEST(say("SET k 3 IFEQ 3 NX\nSET k 3 IFEQ\n") ==
             "-ERR syntax error\r\n-ERR syntax error\r\n");
  BOOST_TEST(say("DELEX k IFEQ 1\nDELEX k IFNE 3\nDELEX k IFEQ 3\nDELEX k IFEQ 3\n") ==
             ":0\r\n:0\r\n:1\r\n:0\r\n");
  BOOST_TEST(say("SET k 1\nDELEX k\nDELEX k FOO 1\nDELEX k IFEQ\n") ==
             "+OK\r\n:1\r\n-ERR syntax error\r\n"
             "-ERR wrong number of arguments for 'delex' command\r\n");
  say("INCR n\n");  // an integer of the ring, and equal to its text
  BOOST_TEST(say("SET n 2 IFEQ 1\nDELEX n IFEQ 2\n") == "+OK\r\n:1\r\n");
}

BOOST_AUTO_TEST_CASE(getex_reads_and_says_how_long_it_stays) {
  BOOST_TEST(say("SET k v\nGETEX k EX 100\nTTL k\nGETEX k\nGETEX k PERSIST\nTTL k\n") ==
             "+OK\r\n$1\r\nv\r\n:100\r\n$1\r\nv\r\n$1\r\nv\r\n:-1\r\n");
  BOOST_TEST(say("GETEX k EX 0\nGETEX none EX 0\nGETEX k PERSIST EX 1\nGETEX k EXAT 1\nGET k\n") ==
             "-ERR invalid expire time in 'getex' command\r\n$-1\r\n-ERR syntax error\r\n"
             "$1\r\nv\r\n$-1\r\n");
}

BOOST_AUTO_TEST_CASE(a_key_gets_a_new_name_and_keeps_its_expiry) {
  BOOST_TEST(say("SET a 1 EX 100\nSET b 2\nRENAME a b\nMGET a b\nTTL b\n") ==
             "+OK\r\n+OK\r\n+OK\r\n*2\r\n$-1\r\n$1\r\n1\r\n:100\r\n");
  BOOST_TEST(say("RENAME a b\nRENAME b b\nRENAMENX b b\nRENAMENX b c\nSET b 3\nRENAMENX b c\n") ==
             "-ERR no such key\r\n+OK\r\n:0\r\n:1\r\n+OK\r\n:0\r\n");
  BOOST_TEST(say("MGET b c\n") == "*2\r\n$1\r\n3\r\n$1\r\n1\r\n");
}

BOOST_AUTO_TEST_CASE(all_keys_are_created_or_none) {
  BOOST_TEST(say("MSETNX a 1 b 2 a 3\nMGET a b\nMSETNX b 4 c 5\nMGET b c\nMSETNX a\n") ==
             ":1\r\n*2\r\n$1\r\n3\r\n$1\r\n2\r\n:0\r\n*2\r\n$1\r\n2\r\n$-1\r\n"
             "-ERR wrong number of arguments for 'msetnx' command\r\n");
}

BOOST_AUTO_TEST_CASE(what_redis_would_say_of_a_record_is_said) {
  const std::string raw(45, 'x');
  BOOST_TEST(say("MSET n 12 s abc l " + raw +
                 "\nOBJECT ENCODING n\nOBJECT ENCODING s\n"
                 "OBJECT ENCODING l\nOBJECT ENCODING none\nOBJECT REFCOUNT s\n") ==
             "+OK\r\n$3\r\nint\r\n$6\r\nembstr\r\n$3\r\nraw\r\n$-1\r\n:1\r\n");
  BOOST_TEST(say("OBJECT FREQ s\n").starts_with("-ERR An LFU maxmemory policy is not selected"));
  BOOST_TEST(say("OBJECT FOO s\nOBJECT ENCODING\nMEMORY USAGE none\nMEMORY USAGE s SAMPLES -1\n") ==
             "-ERR unknown subcommand 'FOO'. Try OBJECT HELP.\r\n"
             "-ERR wrong number of arguments for 'object|encoding' command\r\n"
             "$-1\r\n-ERR syntax error\r\n");
  BOOST_TEST(say("MEMORY USAGE s SAMPLES 5\n") == say("MEMORY USAGE s\n"));
  BOOST_TEST(say("MEMORY USAGE s\nMEMORY USAGE l\n") == ":16\r\n:58\r\n");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(resp_commands_beside_others, SlowFixture)

BOOST_AUTO_TEST_CASE(an_expiry_that_others_change_is_decided_upon_again) {
  keyspace.records["k"] = Record{"k", {ValueType::string, "v"}, 0};
  say("EXPIRE k 100 NX\n");
  end(0);
  keyspace.records["k"].expiry_ms = 5'000'000;
  BOOST_TEST(end(0) == ":0\r\n");  // it has an expiry by now
  BOOST_TEST(keyspace.records["k"].expiry_ms == 5'000'000);
}

BOOST_AUTO_TEST_CASE(a_rename_takes_along_what_is_written_meanwhile) {
  keyspace.records["a"].value = {ValueType::string, "1"};
  say("RENAME a b\n");
  end(0);  // reads
  end(0);  // writes the new key
  BOOST_TEST(keyspace.records["b"].value.bytes == "1");
  keyspace.records["a"].value.bytes = "2";
  BOOST_TEST(end(0) == "");  // erases the old one: not what it had copied
  BOOST_TEST(keyspace.records.contains("a"));
  end(0);
  BOOST_TEST(keyspace.records["b"].value.bytes == "2");
  BOOST_TEST(end(0) == "+OK\r\n");
  BOOST_TEST(!keyspace.records.contains("a"));
}

BOOST_AUTO_TEST_CASE(a_rename_that_fails_half_way_says_so_and_loses_nothing) {
  keyspace.records["a"].value = {ValueType::string, "1"};
  say("RENAME a b\n");
  end(0);
  BOOST_TEST(end(0, OpError::unavailable).starts_with("-UNAVAILABLE"));
  say("RENAME a b\n");
  end(0);
  end(0);
  BOOST_TEST(end(0, OpError::unavailable).starts_with("-UNKNOWN some of the keys"));
  BOOST_TEST(keyspace.records["a"].value.bytes == "1");
  BOOST_TEST(keyspace.records["b"].value.bytes == "1");
}

BOOST_AUTO_TEST_CASE(a_rename_to_a_new_key_does_not_overwrite_what_others_put_there) {
  keyspace.records["a"].value = {ValueType::string, "1"};
  say("RENAMENX a b\n");
  end(0);
  end(0);
  keyspace.records["a"].value.bytes = "2";
  keyspace.records["b"].value.bytes = "3";
  BOOST_TEST(end(0) == "");
  BOOST_TEST(end(0).starts_with("-UNKNOWN some of the keys"));
  BOOST_TEST(keyspace.records["a"].value.bytes == "2");
  BOOST_TEST(keyspace.records["b"].value.bytes == "3");
}

BOOST_AUTO_TEST_CASE(keys_that_were_created_in_vain_are_taken_back) {
  say("MSETNX a 1 b 2\n");
  end(0);
  end(0);
  keyspace.records["b"].value = {ValueType::string, "other"};
  end(0);
  BOOST_TEST(keyspace.records.contains("a"));
  BOOST_TEST(end(0) == "");  // b exists by now
  BOOST_TEST(end(0) == ":0\r\n");
  BOOST_TEST(!keyspace.records.contains("a"));
  BOOST_TEST(keyspace.records["b"].value.bytes == "other");
}

BOOST_AUTO_TEST_CASE(keys_whose_creation_is_in_doubt_are_told_as_such) {
  say("MSETNX a 1 b 2\n");
  end(0);
  end(0);
  end(0, OpError::timed_out);
  end(0);
  BOOST_TEST(end(0).starts_with("-UNKNOWN some of the keys"));
  BOOST_TEST(!keyspace.records.contains("b"));
}

BOOST_AUTO_TEST_SUITE_END()
