"""What a peer holds that has arcs and nothing to do."""

import json
import time

import ring

NODES = 128  # a power of two: at least a hundred arcs
RESIDENT_MAX_BYTES = 20 << 20
IDLE_S = 2  # its timers have run, several times


class IdleMemoryTest(ring.RingTest):
    """One peer alone, as its ring's creator: it serves all arcs."""

    def setUp(self) -> None:
        self.peers: list[ring.Peer] = []
        self.addCleanup(lambda: [peer.close() for peer in self.peers])

    def resident(self) -> int:
        with open(f"/proc/{self.peers[0].process.pid}/status", encoding="ascii") as status:
            line = next(line for line in status if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def check(self, *options: str) -> None:
        self.peers.append(ring.Peer(self.bin_dir, "--nodes", str(NODES), *options))
        self.until_settled()
        arcs = sum(p["arcs"] for p in json.loads(self.expect(0, "ring", "--json"))["peers"])
        self.assertGreaterEqual(arcs, 100)
        time.sleep(IDLE_S)
        resident = self.resident()
        print(f"{arcs} arcs, {' '.join(options) or 'one thread'}: {resident / 2**20:.1f} MiB")
        self.assertLessEqual(resident, RESIDENT_MAX_BYTES)

    def test_an_idle_peer_with_a_hundred_arcs_is_small(self) -> None:
        self.check()

    def test_and_so_is_one_with_four_threads(self) -> None:
        self.check("--threads", "4")


if __name__ == "__main__":
    ring.main()
