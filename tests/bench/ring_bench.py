#!/usr/bin/env python3
"""What copies cost: the throughput of a ring of three peers on this machine with three copies of
each arc, against one with one copy, in turns; medians of the rounds.

    tests/bench/ring_bench.py BIN_DIR [--rounds N] [--seconds S] [--keys N] [--entries N]

Prints one JSON object a line: operations a second of both, and the median of the rounds' ratios.
Then what an entry takes in a peer's resident memory that is one of three with a copy, more than in
one that holds the same entries alone: the growth from --entries to twice as many, by the number of
these, so that what a peer takes at any rate does not count; 0 leaves it out.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from pathlib import Path

from bench_ring import BenchRing

PEERS = 3
MIXES = {"gets": 100, "puts": 0}
GOALS = {"gets": 0.9, "puts": 0.35}
ENTRY_BYTES_GOAL = 2
# Results of writes are remembered for 30 s, which is not the steady state.
FORGOTTEN_AFTER_S = 40


def start_ring(bin_dir: Path, replicas: int, keys: int) -> BenchRing:
    ring = BenchRing(bin_dir, keys, replicas)
    for _ in range(PEERS):
        ring.start_peer()
    ring.until_healthy()
    ring.fill()
    return ring


def resident_bytes(ring: BenchRing) -> list[int]:
    """Of each peer, once the results of all writes are forgotten."""
    time.sleep(FORGOTTEN_AFTER_S)
    pages = [int(Path(f"/proc/{peer.process.pid}/statm").read_text().split()[1])
             for peer in ring.peers]
    return [count * resource.getpagesize() for count in pages]


def bytes_per_entry(bin_dir: Path, replicas: int, entries: int) -> float:
    """What a peer takes more for each further entry; all peers hold all entries."""
    ring = BenchRing(bin_dir, entries, replicas)
    try:
        for _ in range(replicas):
            ring.start_peer()
        ring.until_healthy()
        ring.fill()
        before = resident_bytes(ring)
        ring.keys = 2 * entries
        ring.fill()
        after = resident_bytes(ring)
        return statistics.median((b - a) / entries for a, b in zip(before, after))
    finally:
        ring.close()


def compare_memory(bin_dir: Path, entries: int) -> None:
    print(f"memory of {entries} entries and of twice as many", file=sys.stderr)
    alone, copied = (bytes_per_entry(bin_dir, replicas, entries) for replicas in (1, PEERS))
    print(json.dumps({"name": "entry_bytes_of_replication", "ours": round(copied - alone, 2),
                      "goal": ENTRY_BYTES_GOAL, "replicas_1": round(alone, 1),
                      "replicas_3": round(copied, 1), "entries": entries}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bin_dir", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--in-flight", type=int, default=50, help="operations at a time")
    parser.add_argument("--entries", type=int, default=2_000_000)
    options = parser.parse_args()
    rings: dict[int, BenchRing] = {}
    try:
        for replicas in (1, 3):
            print(f"starting a ring of {PEERS} peers, replicas {replicas}", file=sys.stderr)
            rings[replicas] = start_ring(options.bin_dir, replicas, options.keys)
        for mix, percent in MIXES.items():
            rounds: dict[int, list[float]] = {replicas: [] for replicas in rings}
            for number in range(options.rounds):
                print(f"{mix}, round {number + 1} of {options.rounds}", file=sys.stderr)
                in_turn = list(rings.items())
                for replicas, ring in in_turn if number % 2 == 0 else reversed(in_turn):
                    told = json.loads(ring.load(
                        "--mix", f"{percent}:{100 - percent}", "--seconds", str(options.seconds),
                        "--pipeline", str(options.in_flight), "--json"))
                    if told["errors"] > 0:
                        raise SystemExit(f"{told['errors']} operations failed: {told}")
                    rounds[replicas].append(told["per_second"])
            ratio = statistics.median(many / one for one, many in zip(rounds[1], rounds[3]))
            print(json.dumps({"name": f"{mix}_replicas_3", "ours": statistics.median(rounds[3]),
                              "replicas_1": statistics.median(rounds[1]),
                              "ratio": round(ratio, 3), "goal": GOALS[mix]}), flush=True)
    finally:
        for ring in rings.values():
            ring.close()
    if options.entries > 0:
        compare_memory(options.bin_dir, options.entries)


if __name__ == "__main__":
    main()
