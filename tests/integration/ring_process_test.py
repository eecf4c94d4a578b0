"""Rings of real processes with one copy of each arc: joins, crashes, restarts and hostile
connections. Run by CTest."""

import json
import re
import socket
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

import ring

JOINERS = 20
COPIED = re.compile(r"event=take_over .* from=copy records=(\d+)")
TAKE_OVER_S = 5
SETTLE_S = 30
SKEW_MAX = 1.10
IDLE_CONNECTIONS = 2000
SERVED_WITHIN_S = 1
RESIDENT_MAX_KIB = 200 * 1024


class RingProcessTest(unittest.TestCase):
    """Each case starts its own peers; they are stopped by their own process ids."""

    bin_dir = Path("build/bin")

    def setUp(self) -> None:
        self.peers: list[ring.Peer] = []
        self.addCleanup(lambda: [peer.close() for peer in self.peers])

    def start(self, *options: str) -> ring.Peer:
        """A joiner takes the number of copies from the ring."""
        copies = [] if "--join" in options or self.peers else ["--replicas", "1"]
        self.peers.append(ring.Peer(self.bin_dir, *ring.threads_of(len(self.peers)), *copies,
                                    *options))
        return self.peers[-1]

    def start_ring(self, count: int) -> list[ring.Peer]:
        first = self.start()
        for _ in range(count - 1):
            self.start("--join", first.address)
        self.wait_until_whole(first, count)
        return list(self.peers)

    def hopring(self, at: ring.Peer, *words: str, stdin: str = "") -> subprocess.CompletedProcess:
        command = [self.bin_dir / "hopring", "--at", at.address, *words]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)

    def survey(self, at: ring.Peer) -> dict:
        return json.loads(self.hopring(at, "ring", "--json").stdout)

    def wait_until_whole(self, at: ring.Peer, count: int, seconds: float = SETTLE_S) -> dict:
        end = time.monotonic() + seconds
        while True:
            seen = self.survey(at)
            if seen["whole"] and len(seen["peers"]) == count:
                return seen
            self.assertLess(time.monotonic(), end, f"not whole: {seen}")

    def fill(self, at: ring.Peer, count: int) -> None:
        words = "".join(f"word-{i}\n" for i in range(count))
        done = self.hopring(at, "import", "--format", "words", "-", stdin=words)
        self.assertEqual(done.returncode, 0, done.stderr)

    def keys(self, at: ring.Peer) -> int:
        done = self.hopring(at, "export")
        self.assertEqual(done.returncode, 0, done.stderr)
        return len(done.stdout.splitlines())

    def test_twenty_peers_that_join_at_one_moment_through_one_end_in_one_ring(self) -> None:
        first = self.start()
        command = [self.bin_dir / "hopring-peer", "--listen", "127.0.0.1:0",
                   "--join", first.address]
        joiners = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                   for _ in range(JOINERS)]
        try:
            self.wait_until_whole(first, JOINERS + 1)
        finally:
            for joiner in joiners:
                joiner.kill()
                joiner.wait()
                joiner.stdout.close()

    def taken_from_copies(self) -> int:
        """Records of copies from which arcs of dead peers have been taken over."""
        logs = "".join(peer.log_text() for peer in self.peers)
        return sum(int(count) for count in COPIED.findall(logs))

    def survivors(self, at: ring.Peer) -> tuple[float, int]:
        """Of what the peers that answer hold and held before: its share, and the keys. Two looks
        that agree, as arcs may be moving."""
        last = None
        while True:
            seen = self.survey(at)
            held = [(each["id"], each["share"], each["keys"]) for each in seen["peers"]]
            if held == last:
                share = sum(each["share"] for each in seen["peers"]) - seen["share_taken_over"]
                return share, sum(each["keys"] for each in seen["peers"])
            last = held

    def wait_for_share(self, peer: ring.Peer, least: float) -> None:
        """Until the balance has given it as much of the ring."""
        end = time.monotonic() + SETTLE_S
        while True:
            shares = {each["peer"]: each["share"] for each in self.survey(peer)["peers"]}
            if shares[peer.address] >= least:
                return
            self.assertLess(time.monotonic(), end, shares)
            time.sleep(0.1)

    def test_a_killed_peer_is_taken_over_and_only_its_own_keys_are_lost(self) -> None:
        peers = self.start_ring(5)
        self.fill(peers[0], 5000)
        self.wait_for_share(peers[3], 0.1)
        peers[3].kill()
        # The balance may still be at work, so what died with the peer is known only now: it is
        # what nobody holds, or has just taken over.
        share, keys = self.survivors(peers[0])
        copied = self.taken_from_copies()
        seen = self.wait_until_whole(peers[0], 4, TAKE_OVER_S)
        self.assertGreater(seen["share_taken_over"], 0.05)
        self.assertAlmostEqual(seen["share_taken_over"], 1 - share)
        self.assertIn("event=take_over", "".join(peer.log_text() for peer in peers))
        # An arc that was being copied from the dead is taken over with what had come.
        self.assertEqual(self.keys(peers[1]), keys + self.taken_from_copies() - copied)

    def test_five_peers_share_the_keys_evenly(self) -> None:
        peers = self.start_ring(5)
        self.fill(peers[0], 50000)
        end = time.monotonic() + SETTLE_S
        while True:
            keys = [each["keys"] for each in self.survey(peers[0])["peers"]]
            if sum(keys) == 50000 and max(keys) * len(keys) <= SKEW_MAX * sum(keys):
                return
            self.assertLess(time.monotonic(), end, f"uneven: {keys}")

    def test_the_first_peer_restarted_with_its_own_command_comes_back(self) -> None:
        peers = self.start_ring(3)
        self.fill(peers[1], 1000)
        name = self.survey(peers[1])["ring"]
        peers[0].kill()
        again = self.start("--listen", peers[0].address)
        seen = self.wait_until_whole(again, 3)
        self.assertEqual(seen["ring"], name)

    def test_joins_and_leaves_under_puts_gets_and_scans_lose_nothing(self) -> None:
        peers = self.start_ring(3)
        contact = peers[0]
        self.fill(contact, 2000)
        over = threading.Event()
        failures: list[str] = []
        longest = 0.0
        written = 0

        def put_and_get() -> None:
            nonlocal longest, written
            while not over.is_set() and not failures:
                key = f"late-{written}"
                for words in (["put", key, str(written)], ["get", key]):
                    began = time.monotonic()
                    done = self.hopring(contact, *words)
                    longest = max(longest, time.monotonic() - began)
                    if done.returncode != 0 or (words[0] == "get" and
                                                done.stdout.strip() != str(written)):
                        failures.append(f"{words}: {done}")
                written += 1

        def scan() -> None:
            while not over.is_set() and not failures:
                done = self.hopring(contact, "scan", "--prefix", "word-", "--keys-only")
                found = done.stdout.splitlines()
                if done.returncode != 0 or len(found) != 2000 or len(set(found)) != 2000:
                    failures.append(f"scan: {done.returncode} {len(found)} {done.stderr}")

        threads = [threading.Thread(target=each) for each in (put_and_get, scan)]
        for each in threads:
            each.start()
        try:
            for _ in range(3):
                self.start("--join", contact.address)
            for leaver in (peers[1], self.peers[3], peers[2]):
                self.assertEqual(leaver.leave(), 0, leaver.log_text())
        finally:
            over.set()
            for each in threads:
                each.join()
        self.assertEqual(failures, [])
        self.assertGreater(written, 10)
        self.assertLess(longest, SERVED_WITHIN_S, "the longest put or get")
        self.assertEqual(self.keys(contact), 2000 + written)

    def test_a_peer_that_leaves_during_an_import_loses_nothing(self) -> None:
        peers = self.start_ring(3)
        self.fill(peers[0], 2000)
        load = subprocess.Popen([self.bin_dir / "hopring", "--at", peers[0].address, "import",
                                 "--format", "words", "-"], stdin=subprocess.PIPE, text=True,
                                stderr=subprocess.PIPE)
        load.stdin.write("".join(f"late-{i}\n" for i in range(50000)))
        self.assertEqual(peers[1].leave(), 0, peers[1].log_text())
        _, errors = load.communicate()
        self.assertEqual(load.returncode, 0, errors)
        self.assertEqual(self.keys(peers[2]), 52000)

    def test_idle_garbage_and_unfinished_connections_do_not_keep_others_waiting(self) -> None:
        peer = self.start()
        host, port = peer.address.rsplit(":", 1)
        sockets = []
        self.addCleanup(lambda: [each.close() for each in sockets])
        for _ in range(IDLE_CONNECTIONS):
            sockets.append(socket.create_connection((host, int(port))))
        begun = b"\x10\x00\x00\x00\x01"  # a frame that never ends
        for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, b"\x00" * 64, begun):
            sockets.append(socket.create_connection((host, int(port))))
            sockets[-1].sendall(junk)
        began = time.monotonic()
        self.assertEqual(self.hopring(peer, "put", "key", "value").returncode, 0)
        self.assertEqual(self.hopring(peer, "get", "key").stdout.strip(), "value")
        self.assertLess(time.monotonic() - began, 2 * SERVED_WITHIN_S)
        status = Path(f"/proc/{peer.process.pid}/status").read_text()
        resident = int(next(line.split()[1] for line in status.splitlines() if "VmRSS" in line))
        self.assertLess(resident, RESIDENT_MAX_KIB)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        RingProcessTest.bin_dir = Path(sys.argv.pop(1))
    unittest.main(verbosity=2)
