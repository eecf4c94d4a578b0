#!/usr/bin/env python3
"""How rings settle: how evenly bytes are spread once joins and leaves have come to rest, what a
join copies, and how long it takes until all copies are back after a peer was killed and replaced.

    tests/bench/settling_bench.py BIN_DIR [--keys N] [--rounds N] [--peers N ...]
                                          [--simulated N ...] [--seed S]

Rings of --peers are processes with three copies of each arc, those of --simulated run in
hopring-sim under virtual time, with one and with three copies, of 1,000 peers with one. Prints one
JSON object a line, and progress on standard error. Keys have 24 bytes and values 76.

    skew_bytes_*          peak by mean of the bytes that peers hold, copies included, after joins,
                          one more join and a leave have settled: the worst of the three, each once
                          nothing has been copied for ten seconds. `seconds`, of processes: the
                          longest from a change until the skew was below the goal, and stayed there
    join_bytes_*          keys and values in copies that were sent for one more join, by what the
                          joiner holds when that has settled; the share it then has of the mean
    leave_bytes_*         the same of a leave, by what the leaver held; no goal
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench_ring import BenchRing

SKEW_GOAL = 1.05
SKEW_GOAL_MANY = 1.10  # beyond ten peers
JOIN_GOAL = 1.2
SIMULATED_KEYS_MAX = 300_000
HEALED_GOAL_S = 10
HEALING_PEERS = 7
PATIENCE_S = 120
REST_S = 10
VALUE_BYTES = 76


def until_at_rest(ring: BenchRing) -> tuple[float, float]:
    """The skew of bytes once it has not changed for REST_S, and after how many seconds it was below
    the goal for good."""
    begin = time.monotonic()
    skew = rests_since = even_since = None
    while rests_since is None or time.monotonic() - rests_since < REST_S:
        before, skew = skew, ring.look()["skew_bytes"]
        now = time.monotonic()
        if skew != before:
            rests_since = now
        if skew > SKEW_GOAL:
            even_since = None
        elif even_since is None:
            even_since = now
        if now - begin > PATIENCE_S:
            raise SystemExit(f"the ring does not come to rest, with a skew of {skew}")
        time.sleep(0.5)
    return skew, (even_since or now) - begin


def measure_simulated(bin_dir: Path, peers: int, replicas: int, seed: int) -> None:
    keys = min(3000 * peers, SIMULATED_KEYS_MAX)
    command = [bin_dir / "hopring-sim", "--settling", "--peers", str(peers), "--keys", str(keys),
               "--replicas", str(replicas), "--seed", str(seed), "--json"]
    print(f"simulated: {peers} peers, {replicas} copies", file=sys.stderr)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures = json.loads(done.stdout)
    phases = [figures[phase] for phase in ("joins", "join", "leave")]
    common = {"keys": keys, "seed": seed}
    of = f"{peers}_simulated_{replicas}_copies"
    say({"name": f"skew_bytes_{of}", "ours": max(each["skew_bytes"] for each in phases),
         "goal": SKEW_GOAL if peers <= 10 else SKEW_GOAL_MANY,
         "virtual_seconds": figures["joins"]["level_seconds"], **common})
    for phase in ("join", "leave"):
        goal = {"goal": JOIN_GOAL} if phase == "join" else {}
        say({"name": f"{phase}_bytes_{of}", "ours": figures[phase]["bytes_by_share"], **goal,
             "share_by_mean": figures[phase]["share_by_mean"],
             "virtual_seconds": figures[phase]["seconds"], **common})


def say(figure: dict) -> None:
    print(json.dumps(figure), flush=True)


def measure_skew(bin_dir: Path, keys: int, peers: int) -> None:
    ring = BenchRing(bin_dir, keys)
    try:
        ring.start_peer()
        ring.start_peer()
        ring.fill("--value", str(VALUE_BYTES))
        while len(ring.peers) < peers:
            ring.start_peer()
        phases = [until_at_rest(ring)]
        ring.start_peer()
        phases.append(until_at_rest(ring))
        ring.leave_peer()
        phases.append(until_at_rest(ring))
        say({"name": f"skew_bytes_{peers}_peers", "ours": round(max(skew for skew, _ in phases), 4),
             "goal": SKEW_GOAL, "phases": [round(skew, 4) for skew, _ in phases],
             "seconds": round(max(took for _, took in phases), 1)})
    finally:
        ring.close()


def measure_healing(bin_dir: Path, keys: int, rounds: int) -> None:
    ring = BenchRing(bin_dir, keys)
    try:
        for _ in range(HEALING_PEERS):
            ring.start_peer()
        ring.fill("--value", str(VALUE_BYTES))
        ring.until_healthy()
        times = []
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            begin = time.monotonic()
            ring.kill_and_replace()
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
    parser.add_argument("--simulated", type=int, nargs="*", default=[3, 5, 10, 100, 1000])
    parser.add_argument("--seed", type=int, default=1, help="of the simulator")
    options = parser.parse_args()
    for peers in options.peers:
        print(f"a ring of {peers} peers", file=sys.stderr)
        measure_skew(options.bin_dir, options.keys, peers)
    for peers in options.simulated:
        for replicas in [1, 3] if peers < 1000 else [1]:  # heartbeats of three take an hour
            measure_simulated(options.bin_dir, peers, replicas, options.seed)
    if options.rounds > 0:
        measure_healing(options.bin_dir, options.keys, options.rounds)


if __name__ == "__main__":
    main()
