"""Rings of real processes, each in a network namespace of its own, while packets between them are
dropped without a word: no reset, no refusal, nothing. Run by CTest, as root.

The test enters namespaces of its own (network, mounts, processes) before it makes any: the bridge
and the clients are in the one that it runs in, and with its last process the kernel removes
everything, however it ends. Outside, nothing is made or seen.

HOPRING_PARTITION_SECONDS: how long the load on a ring with random cuts lasts, 60 by default.
HOPRING_ONE_WAY_SECONDS: how long a cut in one direction lasts, 6 by default.
HOPRING_TEST_SEED: of the cuts, 1 by default.
"""

import collections
import concurrent.futures
import datetime
import os
import random
import re
import shutil
import subprocess
import sys
import time
from typing import Iterable

import ring

SECONDS = int(os.environ.get("HOPRING_PARTITION_SECONDS", "60"))
SEED = int(os.environ.get("HOPRING_TEST_SEED", "1"))
SKIPPED = 77
# Of `hopring`: unreachable, timed out or of unknown outcome; refused for certain.
UNREACHABLE, REFUSED = 3, 4
INSIDE = "HOPRING_PARTITION_INSIDE"
OWN_NAMESPACES = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]

# A majority that has lost an arc's primary, and a client that does not know, go on within this.
GOES_ON_WITHIN_S = 2
HEALED_WITHIN_S = 30
# Once all arcs have their copies again, whoever was cut off has met the others. It takes three
# seconds from the moment at which the network is whole (tests/sim/partition_test.cpp); here others
# use the same processor.
MEETS_WITHIN_S = 5
# Longer than a silent member is kept (10 s), and than TCP waits before it sends anew for the sixth
# time (12.6 s): the seventh is after 25.4 s, and nobody may wait for that.
CUT_OFF_S = 14
# A cut takes hold host by host, and what has arrived before it is worked off after it. No silence
# has lasted long enough by then that another stands for election (0.7 s).
TAKES_HOLD_S = 0.5
ONE_WAY_S = int(os.environ.get("HOPRING_ONE_WAY_SECONDS", "6"))
# Of the primaries of one arc in such a time: one that is elected, and two for the sake of balance,
# which looks at a young ring every ten seconds: it halves arcs and gives them on. If views flapped
# there would be one for each time that a silence is noticed, eight.
PRIMARIES_MAX = 3
# A random cut, and the time from its end to the next one. A member that is silent for ten seconds
# is replaced.
CUT_S = (0.5, 4.0)
WHOLE_S = (0.5, 3.0)
KEYS = 64
LONELY_KEYS = 24
CLIENTS_AT_ONCE = 8

OPENED = re.compile(r"^(\S+)Z .* event=arc_opened arc=(\(\w+, \w+\])", re.MULTILINE)

NFT_RULES = """
table ip cut {
  set heard_no_more { type ipv4_addr; }
  chain incoming { type filter hook input priority 0; ip saddr @heard_no_more drop; }
}
"""


def shell(*words: str, input: str | None = None) -> None:
    done = subprocess.run(words, input=input, capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")


class Host:
    """One end of the network: an address, and packets from others that it drops."""

    def __init__(self, name: str, number: int, within: list[str]) -> None:
        self.name = name
        self.address = f"10.77.0.{number}"
        self.within = within  # the words before those of a command that is to run there

    def drops(self, senders: Iterable["Host"]) -> None:
        """From now on those from `senders`, and no others. At one moment."""
        addresses = ", ".join(each.address for each in senders)
        added = f"add element ip cut heard_no_more {{ {addresses} }}\n" if addresses else ""
        shell(*self.within, "nft", "-f", "-",
              input="flush set ip cut heard_no_more\n" + added)


class Network:
    """`count` hosts in namespaces of their own, on one bridge. The clients' host has the bridge."""

    def __init__(self, count: int) -> None:
        self.clients = Host("clients", 254, [])
        self.hosts: list[Host] = []
        shell("ip", "link", "add", "bridge", "type", "bridge")
        shell("ip", "addr", "add", f"{self.clients.address}/24", "dev", "bridge")
        shell("ip", "link", "set", "bridge", "up")
        shell("nft", "-f", "-", input=NFT_RULES)
        for number in range(1, count + 1):
            self.add_host(number)

    def add_host(self, number: int) -> None:
        name = f"host-{number}"
        host = Host(name, number, ["ip", "netns", "exec", name])
        shell("ip", "netns", "add", name)
        self.hosts.append(host)
        shell("ip", "link", "add", f"to-{name}", "type", "veth",
              "peer", "name", "out", "netns", name)
        shell("ip", "link", "set", f"to-{name}", "master", "bridge", "up")
        shell("ip", "-n", name, "addr", "add", f"{host.address}/24", "dev", "out")
        shell("ip", "-n", name, "link", "set", "out", "up")
        shell("ip", "-n", name, "link", "set", "lo", "up")
        shell(*host.within, "nft", "-f", "-", input=NFT_RULES)

    def everyone(self) -> list[Host]:
        return [*self.hosts, self.clients]

    def others(self, host: Host) -> list[Host]:
        return [each for each in self.everyone() if each is not host]

    def apply(self, cuts: Iterable[tuple[Host, Host]]) -> None:
        """From now on packets of exactly these (sender, receiver) are dropped."""
        cuts = list(cuts)
        for receiver in self.everyone():
            receiver.drops([sender for sender, to in cuts if to is receiver])

    def heal(self) -> None:
        self.apply([])

    def remove(self) -> None:
        for host in self.hosts:
            shell("ip", "link", "del", f"to-{host.name}")  # the namespace itself ends some time
            shell("ip", "netns", "del", host.name)
        shell("ip", "link", "del", "bridge")
        shell("nft", "delete", "table", "ip", "cut")


def both_ways(some: Iterable[Host], others: Iterable[Host]) -> list[tuple[Host, Host]]:
    others = list(others)
    return [way for one in some for other in others for way in ((one, other), (other, one))]


class PartitionProcessTest(ring.RingTest):
    """Five peers, each on a host of its own; replicas is the default, three."""

    PEERS = 5

    def setUp(self) -> None:
        self.network = Network(self.PEERS)
        self.addCleanup(self.network.remove)  # after the peers have ended
        super().setUp()
        self.healthy()

    def start_peer(self) -> ring.Peer:
        host = self.network.hosts[len(self.peers)]
        join = ["--join", self.peers[0].address] if self.peers else []
        self.peers.append(ring.Peer(self.bin_dir, *ring.threads_of(len(self.peers)),
                                    "--listen", f"{host.address}:7700", "--log-level", "debug",
                                    *join, within=host.within))
        return self.peers[-1]

    def run_at(self, number: int, *words: str, timeout: str) -> subprocess.CompletedProcess:
        """The command of a client on the host of a peer, with this peer as its contact."""
        command = self.command(*words, at=self.peers[number], timeout=timeout)
        return subprocess.run([*self.network.hosts[number].within, *command],
                              capture_output=True, timeout=ring.PATIENCE_S)

    def healthy(self) -> None:
        self.expect(0, "ring", f"--wait-healthy={HEALED_WITHIN_S}")

    def meets(self, at: int) -> None:
        """Whoever was cut off is asked itself: others may not know it any more."""
        done = self.run_at(at, "ring", f"--wait-healthy={MEETS_WITHIN_S}", timeout="30")
        self.assertEqual(done.returncode, 0, (at, done.stdout, done.stderr))

    def at_once(self, call, arguments: Iterable) -> list:
        with concurrent.futures.ThreadPoolExecutor(CLIENTS_AT_ONCE) as threads:
            return list(threads.map(call, arguments))

    def put_all(self, value: str) -> None:
        """Every key, each within the time in which others take over."""
        def put(i: int) -> None:
            self.expect(0, "put", f"key-{i}", value, timeout=str(GOES_ON_WITHIN_S))
        self.at_once(put, range(KEYS))

    def check_all(self, value: str, at: int) -> None:
        self.meets(at)

        def get(i: int) -> None:
            done = self.run_at(at, "get", f"key-{i}", timeout="5")
            self.assertEqual((done.returncode, done.stdout), (0, value.encode()),
                             (i, at, done.stderr))
        self.at_once(get, range(KEYS))

    def test_who_is_cut_off_answers_nothing_stale_and_the_others_go_on(self) -> None:
        self.put_all("old")
        alone = self.PEERS - 1
        host = self.network.hosts[alone]
        ends = time.monotonic() + CUT_OFF_S
        self.network.apply(both_ways([host], self.network.others(host)))
        self.put_all("new")

        def read_in_vain(i: int) -> None:
            done = self.run_at(alone, "get", f"key-{i}", timeout="1")
            self.assertIn(done.returncode, (UNREACHABLE, REFUSED), (i, done.stderr))
            self.assertEqual(done.stdout, b"", i)

        def write_in_vain(i: int) -> int:
            done = self.run_at(alone, "put", f"lonely-{i}", "alone", timeout="1")
            self.assertIn(done.returncode, (UNREACHABLE, REFUSED), (i, done.stderr))
            return done.returncode

        self.at_once(read_in_vain, range(LONELY_KEYS))
        codes = self.at_once(write_in_vain, range(LONELY_KEYS))
        while time.monotonic() < ends:
            self.put_all("newest")
        self.network.heal()
        self.healthy()
        for at in range(self.PEERS):
            self.check_all("newest", at)
        for i, code in enumerate(codes):
            found = self.hopring("get", f"lonely-{i}").stdout
            self.assertIn(found, (b"",) if code == REFUSED else (b"", b"alone"), i)
            done = self.run_at(alone, "put", f"lonely-{i}", "again", timeout="5")
            self.assertEqual(done.returncode, 0, (i, done.stderr))

    def go_on_through(self, cuts: list[tuple[Host, Host]], odd: Host) -> None:
        """Writes every key again and again while packets from or to `odd` are dropped, through the
        first peer, which is not `odd`."""
        self.put_all("before")
        lengths = [len(peer.log_text()) for peer in self.peers]
        ends = time.monotonic() + ONE_WAY_S
        self.network.apply(cuts)
        cut_off = (datetime.datetime.now(datetime.timezone.utc) +
                   datetime.timedelta(seconds=TAKES_HOLD_S))
        waits = []
        while time.monotonic() < ends:
            begun = time.monotonic()
            self.put_all(f"round-{len(waits)}")
            waits.append(time.monotonic() - begun)
        opened = [OPENED.findall(peer.log_text()[length:])
                  for peer, length in zip(self.peers, lengths)]
        by_odd = [arc for at, arc in opened[self.network.hosts.index(odd)]
                  if datetime.datetime.fromisoformat(at + "+00:00") > cut_off]
        print(f"{self._testMethodName}: {len(waits)} rounds of {KEYS} writes, the longest "
              f"{max(waits):.3f} s; arcs opened {[len(each) for each in opened]}")
        self.network.heal()
        self.assertEqual(by_odd, [], "it cannot have a majority")
        times = collections.Counter(arc for each in opened for _, arc in each)
        self.assertLessEqual(max(times.values(), default=0), PRIMARIES_MAX, times)
        self.healthy()
        for at in range(self.PEERS):
            self.check_all(f"round-{len(waits) - 1}", at)

    def test_a_peer_that_hears_nobody_holds_up_nobody_else(self) -> None:
        deaf = self.network.hosts[2]
        self.go_on_through([(each, deaf) for each in self.network.others(deaf)], deaf)

    def test_a_peer_that_nobody_hears_holds_up_nobody_else(self) -> None:
        mute = self.network.hosts[2]
        self.go_on_through([(mute, each) for each in self.network.others(mute)], mute)

    def test_a_peer_that_hears_clients_but_no_peers_holds_up_nobody_else(self) -> None:
        deaf = self.network.hosts[2]
        self.go_on_through([(each, deaf) for each in self.network.hosts if each is not deaf], deaf)

    def test_a_peer_that_clients_hear_but_no_peers_holds_up_nobody_else(self) -> None:
        mute = self.network.hosts[2]
        self.go_on_through([(mute, each) for each in self.network.hosts if each is not mute], mute)

    def random_cuts(self, rng: random.Random) -> list[tuple[Host, Host]]:
        """Single links, each in one direction; or a part of one or two from the rest, one way or
        both. The clients are a host like any other: what they see then is in doubt."""
        hosts = self.network.everyone()
        rng.shuffle(hosts)
        ways = [(one, other) for one in hosts for other in hosts if one is not other]
        if rng.randrange(3) == 0:
            return rng.sample(ways, rng.randint(1, 6))
        size = rng.randint(1, 2)
        cuts = both_ways(hosts[:size], hosts[size:])
        return cuts if rng.randrange(3) else cuts[rng.randrange(2)::2]

    def test_clients_see_one_order_of_each_key_through_random_cuts(self) -> None:
        rng = random.Random(SEED)
        contacts = [word for peer in self.peers for word in ("--at", peer.address)]
        load = subprocess.Popen(
            [self.bin_dir / "hopring-history", *contacts, "--seconds", str(SECONDS),
             "--seed", str(SEED)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="backslashreplace")
        self.addCleanup(load.stdout.close)
        self.addCleanup(load.kill)
        ends = time.monotonic() + SECONDS
        cuts = 0
        while time.monotonic() < ends:
            self.network.apply(self.random_cuts(rng))
            cuts += 1
            time.sleep(rng.uniform(*CUT_S))
            self.network.heal()
            time.sleep(rng.uniform(*WHOLE_S))
        told, _ = load.communicate(timeout=ring.PATIENCE_S)
        print(f"{cuts} cuts, seed {SEED}\n{told}")
        self.assertEqual(load.returncode, 0, told)
        self.healthy()


def why_not() -> str | None:
    """What is missing here; None if nothing is."""
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    for program, package in (("unshare", "util-linux"), ("ip", "iproute2"), ("nft", "nftables")):
        if shutil.which(program) is None:
            return f"no {program} here: install the package {package}"
    try:
        shell(*OWN_NAMESPACES, "true")
    except OSError as error:
        return f"no namespaces here: {error}"
    return None


def skip(reason: str) -> None:
    print(f"SKIPPED: {reason}")
    sys.exit(SKIPPED)


def main() -> None:
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if INSIDE not in os.environ:
        if reason := why_not():
            skip(reason)
        os.environ[INSIDE] = "1"
        os.execvp("unshare", [*OWN_NAMESPACES, sys.executable, *sys.argv])
    # `ip netns` keeps its names there, in the mounts of this test.
    shell("mount", "-t", "tmpfs", "none", "/run")
    try:
        Network(1).remove()
    except OSError as error:
        skip(f"the kernel has not what this needs: {error}")
    ring.main()


if __name__ == "__main__":
    main()
