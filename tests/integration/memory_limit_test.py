"""Peers at their limit of memory: what they hold, what they refuse and what they evict."""

import itertools
import json
import random
import time

import ring

LIMIT_BYTES = 64 << 20
OVER_LIMIT_MAX = 1.05  # resident, with the connection of a client that is done
LOOK_S = 5  # within that a peer gives back what is free inside malloc's heap
VALUE_BYTES = 100


class MemoryLimitTest(ring.RingTest):
    """Each case fills one peer with more than it may hold."""

    def setUp(self) -> None:
        self.peers: list[ring.Peer] = []
        self.addCleanup(lambda: [peer.close() for peer in self.peers])

    def start(self, *options: str, count: int = 1) -> ring.Peer:
        for _ in range(count):
            join = ["--join", self.peers[0].address] if self.peers else []
            self.peers.append(ring.Peer(self.bin_dir, "--max-memory", str(LIMIT_BYTES), *join,
                                        *options))
        self.until_settled()
        return self.peers[0]

    def import_values(self, values, *codes: int, numbers=None) -> bytes:
        """Puts them all, under keys of these numbers; what was said."""
        lines = "".join(f"key-{i:016}\t{value}\n"
                        for i, value in zip(numbers or itertools.count(), values))
        done = self.hopring("import", "--format", "tsv", "-", input=lines.encode(),
                            timeout="60")
        self.assertIn(done.returncode, codes, done.stderr)
        return done.stderr

    def fill(self, code: int) -> tuple[int, bytes]:
        """Puts twice what fits; how many, and what was said."""
        count = 2 * LIMIT_BYTES // VALUE_BYTES
        return count, self.import_values(("v" * VALUE_BYTES for _ in range(count)), code)

    def fill_with_all_sizes(self, code: int, bytes_min: int, bytes_max: int) -> None:
        """Puts twice what fits, of values of which as many have twice the size as have it."""
        rng = random.Random(1)
        long = "v" * bytes_max
        sizes: list[int] = []
        left = 2 * LIMIT_BYTES
        while left > 0:
            sizes.append(int(bytes_min * (bytes_max / bytes_min) ** rng.random()))
            left -= sizes[-1]
        self.import_values((long[:size] for size in sizes), code)

    def resident(self, peer: ring.Peer) -> int:
        with open(f"/proc/{peer.process.pid}/status", encoding="ascii") as status:
            line = next(line for line in status if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def keys(self) -> int:
        return sum(each["keys"] for each in json.loads(self.expect(0, "ring", "--json"))["peers"])

    def held(self) -> int:
        """Bytes of keys and values, copies included."""
        return sum(each["bytes"] for each in json.loads(self.expect(0, "ring", "--json"))["peers"])

    def check_resident(self, least: float = 0.85) -> None:
        for peer in self.peers:
            ends = time.monotonic() + LOOK_S
            while (self.resident(peer) >= LIMIT_BYTES * OVER_LIMIT_MAX
                   and time.monotonic() < ends):
                time.sleep(0.1)
            self.assertLess(self.resident(peer), LIMIT_BYTES * OVER_LIMIT_MAX)
            self.assertGreater(self.resident(peer), LIMIT_BYTES * least)

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

    def test_small_and_large_values_share_the_limit(self) -> None:
        self.start("--evict", "lru")
        self.fill_with_all_sizes(0, 50, 50_000)
        self.check_resident()
        self.expect(0, "put", "large-among-small", "v" * 20_000)
        self.expect(0, "get", "large-among-small")

    def test_members_of_an_arc_hold_the_limit_together(self) -> None:
        self.start(count=3)
        self.fill_with_all_sizes(4, 600, 3_000)
        self.check_resident()

    def test_members_of_an_arc_evict_together(self) -> None:
        self.start("--evict", "lru", count=3)
        self.fill_with_all_sizes(0, 600, 3_000)
        self.check_resident()
        count = self.fill(0)[0]
        self.check_resident()
        for i in range(count - count // 100, count, count // 1000):
            self.expect(0, "get", f"key-{i:016}")

    def replace_by_larger(self, *options: str, count: int) -> None:
        """Values of 2,500 bytes give way to values of 4,000: every second, then a random half."""
        evicts = bool(options)
        # One copy has the most room: no log to keep, and nothing to leave free for copies.
        self.start(*options, *(["--replicas", "1"] if count == 1 else []), count=count)
        # Without eviction three quarters: what they leave and what comes may fit, or be refused.
        total = int(LIMIT_BYTES * (2 if evicts else 0.72)) // 2_500
        rng = random.Random(1)
        for numbers in (range(total), range(0, total // 2, 2),
                        [i for i in range(total // 2, total) if rng.random() < 0.5]):
            size = 2_500 if len(numbers) == total else 4_000
            self.import_values(("v" * size for _ in numbers), 0, *([] if evicts else [4]),
                               numbers=numbers)
            self.check_resident(0.6)
        if evicts:
            self.assertGreater(self.held(), LIMIT_BYTES * 0.55 * count)
            self.expect(0, "get", f"key-{numbers[-1]:016}")

    def test_larger_values_take_the_place_of_others_in_one_peer(self) -> None:
        self.replace_by_larger(count=1)

    def test_larger_values_take_the_place_of_others_in_three_peers(self) -> None:
        self.replace_by_larger(count=3)

    def test_larger_values_evict_others_in_one_peer(self) -> None:
        self.replace_by_larger("--evict", "lru", count=1)

    def test_larger_values_evict_others_in_three_peers(self) -> None:
        self.replace_by_larger("--evict", "lru", count=3)


if __name__ == "__main__":
    ring.main()
