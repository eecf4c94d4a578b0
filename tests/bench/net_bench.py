#!/usr/bin/env python3
"""hopring beside redis-server, Redis Cluster and memcached on this machine: the same keys, values
and load generator, in turns; medians of the rounds. Servers run on one core, the load on the other.

    tests/bench/net_bench.py BIN_DIR [--rounds N] [--seconds S] [--keys N] [--only TEXT]

Prints one JSON object a line, as `hopring-bench table --json`: {"name", "ours", "best",
"best_name", "ratio", "goal", "met"}. `ratio` is the median of the rounds' ratios.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterable

from bench_ring import BenchRing, ring

SERVER_CORE, LOAD_CORE = "0", "1"
CLIENTS = 50
VALUE_BYTES = 32
BATCH = 100
CLUSTER_MASTERS = 3
IDLE_PEERS = 10
PATIENCE_S = 60
# At least, or with "most" at most.
GOALS = {
    "get_p1_redis": 1.10, "get_p1_redis_cpu": ("most", 0.90), "get_p16_redis": 2.0,
    "get_p100_redis": 3.5,
    "set_p1_redis": 1.05, "set_p16_redis": 1.7, "set_p100_redis": 2.5,
    "get_p1_memcached": 1.05, "get_p16_memcached": 2.5, "get_p100_memcached": 4.0,
    "get_p99_us_at_half_load": ("most", 1.0),
    "get_many_100_redis": 2.0,
    "client_gets_redis_cluster": 1.5, "client_one_hop": 0.999,
    "copies_3_get_p16_redis_cluster": 1.0, "copies_3_set_p16_redis_cluster": 0.5,
    "idle_core_share": ("most", 0.01), "idle_mib": ("most", 20),
}


def say(words: str) -> None:
    print(f"net_bench: {words}", file=sys.stderr, flush=True)


def on_core(core: str) -> list[str]:
    return ["taskset", "--cpu-list", core]


def free_port() -> int:
    """Below those that the system deals to connections: nobody takes it meanwhile by chance. A node
    of Redis Cluster listens 10,000 higher, too."""
    for port in range(20000 + os.getpid() % 1000, 30000):
        try:
            for each in (port, port + 10000):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", each))
        except OSError:
            continue
        if port not in free_port.given:
            free_port.given.add(port)
            return port
    raise SystemExit("no port is free")


free_port.given = set()


class Server:
    """A server of others, with no file and no log."""

    def __init__(self, *command: str, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen([*on_core(SERVER_CORE), *command], cwd=self.folder.name,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        ends = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > ends:
                    raise SystemExit(f"{command[0]} does not start") from None
                time.sleep(0.05)

    @property
    def pids(self) -> list[int]:
        return [self.process.pid]

    def close(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self.folder.cleanup()


def redis(*options: str) -> Server:
    port = free_port()
    return Server("redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "",
                  "--appendonly", "no", *options, port=port)


def memcached() -> Server:
    port = free_port()
    user = ["--user", "root"] if os.geteuid() == 0 else []
    return Server("memcached", "--listen", "127.0.0.1", "--port", str(port), "--threads", "1",
                  "--memory-limit", "1024", *user, port=port)


class RedisCluster:
    """Masters alone, as many as we have peers."""

    def __init__(self) -> None:
        self.nodes = [redis("--cluster-enabled", "yes") for _ in range(CLUSTER_MASTERS)]
        done = subprocess.run(["redis-cli", "--cluster", "create", "--cluster-yes",
                               *(node.address for node in self.nodes)], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"redis-cli --cluster create: {done.stdout}{done.stderr}")
        time.sleep(1)  # the nodes tell each other
        self.address = self.nodes[0].address

    def benchmark(self, test: str, *options: str) -> float:
        host, port = self.address.split(":")
        done = subprocess.run(
            [*on_core(LOAD_CORE), "redis-benchmark", "-h", host, "-p", port, "--cluster", "-t",
             test, "-c", str(CLIENTS), "-d", str(VALUE_BYTES), "--csv", *options],
            capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines():
            words = [word.strip('"') for word in line.split(",")]
            if words[0].lower() == test:
                return float(words[1])
        raise SystemExit(f"redis-benchmark: {done.stdout}{done.stderr}")

    def close(self) -> None:
        for node in self.nodes:
            node.close()


class Ring(BenchRing):
    """Peers on the core of servers."""

    def __init__(self, bin_dir: Path, count: int, keys: int, replicas: int) -> None:
        super().__init__(bin_dir, keys, replicas)
        for _ in range(count):
            self.start_peer()
        self.until_healthy()

    def within(self) -> list[str]:
        return on_core(SERVER_CORE)

    @property
    def address(self) -> str:
        return self.peers[0].address

    @property
    def pids(self) -> list[int]:
        return [peer.process.pid for peer in self.peers]


def cpu_seconds(pids: Iterable[int]) -> float:
    """Of all their threads, to the nanosecond."""
    return sum(int(Path(task, "schedstat").read_text(encoding="ascii").split()[0])
               for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


@dataclass
class Bench:
    """What all figures share."""

    bin_dir: Path
    rounds: int
    seconds: float
    keys: int
    only: str
    opened: list = field(default_factory=list)

    def keep(self, server):
        self.opened.append(server)
        return server

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()

    def load(self, addresses: list[str], *options: str) -> dict:
        at = [word for address in addresses for word in ("--at", address)]
        done = subprocess.run(
            [*on_core(LOAD_CORE), self.bin_dir / "hopring-bench", "net", *at, "--keys",
             str(self.keys), "--value", str(VALUE_BYTES), "--json", *options],
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"hopring-bench net {' '.join(options)}: {done.stderr}")
        figures = json.loads(done.stdout) if done.stdout else {}
        if figures.get("errors") or figures.get("misses"):
            raise SystemExit(f"operations failed or found nothing: {figures} {done.stderr}")
        return figures

    def run(self, addresses: list[str], *options: str) -> dict:
        return self.load(addresses, "--seconds", str(self.seconds), *options)

    def fill(self, address: str, *options: str) -> None:
        self.load([address], "--fill", "--seconds", "0", *options)

    def wants(self, *names: str) -> bool:
        return any(self.only in name for name in names)

    def report(self, name: str, pairs: list[tuple[float, float]], best_name: str) -> None:
        """`pairs`: ours and theirs, of each round."""
        ratio = statistics.median(ours / theirs for ours, theirs in pairs)
        ours, best = (statistics.median(side) for side in zip(*pairs))
        self.show(name, ours, best, best_name, ratio)

    def show(self, name: str, ours: float, best: float, best_name: str, ratio: float) -> None:
        goal = GOALS[name]
        bound, value = goal if isinstance(goal, tuple) else ("least", goal)
        measured = ratio if best_name != "goal" else ours
        met = measured <= value if bound == "most" else measured >= value
        print(json.dumps({"name": name, "ours": ours, "best": best, "best_name": best_name,
                          "ratio": round(ratio, 4), "met": met,
                          "goal": {"of": "ours" if best_name == "goal" else "ratio",
                                   f"at_{bound}": value}}), flush=True)


# One server of each kind.

def resp_options(kind: str, pipeline: int) -> list[str]:
    mix = "100:0" if kind == "get" else "0:100"
    return ["--resp", "--clients", str(CLIENTS), "--pipeline", str(pipeline), "--mix", mix]


def memcached_options(batch: int) -> list[str]:
    """A get of many keys is how memcached's clients pipeline."""
    return ["--memcached", "--clients", str(CLIENTS), "--batch", str(batch)]


def single_servers(bench: Bench) -> None:
    ours = bench.keep(Ring(bench.bin_dir, 1, bench.keys, 1))
    other = bench.keep(redis())
    cache = bench.keep(memcached())
    say(f"{bench.keys} keys into hopring, redis-server and memcached")
    bench.fill(ours.address, "--resp")
    bench.fill(other.address, "--resp")
    bench.fill(cache.address, "--memcached")
    for kind in ("get", "set"):
        for pipeline in (1, 16, 100):
            compare_single(bench, ours, other, cache, kind, pipeline)
    latency_at_half_load(bench, ours, other)
    get_many(bench, ours, other)


def compare_single(bench: Bench, ours, other, cache, kind: str, pipeline: int) -> None:
    name = f"{kind}_p{pipeline}"
    wants_cache = kind == "get" and bench.wants(f"{name}_memcached")
    if not wants_cache and not bench.wants(f"{name}_redis", f"{name}_redis_cpu"):
        return
    rates: list[tuple[float, float]] = []
    cpu: list[tuple[float, float]] = []
    cache_rates: list[tuple[float, float]] = []
    for number in range(bench.rounds):
        say(f"{name}, round {number + 1} of {bench.rounds}")
        options = resp_options(kind, pipeline)
        sides = [measured(bench, server, options) for server in (ours, other)]
        rates.append(tuple(rate for rate, _ in sides))
        cpu.append(tuple(seconds for _, seconds in sides))
        if wants_cache:
            theirs, _ = measured(bench, cache, memcached_options(pipeline))
            cache_rates.append((sides[0][0], theirs))
    bench.report(f"{name}_redis", rates, "redis-server")
    if name == "get_p1":
        bench.report(f"{name}_redis_cpu", cpu, "redis-server")
    if wants_cache:
        bench.report(f"{name}_memcached", cache_rates, "memcached")


def measured(bench: Bench, server, options: list[str]) -> tuple[float, float]:
    """Operations a second, and microseconds of the server's CPU for each."""
    before = cpu_seconds(server.pids)
    told = bench.run([server.address], *options)
    used = cpu_seconds(server.pids) - before
    return told["per_second"], used / told["operations"] * 1e6


def latency_at_half_load(bench: Bench, ours, other) -> None:
    name = "get_p99_us_at_half_load"
    if not bench.wants(name):
        return
    options = resp_options("get", 1)
    peak = min(bench.run([server.address], *options)["per_second"] for server in (ours, other))
    pairs = []
    for number in range(bench.rounds):
        say(f"{name}: {peak / 2:.0f} a second, round {number + 1} of {bench.rounds}")
        pairs.append(tuple(
            bench.run([server.address], *options, "--rate", str(peak / 2))["p99_us"]
            for server in (ours, other)))
    bench.report(name, pairs, "redis-server")


def get_many(bench: Bench, ours, other) -> None:
    name = f"get_many_{BATCH}_redis"
    if not bench.wants(name):
        return
    pairs = []
    for number in range(bench.rounds):
        say(f"{name}, round {number + 1} of {bench.rounds}")
        batch = ["--batch", str(BATCH)]
        mine = bench.run([ours.address], *batch, "--pipeline", str(CLIENTS))
        theirs = bench.run([other.address], "--resp", "--clients", str(CLIENTS), *batch)
        pairs.append((mine["per_second"], theirs["per_second"]))
    bench.report(name, pairs, "redis-server")


# Three servers of each kind.

def clusters(bench: Bench) -> None:
    cluster = bench.keep(RedisCluster())
    say("filling Redis Cluster")
    spread = ["-r", str(bench.keys)]
    cluster.benchmark("set", *spread, "-n", str(5 * bench.keys), "-P", "100")
    operations = max(1, int(bench.seconds * 50_000))
    if bench.wants("client_gets_redis_cluster", "client_one_hop"):
        ours = bench.keep(Ring(bench.bin_dir, CLUSTER_MASTERS, bench.keys, 1))
        bench.fill(ours.address)
        bench.load([ours.address], "--seconds", "1")
        pairs = []
        one_hop = []
        for number in range(bench.rounds):
            say(f"client_gets_redis_cluster, round {number + 1} of {bench.rounds}")
            told = bench.run([ours.address], "--pipeline", str(CLIENTS))
            one_hop.append(told["one_hop"])  # with those of the client's first moments
            theirs = cluster.benchmark("get", *spread, "-n", str(operations))
            pairs.append((told["per_second"], theirs))
        bench.report("client_gets_redis_cluster", pairs, "Redis Cluster")
        bench.show("client_one_hop", min(one_hop), 0.999, "goal", min(one_hop) / 0.999)
    names = {kind: f"copies_3_{kind}_p16_redis_cluster" for kind in ("get", "set")}
    if bench.wants(*names.values()):
        ours = bench.keep(Ring(bench.bin_dir, CLUSTER_MASTERS, bench.keys, 3))
        bench.fill(ours.address)
        addresses = [peer.address for peer in ours.peers]
        for kind, name in names.items():
            pairs = []
            for number in range(bench.rounds):
                say(f"{name}, round {number + 1} of {bench.rounds}")
                mine = bench.run(addresses, *resp_options(kind, 16))["per_second"]
                many = ["-n", str(5 * operations), "-P", "16"]
                pairs.append((mine, cluster.benchmark(kind, *spread, *many)))
            bench.report(name, pairs, "Redis Cluster")


# Peers that have nothing to do.

def idle(bench: Bench) -> None:
    ours = bench.keep(Ring(bench.bin_dir, IDLE_PEERS, bench.keys, 3))
    say(f"{IDLE_PEERS} idle peers")
    time.sleep(5)
    before = [cpu_seconds([pid]) for pid in ours.pids]
    start = time.monotonic()
    time.sleep(10)
    took = time.monotonic() - start
    shares = [(cpu_seconds([pid]) - was) / took for pid, was in zip(ours.pids, before)]
    mib = [int(next(line.split()[1] for line in
                    Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
                    if line.startswith("VmRSS"))) / 1024 for pid in ours.pids]
    bench.show("idle_core_share", max(shares), 0.01, "goal", max(shares) / 0.01)
    bench.show("idle_mib", max(mib), 20, "goal", max(mib) / 20)


PARTS: list[tuple[Callable[[Bench], None], tuple[str, ...]]] = [
    (single_servers, ("get_p1_redis", "get_p1_redis_cpu", "get_p16_redis", "get_p100_redis",
                      "set_p1_redis", "set_p16_redis", "set_p100_redis", "get_p1_memcached",
                      "get_p16_memcached", "get_p100_memcached", "get_p99_us_at_half_load",
                      "get_many_100_redis")),
    (clusters, ("client_gets_redis_cluster", "client_one_hop", "copies_3_get_p16_redis_cluster",
                "copies_3_set_p16_redis_cluster")),
    (idle, ("idle_core_share", "idle_mib")),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin_dir", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="of each load")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--only", default="", help="figures with TEXT in their names")
    options = parser.parse_args()
    for tool in ("redis-server", "redis-cli", "redis-benchmark", "memcached", "taskset"):
        if shutil.which(tool) is None:
            raise SystemExit(f"net_bench: {tool} is missing (./dev bench net installs it)")
    bench = Bench(options.bin_dir.resolve(), options.rounds, options.seconds, options.keys,
                  options.only)
    for part, names in PARTS:
        if bench.wants(*names):
            try:
                part(bench)
            finally:
                bench.close()


if __name__ == "__main__":
    main()
