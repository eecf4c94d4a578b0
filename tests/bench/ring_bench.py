#!/usr/bin/env python3
"""What copies cost: the throughput of a ring of three peers on this machine with three copies of
each arc, against one with one copy, in turns; medians of the rounds.

    tests/bench/ring_bench.py BIN_DIR [--rounds N] [--seconds S] [--keys N]

Prints one JSON object a line: operations a second of both, and the median of the rounds' ratios.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

from bench_ring import BenchRing

PEERS = 3
MIXES = {"gets": 100, "puts": 0}
GOALS = {"gets": 0.9, "puts": 0.35}


def start_ring(bin_dir: Path, replicas: int, keys: int) -> BenchRing:
    ring = BenchRing(bin_dir, keys, replicas)
    for _ in range(PEERS):
        ring.start_peer()
    ring.until_healthy()
    ring.load("--fill", "--seconds", "0")
    return ring


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bin_dir", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--in-flight", type=int, default=50, help="operations at a time")
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
                for replicas, ring in rings.items():
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


if __name__ == "__main__":
    main()
