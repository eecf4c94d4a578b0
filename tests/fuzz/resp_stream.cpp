// The bytes of a RESP connection, in pieces, against a session over a map. What is answered does
// not depend on where the bytes are cut, and the session's memory follows what has arrived.

#include <algorithm>

#include "peer/resp/session.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/peer/resp/map_keyspace.hpp"

using namespace hopring;

namespace {

constexpr std::size_t mark = std::size_t{1} << 16;
constexpr Now now{Time{}, WallTime{1'000'000}};

// Steps of scans come when all that may be taken has been.
void end_scans(test::MapKeyspace& keyspace, resp::Session& session, std::string& out) {
  while (!keyspace.scans.empty()) {
    const auto [call, scan] = keyspace.scans.front();
    keyspace.scans.pop_front();
    session.on_finding(now, call, ScanResult{{}, keyspace.step(scan)}, out);
  }
}

std::string answer(std::string_view bytes, std::size_t piece) {
  const PeerRef self{};
  test::MapKeyspace keyspace;
  resp::Session session(1, resp::Client{.id = 1}, self, keyspace, {.may_flush = true});
  std::string out;
  std::size_t begin = 0;
  for (std::size_t end = 0; end < bytes.size();) {
    end = std::min(end + piece, bytes.size());
    for (bool is_all = false; !is_all && !session.is_ending() && !session.is_held();) {
      const auto taken = session.on_bytes(now, bytes.substr(begin, end - begin), mark, out);
      begin += taken.bytes;
      is_all = taken.is_all;
      end_scans(keyspace, session, out);
    }
    HOPRING_CHECK(begin <= end);
    HOPRING_CHECK(session.memory() <= 16 * end + 65536);
    // A report never comes here: all behind it waits.
    if (session.is_ending() || session.is_held()) break;
  }
  return out;
}

}  // namespace

// The first byte is the size of the pieces, less one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes(data + 1, data + size);
  HOPRING_CHECK(answer(bytes, data[0] + std::size_t{1}) == answer(bytes, bytes.size() + 1));
  return 0;
}

std::vector<std::string> hopring::fuzz_corpus(Rng& rng) {
  const std::string texts[] = {
      "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
      "PING\r\n\r\nSET \"a b\" 'c' EX 100 NX\r\nGET \"a\\x20b\"\nTTL \"a b\"\n",
      "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*0\r\n*3\r\n$6\r\nAPPEND\r\n$1\r\nn\r\n$1\r\n0\r\n",
      "HELLO 3 SETNAME x\r\nCLIENT INFO\r\nCONFIG GET *\r\nCOMMAND INFO get\r\nRESET\r\nQUIT\r\n",
      "MSET a 1 b 2 c 3\r\nMGET a b c d\r\nDEL a b\r\nEXISTS a c\r\nGETDEL c\r\n",
      "SET k v\r\nEXPIRE k 10 GT\r\nPERSIST k\r\nPEXPIREAT k 1000001\r\nGETSET k w\r\n",
      "SETRANGE k 5 xy\r\nGETRANGE k 1 -2\r\nINCRBYFLOAT f 1e3\r\nGETEX k PX 7\r\n",
      "MSETNX a 1 b 2\r\nRENAME a c\r\nRENAMENX c b\r\nSET c 2 IFEQ 1 GET\r\nDELEX c IFNE 3\r\n",
      "OBJECT ENCODING k\r\nMEMORY USAGE k\r\nOBJECT\r\nCONFIG SET save ''\r\nCLIENT LIST ID 1\r\n",
      "CLUSTER KEYSLOT {a}b\r\nSET ab 1\r\nSCAN 7 MATCH a*[b-c]\\? COUNT 3\r\nRANDOMKEY\r\n",
      "SET ab 1\r\nKEYS a*\r\nFLUSHALL\r\nKEYS *\r\nCLUSTER COUNTKEYSINSLOT 1\r\n",
      "*1048576\r\n$33554432\r\nabc",
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
  };
  std::vector<std::string> corpus;
  for (const std::string& text : texts) {
    for (int i = 0; i < 4; ++i) corpus.push_back(static_cast<char>(rng.next() % 40) + text);
  }
  return corpus;
}
