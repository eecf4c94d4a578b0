#!/usr/bin/env python3
"""How rings of processes with three copies of each arc settle: how evenly bytes are spread once
joins have come to rest, and how long it takes until all copies are back after a peer was killed and
replaced.

    tests/bench/settling_bench.py BIN_DIR [--keys N] [--rounds N] [--peers N ...]

Prints one JSON object a line. Keys have 24 bytes and values 76.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

from bench_ring import BenchRing

SKEW_GOAL = 1.05
HEALED_GOAL_S = 10
HEALING_PEERS = 7
PATIENCE_S = 120
VALUE_BYTES = 76


def fill(ring: BenchRing) -> None:
    ring.load("--fill", "--value", str(VALUE_BYTES), "--seconds", "0")


def until_even(ring: BenchRing) -> tuple[float, float]:
    """The skew of bytes, as soon as it is below the goal, and after how many seconds."""
    begin = time.monotonic()
    while True:
        skew = ring.look()["skew_bytes"]
        took = time.monotonic() - begin
        if skew <= SKEW_GOAL or took > PATIENCE_S:
            return skew, took
        time.sleep(0.5)


def kill_and_replace(ring: BenchRing) -> None:
    ring.peers.pop(1).close()
    ring.start_peer()


def say(figure: dict) -> None:
    print(json.dumps(figure), flush=True)


def measure_skew(bin_dir: Path, keys: int, peers: int) -> None:
    ring = BenchRing(bin_dir, keys)
    try:
        ring.start_peer()
        ring.start_peer()
        fill(ring)
        while len(ring.peers) < peers:
            ring.start_peer()
        ring.until_healthy()
        skew, took = until_even(ring)
        say({"name": f"skew_bytes_{peers}_peers", "ours": round(skew, 4), "goal": SKEW_GOAL,
             "seconds": round(took, 1)})
    finally:
        ring.close()


def measure_healing(bin_dir: Path, keys: int, rounds: int) -> None:
    ring = BenchRing(bin_dir, keys)
    try:
        for _ in range(HEALING_PEERS):
            ring.start_peer()
        fill(ring)
        ring.until_healthy()
        times = []
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            begin = time.monotonic()
            kill_and_replace(ring)
            ring.until_healthy()
            times.append(time.monotonic() - begin)
        say({"name": "healed_s", "ours": round(statistics.median(times), 2),
             "longest": round(max(times), 2), "goal": HEALED_GOAL_S, "keys": keys})
    finally:
        ring.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bin_dir", type=Path)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", type=int, nargs="*", default=[3, 5, 10])
    options = parser.parse_args()
    for peers in options.peers:
        print(f"a ring of {peers} peers", file=sys.stderr)
        measure_skew(options.bin_dir, options.keys, peers)
    if options.rounds > 0:
        measure_healing(options.bin_dir, options.keys, options.rounds)


if __name__ == "__main__":
    main()
