"""A ring of real processes of which two are killed at one moment: the arcs that lose their majority
so are unavailable until `hopring ring repair --accept-loss`. Run by CTest."""

import json
import time
import unittest

import ring

KEYS = 1000
# From the repair until every arc has all its copies again, with so little data.
HEALED_WITHIN_S = 30
# Of a ring that must notice that it has lost something: elections, and GroupOptions::orphan_after.
NOTICED_WITHIN_S = 20
# Who hears `unavailable` has not waited for it.
ANSWERED_WITHIN_S = 2.5

DONE, NOT_WHOLE, USAGE, UNREACHABLE, REFUSED = range(5)


class RepairProcessTest(ring.RingTest):
    """Six peers, three copies."""

    PEERS = 6

    def setUp(self) -> None:
        super().setUp()
        words = "".join(f"word-{i}\n" for i in range(KEYS)).encode()
        self.expect(DONE, "import", "--format", "words", "-", input=words)
        self.expect(DONE, "ring", f"--wait-healthy={HEALED_WITHIN_S}")

    def kill_two(self) -> None:
        victims = [self.peers.pop(3), self.peers.pop(1)]
        for victim in victims:
            victim.process.kill()
        for victim in victims:
            victim.kill()
            victim.close()

    def plan(self) -> list[dict]:
        """What would be repaired, once the peers have given up waiting for a primary."""
        ends = time.monotonic() + NOTICED_WITHIN_S
        while time.monotonic() < ends:
            done = self.hopring("ring", "repair", "--json")
            said = [json.loads(line) for line in done.stdout.splitlines()]
            steps = [each for each in said if each.get("what") == "to be repaired"]
            left = [each for each in said if each.get("what") == "left alone"]
            if done.returncode == NOT_WHOLE and steps and not left:
                return steps
        self.fail(f"nothing to be repaired: {done.stdout!r} {done.stderr!r}")

    def test_a_whole_ring_is_left_alone(self) -> None:
        self.assertIn(b"the ring is whole", self.expect(DONE, "ring", "repair"))
        self.assertIn(b"the ring is whole", self.expect(DONE, "ring", "repair", "--accept-loss"))
        self.expect(USAGE, "ring", "--accept-loss")
        self.expect(USAGE, "ring", "mend")

    def test_a_ring_that_only_lacks_copies_is_waited_for(self) -> None:
        victim = self.peers.pop(2)
        victim.kill()
        victim.close()
        ends = time.monotonic() + NOTICED_WITHIN_S
        while self.hopring("ring", "repair").returncode != DONE:
            self.assertLess(time.monotonic(), ends, "no primaries in place of the dead one")
        self.expect(DONE, "ring", "repair", "--accept-loss", f"--wait-healthy={HEALED_WITHIN_S}")
        # For balance leads still move, and who has just taken one knows of no copy but its own.
        seen = self.expect(DONE, "ring", "--json", f"--wait-healthy={HEALED_WITHIN_S}")
        self.assertTrue(json.loads(seen)["healthy"], seen)

    def test_who_leaves_with_what_may_be_the_last_copies_says_so(self) -> None:
        self.kill_two()
        holder = self.plan()[0]["at"]
        last = next(each for each in self.peers if each.address == holder)
        self.peers.remove(last)
        self.assertEqual(last.leave(), 1, last.log_text())
        self.assertIn("records whose arcs have no majority now", last.log_text())
        last.close()

    def test_two_peers_killed_at_one_moment_cost_nothing_that_a_third_has(self) -> None:
        self.kill_two()
        steps = self.plan()
        self.assertTrue(all(each["from"] == "copy" for each in steps), steps)
        unavailable = 0
        for i in range(0, KEYS, 10):
            begun = time.monotonic()
            done = self.hopring("get", f"word-{i}")
            self.assertIn(done.returncode, (DONE, REFUSED, UNREACHABLE), done.stderr)
            if done.returncode != DONE:
                self.assertIn(b"no peer may serve this key", done.stderr)
                self.assertLess(time.monotonic() - begun, ANSWERED_WITHIN_S)
                unavailable += 1
        self.assertGreater(unavailable, 0)
        self.expect(NOT_WHOLE, "ring", "repair")  # tells, and does nothing
        self.assertEqual(len(self.plan()), len(steps))

        said = self.expect(DONE, "ring", "repair", "--accept-loss",
                           f"--wait-healthy={HEALED_WITHIN_S}")
        self.assertEqual(said.count(b"repaired: "), len(steps), said)
        self.expect(DONE, "ring", f"--wait-healthy={HEALED_WITHIN_S}")
        exported = self.expect(DONE, "export")
        self.assertEqual(len(exported.splitlines()), KEYS)
        self.expect(DONE, "put", "word-0", "new")
        self.assertEqual(self.expect(DONE, "get", "word-0"), b"new")
        self.assertTrue(any("event=arc_repaired" in peer.log_text() for peer in self.peers))


if __name__ == "__main__":
    ring.main()
