"""Rings of real processes with three copies of each arc: crashes, pauses and departures lose
nothing. Run by CTest."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import unittest

import ring

KEYS = 2000
ROUNDS = 3
# From kill -9 until every arc has all its copies again, with so little data.
HEALED_WITHIN_S = 15
# Longer than a lease: others take over what the paused peer served.
PAUSE_S = 2
# In several arcs: some of them are served by whoever is killed.
COUNTERS = [f"counter-{i}" for i in range(8)]
KILLED_AFTER_S = 2


class ReplicatedProcessTest(ring.RingTest):
    """Five peers; replicas is the default, three."""

    PEERS = 5

    def setUp(self) -> None:
        super().setUp()
        self.fill()

    def fill(self) -> None:
        words = "".join(f"word-{i}\n" for i in range(KEYS)).encode()
        self.expect(0, "import", "--format", "words", "-", input=words)
        self.healthy()

    def healthy(self, at: ring.Peer | None = None) -> dict:
        done = self.expect(0, "ring", "--json", f"--wait-healthy={HEALED_WITHIN_S}", at=at)
        return json.loads(done)

    def check_keys(self, at: ring.Peer | None = None) -> None:
        exported = self.expect(0, "export", at=at)
        self.assertEqual(len(exported.splitlines()), KEYS)

    def test_each_arc_has_three_copies_at_distinct_peers(self) -> None:
        seen = self.healthy()
        self.assertEqual(seen["replicas"], 3)
        copies = [each["copies"] for each in seen["peers"]]
        self.assertEqual(sum(copies), 3 * seen["arcs"])
        self.assertLessEqual(max(copies), seen["arcs"])
        self.assertEqual(seen["keys"], KEYS)

    def test_peers_killed_one_after_the_other_and_replaced_lose_nothing(self) -> None:
        rng = random.Random(1)
        for _ in range(ROUNDS):
            victim = rng.choice(self.peers[1:])
            victim.kill()
            self.peers.remove(victim)
            victim.close()
            self.check_keys()
            self.start_peer()
            self.healthy()
            self.check_keys()

    def test_counters_that_are_raised_while_peers_are_killed_count_each_time_once(self) -> None:
        raised = 0
        for _ in range(2):
            victim = self.peers.pop(1)
            killer = threading.Timer(KILLED_AFTER_S, victim.kill)
            killer.start()
            ends = time.monotonic() + 2 * KILLED_AFTER_S
            while time.monotonic() < ends:
                raised += 1
                for counter in COUNTERS:
                    done = self.expect(0, "incr", counter)
                    self.assertEqual(int(done), raised, counter)
            killer.join()
            victim.close()
            self.start_peer()
            self.healthy()

    def test_the_contact_of_all_others_killed_and_restarted_joins_anew(self) -> None:
        first = self.peers[0]
        first.kill()
        self.check_keys(at=self.peers[1])
        again = ring.Peer(self.bin_dir, "--listen", first.address, "--join", self.peers[1].address)
        self.peers[0] = again
        first.close()
        self.healthy(at=again)
        self.check_keys(at=again)

    def test_a_peer_that_is_paused_longer_than_a_lease_answers_nothing_stale(self) -> None:
        paused = self.peers[2]
        os.kill(paused.process.pid, signal.SIGSTOP)
        time.sleep(PAUSE_S)
        try:
            for i in range(0, KEYS, 40):
                self.expect(0, "put", f"word-{i}", "new")
        finally:
            os.kill(paused.process.pid, signal.SIGCONT)
        for i in range(0, KEYS, 40):
            self.assertEqual(self.expect(0, "get", f"word-{i}", at=paused), b"new")
        self.healthy()
        self.check_keys()

    def full_pipe(self) -> int:
        """The writing end of a pipe that nobody reads."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        os.set_blocking(writer, False)
        try:
            while True:
                os.write(writer, b"-" * 4096)
        except BlockingIOError:
            os.set_blocking(writer, True)  # as the peer finds it
        return writer

    def test_a_peer_whose_log_nobody_reads_serves_as_others_do(self) -> None:
        mute = ring.Peer(self.bin_dir, "--join", self.peers[0].address, "--log-level", "debug",
                         log=self.full_pipe())
        self.peers.append(mute)
        seen = self.healthy(at=mute)
        self.assertEqual(len(seen["peers"]), self.PEERS + 1)
        self.assertTrue(all(each["copies"] > 0 for each in seen["peers"]), seen)
        self.check_keys(at=mute)
        self.assertEqual(mute.leave(), 0)
        self.healthy()
        self.check_keys()

    def test_every_peer_leaves_in_turn_and_the_last_one_holds_everything(self) -> None:
        while len(self.peers) > 1:
            leaver = self.peers.pop(0)
            self.assertEqual(leaver.leave(), 0, leaver.log_text())
            leaver.close()
            self.check_keys()


class HostsProcessTest(ring.RingTest):
    """Six peers on three hosts, of which this machine is all: 127.0.0.2, 3 and 4."""

    PEERS = 6
    HOSTS = 3

    def start_peer(self) -> ring.Peer:
        index = len(self.peers)
        join = ["--join", self.peers[0].address] if self.peers else []
        listen = ["--listen", f"127.0.0.{2 + index % self.HOSTS}:0"]
        self.peers.append(ring.Peer(self.bin_dir, *ring.threads_of(index), *listen, *join))
        return self.peers[-1]

    def look_until(self, condition) -> None:
        """Looks at the ring again and again: each look asks all peers."""
        ends = time.monotonic() + ring.PATIENCE_S
        while time.monotonic() < ends:
            if condition(json.loads(self.expect(0, "ring", "--json", "--wait-healthy"))):
                return
        self.fail("the ring does not become what it should")

    def test_members_move_to_distinct_hosts_and_lost_copies_are_logged_once(self) -> None:
        words = "".join(f"word-{i}\n" for i in range(KEYS)).encode()
        self.expect(0, "import", "--format", "words", "-", input=words)
        self.look_until(lambda seen: seen["arcs_sharing_a_host"] == 0)
        victim = self.peers.pop()
        victim.kill()
        victim.close()

        def is_told(seen: dict) -> bool:
            logs = [peer.log_text() for peer in self.peers]
            return all("event=copies_made" in log for log in logs if "event=copies_lost" in log) \
                and any("event=copies_lost" in log for log in logs)

        self.look_until(is_told)
        self.look_until(lambda seen: seen["arcs_sharing_a_host"] == 0)
        for peer in self.peers:
            self.assertLessEqual(peer.log_text().count("event=copies_lost"), 3)
        counters = self.expect(0, "stats", "--all").decode()
        for each in ("copies_begun", "copies_done", "copies_given_up", "copy_bytes_sent",
                     "copies_under_way"):
            self.assertIn(each, counters)


class MajorityReadsProcessTest(ring.RingTest):
    """Four peers of a ring that reads by majority: told to the first one alone."""

    PEERS = 4

    def start_peer(self) -> ring.Peer:
        options = ["--join", self.peers[0].address] if self.peers else ["--reads", "majority"]
        self.peers.append(ring.Peer(self.bin_dir, *ring.threads_of(len(self.peers)), *options))
        return self.peers[-1]

    def check(self) -> None:
        """Gets, of one key and of many, and a scan."""
        for i in range(0, KEYS, 100):
            self.assertEqual(self.expect(0, "get", f"word-{i}"), f"{i}".encode())
        exported = self.expect(0, "export").splitlines()
        self.assertEqual(len(exported), KEYS)

    def test_what_is_written_is_read_through_the_crash_of_a_peer(self) -> None:
        lines = "".join(json.dumps({"key": f"word-{i}", "type": "string", "value": f"{i}"}) + "\n"
                        for i in range(KEYS))
        self.expect(0, "import", "-", input=lines.encode())
        seen = json.loads(self.expect(0, "ring", "--json", f"--wait-healthy={HEALED_WITHIN_S}"))
        self.assertEqual(seen["reads"], "majority")
        self.check()
        victim = self.peers.pop(2)
        victim.kill()
        victim.close()
        self.check()
        self.expect(0, "put", "word-0", "new")
        self.assertEqual(self.expect(0, "get", "word-0"), b"new")

    def test_a_joiner_that_is_told_to_read_otherwise_is_refused(self) -> None:
        done = subprocess.run(
            [self.bin_dir / "hopring-peer", "--listen", "127.0.0.1:0", "--join",
             self.peers[0].address, "--reads", "lease"],
            capture_output=True, text=True, timeout=ring.PATIENCE_S)
        self.assertEqual(done.returncode, 1)
        self.assertIn("--reads is lease but the ring has majority", done.stderr)


if __name__ == "__main__":
    ring.main()
