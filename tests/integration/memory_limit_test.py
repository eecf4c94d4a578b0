"""Peers at their limit of memory: what they hold, what they refuse and what they evict."""

import json

import ring

LIMIT_BYTES = 64 << 20
OVER_LIMIT_MAX = 1.05  # resident, with the connection of a client that is done
VALUE_BYTES = 100


class MemoryLimitTest(ring.RingTest):
    """Each case fills one peer with more than it may hold."""

    def setUp(self) -> None:
        self.peers: list[ring.Peer] = []
        self.addCleanup(lambda: [peer.close() for peer in self.peers])

    def start(self, *options: str) -> ring.Peer:
        self.peers.append(ring.Peer(self.bin_dir, "--max-memory", str(LIMIT_BYTES), *options))
        self.until_settled()
        return self.peers[0]

    def fill(self, code: int) -> tuple[int, bytes]:
        """Puts twice what fits; how many, and what was said."""
        count = 2 * LIMIT_BYTES // VALUE_BYTES
        lines = "".join(f"key-{i:016}\t{'v' * VALUE_BYTES}\n" for i in range(count))
        done = self.hopring("import", "--format", "tsv", "-", input=lines.encode(),
                            timeout="60")
        self.assertEqual(done.returncode, code, done.stderr)
        return count, done.stderr

    def resident(self) -> int:
        with open(f"/proc/{self.peers[0].process.pid}/status", encoding="ascii") as status:
            line = next(line for line in status if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def keys(self) -> int:
        return sum(each["keys"] for each in json.loads(self.expect(0, "ring", "--json"))["peers"])

    def check_resident(self) -> None:
        self.assertLess(self.resident(), LIMIT_BYTES * OVER_LIMIT_MAX)
        self.assertGreater(self.resident(), LIMIT_BYTES * 0.9)

    def test_at_the_limit_writes_are_refused_and_change_nothing_and_erase_works(self) -> None:
        self.start()
        said = self.fill(4)[1]
        self.assertIn(b"--max-memory", said)
        self.check_resident()
        before = self.keys()
        self.expect(4, "put", "one-more", "v" * 100_000)
        self.expect(1, "get", "one-more")
        self.assertEqual(self.keys(), before)
        for i in range(0, 2000, 100):
            self.expect(0, "del", f"key-{i:016}")
        self.assertEqual(self.keys(), before - 20)
        self.check_resident()

    def test_with_eviction_writes_go_on_and_the_newest_are_there(self) -> None:
        self.start("--evict", "lru")
        count = self.fill(0)[0]
        self.check_resident()
        self.assertLess(self.keys(), count)
        for i in range(0, count, count // 20):
            is_old = i < count // 4
            is_new = i > count * 9 // 10
            found = self.hopring("get", f"key-{i:016}").returncode
            self.assertIn(found, [1] if is_old else [0] if is_new else [0, 1], i)
        evicted = int(self.expect(0, "stats").split(b"records_evicted")[1].split()[0]
                      .replace(b",", b""))
        self.assertEqual(evicted, count - self.keys())


if __name__ == "__main__":
    ring.main()
