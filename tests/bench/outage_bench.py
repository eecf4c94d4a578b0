#!/usr/bin/env python3
"""How long a ring's keys cannot be used while its peers are killed, and while all are replaced one
by one: seven peers, three copies of each arc, one thread each, a million entries of 100 bytes,
under a steady load of which nine in ten operations are gets.

    tests/bench/outage_bench.py BIN_DIR [--keys N] [--rounds N] [--seed S]

Prints one JSON object a line, and progress on standard error. The load is hopring-history's: what
its clients see must be linearizable, and no operation may be refused for a crash of one peer;
otherwise the exit code is 1. A write that was under way to a peer that died, and is sent again, may
end in doubt (`unknown`): where the new primary's copy was still coming when it was executed.

    outage_killed_s    the longest that any operation waited, while --rounds times a peer is killed
                       (SIGKILL) and another one joins; its client's search for a living peer counts
    healed_under_load_s  from the kill until every arc has all its copies, the longest
    outage_replaced_s  the longest that any operation waited, while each peer in turn is joined by
                       another and then stopped (SIGTERM), as an operator replaces it
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable

from bench_ring import BenchRing

PEERS = 7
VALUE_BYTES = 76
OUTAGE_GOAL_S = 2
HEALED_GOAL_S = 10
LEAVE_PATIENCE_S = 120
# Of one epoch: so many that every arc is asked for something several times a second.
LOAD_KEYS = 2000
LOAD_CLIENTS = 8
# Before the first fault, so that all clients know the ring, and after the last.
MARGIN_S = 3


class Load:
    """hopring-history for as long as `work` takes; what it told."""

    def __init__(self, ring: BenchRing, seconds: int, seed: int) -> None:
        contacts = [word for peer in ring.peers for word in ("--at", peer.address)]
        self.process = subprocess.Popen(
            [ring.bin_dir / "hopring-history", *contacts, "--reads", "90", "--keys",
             str(LOAD_KEYS), "--clients", str(LOAD_CLIENTS), "--seconds", str(seconds), "--seed",
             str(seed)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace")

    def finish(self) -> dict:
        told, _ = self.process.communicate()
        figures = {name: int(value)
                   for name, value in re.findall(r"(done|refused|unknown) (\d+)", told)}
        waited = re.search(r"longest wait (\d+) ms", told)
        if self.process.returncode != 0 or not waited:
            raise SystemExit(f"hopring-history: {self.process.returncode}\n{told[-2000:]}")
        return {"wait_s": int(waited.group(1)) / 1000, **figures}

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.stdout.close()


def healed_after(ring: BenchRing, change: Callable[[], None]) -> float:
    begin = time.monotonic()
    change()
    ring.until_healthy()
    return time.monotonic() - begin


def replace(ring: BenchRing) -> None:
    """The eldest: another one joins through it, and it leaves."""
    ring.start_peer()
    eldest = ring.peers.pop(0)
    eldest.process.terminate()
    code = eldest.process.wait(LEAVE_PATIENCE_S)
    eldest.close()
    if code != 0:
        raise SystemExit(f"a peer left with exit code {code}")


def under_load(ring: BenchRing, change: Callable[[BenchRing], None], rounds: int, pace_s: float,
               seed: int) -> tuple[dict, list[float]]:
    """Makes the change `rounds` times, at most once in `pace_s`, while a load goes on."""
    load = Load(ring, int(2 * MARGIN_S + rounds * pace_s), seed)
    try:
        time.sleep(MARGIN_S)
        times = []
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            began = time.monotonic()
            times.append(healed_after(ring, lambda: change(ring)))
            time.sleep(max(0.0, pace_s - (time.monotonic() - began)))
        if load.process.poll() is not None:
            raise SystemExit("the ring healed so slowly that the load was over before")
        return load.finish(), times
    finally:
        load.stop()


def say(name: str, ours: float, goal: float, **others: object) -> bool:
    """Is it reached?"""
    print(json.dumps({"name": name, "ours": round(ours, 2), "goal": goal, **others}), flush=True)
    return ours <= goal


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bin_dir", type=Path)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1, help="of the load")
    options = parser.parse_args()
    ring = BenchRing(options.bin_dir, options.keys)
    sound = True
    try:
        for _ in range(PEERS):
            ring.start_peer()
        print(f"{PEERS} peers, {options.keys} entries", file=sys.stderr)
        ring.fill("--value", str(VALUE_BYTES))
        ring.until_healthy()
        for what, change, rounds, seed in (
                ("killed", BenchRing.kill_and_replace, options.rounds, options.seed),
                ("replaced", replace, PEERS, options.seed + 1)):
            print(f"peers are {what}", file=sys.stderr)
            seen, times = under_load(ring, change, rounds, 2 * HEALED_GOAL_S, seed)
            sound &= say(f"outage_{what}_s", seen.pop("wait_s"), OUTAGE_GOAL_S, rounds=rounds,
                         **seen)
            if what == "killed":
                sound &= say("healed_under_load_s", max(times), HEALED_GOAL_S,
                             median=round(statistics.median(times), 2), keys=options.keys)
            sound &= seen["refused"] == 0
    finally:
        ring.close()
    if not sound:
        raise SystemExit("a goal is missed, or operations were refused")


if __name__ == "__main__":
    main()
