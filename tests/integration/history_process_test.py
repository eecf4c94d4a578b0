"""Rings of real processes under load, while peers are killed, replaced, paused and starved: what
clients see is linearizable (hopring-history records and judges it). Run by CTest.

HOPRING_HISTORY_SECONDS: how long the load lasts, 60 by default.
"""

import os
import random
import re
import signal
import subprocess
import time
import unittest

import ring

SECONDS = int(os.environ.get("HOPRING_HISTORY_SECONDS", "60"))
SEED = 1
# From one fault to the next, at least: the ring must have healed, too.
BETWEEN_FAULTS_S = 3
# Longer than an operation may wait: nobody waits for a peer that is paused to wake.
PAUSE_S = 7
# A peer that gets a tenth of a core: it runs for so long in each period.
STARVED_S = 3
STARVED_PERIOD_S = 0.1
STARVED_SHARE = 0.1
HEALED_WITHIN_S = 30
# Of all operations: what is refused, or in doubt, is a small part of what a fault touches.
DONE_LEAST = 0.99
# The longest that any operation may have waited, however it ended: an outage of its arc, and time
# for a machine that is busy with all peers of the ring, and with other tests.
WAIT_MAX_MS = 5000


class HistoryProcessTest(ring.RingTest):
    """Seven peers; replicas is the default, three."""

    PEERS = 7

    def start_load(self, seconds: int) -> subprocess.Popen:
        contacts = [word for peer in self.peers for word in ("--at", peer.address)]
        return subprocess.Popen(
            [self.bin_dir / "hopring-history", *contacts, "--seconds", str(seconds),
             "--seed", str(SEED)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="backslashreplace")

    def healthy(self) -> None:
        self.expect(0, "ring", f"--wait-healthy={HEALED_WITHIN_S}", at=self.peers[-1])

    def kill_and_replace(self, victim: ring.Peer) -> None:
        victim.kill()
        self.peers.remove(victim)
        victim.close()
        self.start_peer()
        self.healthy()

    def pause(self, victim: ring.Peer) -> None:
        os.kill(victim.process.pid, signal.SIGSTOP)
        time.sleep(PAUSE_S)
        os.kill(victim.process.pid, signal.SIGCONT)
        self.healthy()

    def starve(self, victim: ring.Peer) -> None:
        end = time.monotonic() + STARVED_S
        while time.monotonic() < end:
            os.kill(victim.process.pid, signal.SIGSTOP)
            time.sleep(STARVED_PERIOD_S * (1 - STARVED_SHARE))
            os.kill(victim.process.pid, signal.SIGCONT)
            time.sleep(STARVED_PERIOD_S * STARVED_SHARE)
        self.healthy()

    def test_clients_see_one_order_of_each_key_through_kills_pauses_and_starving(self) -> None:
        rng = random.Random(SEED)
        self.healthy()
        load = self.start_load(SECONDS)
        self.addCleanup(load.stdout.close)
        self.addCleanup(load.kill)
        end = time.monotonic() + SECONDS
        faults = 0
        while time.monotonic() < end:
            next_fault = time.monotonic() + BETWEEN_FAULTS_S
            victim = rng.choice(self.peers)
            FAULTS[faults % len(FAULTS)](self, victim)
            faults += 1
            time.sleep(max(0.0, next_fault - time.monotonic()))
        told, _ = load.communicate(timeout=ring.PATIENCE_S)
        print(f"{faults} faults\n{told}")
        self.assertEqual(load.returncode, 0, told)
        self.assertGreaterEqual(faults, len(FAULTS))
        operations, done = re.search(r"operations (\d+), done (\d+)", told).groups()
        self.assertGreaterEqual(int(done), DONE_LEAST * int(operations), told)
        waited = re.search(r"longest wait (\d+) ms", told)
        self.assertLessEqual(int(waited.group(1)), WAIT_MAX_MS, told)


# Mostly one killed every BETWEEN_FAULTS_S. None while copies are missing: the second member of an
# arc that is killed, or paused for long, takes its majority (repair_process_test.py).
FAULTS = (*3 * [HistoryProcessTest.kill_and_replace], HistoryProcessTest.pause,
          *3 * [HistoryProcessTest.kill_and_replace], HistoryProcessTest.starve)


if __name__ == "__main__":
    ring.main()
