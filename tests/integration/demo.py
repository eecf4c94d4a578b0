"""A ring of five peers on this machine, filled with real data: what `./dev demo` shows.

Only Python's standard library and the programs in build/bin.
"""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BIN = Path(__file__).resolve().parents[2] / "build" / "bin"
WORDS = Path("/usr/share/dict/american-english-huge")
CHARACTERS = Path("/usr/share/unicode/UnicodeData.txt")
FIELDS = ("name", "category", "combining", "bidi", "decomposition")
SKEW_MAX = 1.10
SETTLE_S = 30
EXIT_S = 30


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


def give_up(text: str) -> None:
    raise SystemExit(f"demo: {text}")


class Ring:
    """Five hopring-peer processes. close() ends them, by their own process ids."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.peers: list[subprocess.Popen] = []
        self.addresses: list[str] = []

    def start(self, count: int) -> None:
        for i in range(count):
            join = ["--join", self.addresses[0]] if i else []
            log = open(self.folder / f"peer-{i}.log", "w")
            peer = subprocess.Popen([BIN / "hopring-peer", "--listen", "127.0.0.1:0", *join],
                                    stdout=subprocess.PIPE, stderr=log, text=True)
            self.peers.append(peer)
            line = peer.stdout.readline().strip()
            if not line.startswith("ready "):
                give_up(f"peer {i} is not ready: {(self.folder / f'peer-{i}.log').read_text()}")
            print(f"   {line}", flush=True)
            self.addresses.append(line.split()[1])

    def leave(self, i: int) -> None:
        self.peers[i].send_signal(signal.SIGTERM)
        code = self.peers[i].wait(EXIT_S)
        if code != 0:
            give_up(f"peer {self.addresses[i]} left with exit code {code}")

    def close(self) -> None:
        for peer in self.peers:
            if peer.poll() is None:
                peer.kill()
                peer.wait()


def hopring(at: str, *words: object) -> list[object]:
    return [BIN / "hopring", "--at", at, *words]


def survey(at: str) -> dict:
    """The exit code 1 says that the ring is not whole, as it is for moments while arcs move."""
    done = subprocess.run(hopring(at, "ring", "--json"), stdout=subprocess.PIPE, check=False)
    if done.returncode not in (0, 1):
        give_up("the ring cannot be looked at")
    return json.loads(done.stdout)


def settle(at: str, peers: int) -> dict:
    """Waits until the ring is whole and level. Its last survey."""
    end = time.monotonic() + SETTLE_S
    while True:
        seen = survey(at)
        shares = [peer["share"] for peer in seen["peers"]]
        level = len(shares) == peers and max(shares) * peers <= SKEW_MAX
        if seen["whole"] and level:
            return seen
        if time.monotonic() > end:
            give_up(f"the ring does not settle: {json.dumps(seen)}")
        time.sleep(0.1)


def write_records(path: Path) -> int:
    """The data as JSON lines that `hopring import` reads. The number of records."""
    count = 0
    with open(path, "w") as out:
        for rank, word in enumerate(WORDS.read_text().splitlines(), 1):
            record = {"key": f"word/{word}", "type": "integer", "value": rank}
            out.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
        for line in CHARACTERS.read_text().splitlines():
            code, *rest = line.split(";")
            value = json.dumps(dict(zip(FIELDS, rest)))
            out.write(json.dumps({"key": f"char/{code}", "type": "json", "value": value}) + "\n")
            count += 1
    return count


def load(at: str, path: Path) -> None:
    subprocess.run(hopring(at, "import", "--progress", path), check=True)


def records(path: Path) -> dict:
    found = {}
    for line in path.read_text().splitlines():
        record = json.loads(line)
        if record["key"] in found:
            give_up(f"{record['key']} came twice")
        value = record["value"]
        found[record["key"]] = json.loads(value) if record["type"] == "json" else value
    return found


def read_back(at: str, expected: dict, folder: Path) -> None:
    """Every record, through another peer, compared with what was written."""
    path = folder / "export.jsonl"
    with open(path, "w") as out:
        subprocess.run(hopring(at, "export"), stdout=out, check=True)
    found = records(path)
    if found == expected:
        print(f"   {len(found):,} records read through {at}, all as they were written", flush=True)
        return
    missing = sorted(expected.keys() - found.keys())[:5]
    strange = sorted(found.keys() - expected.keys())[:5]
    wrong = sorted(k for k in expected.keys() & found.keys() if expected[k] != found[k])[:5]
    give_up(f"read through {at}: missing {missing}, strange {strange}, wrong {wrong}")


def show(ring: Ring, folder: Path) -> None:
    say("Five peers: the first makes a ring, the others join it")
    ring.start(5)
    settle(ring.addresses[0], 5)

    say("Import through one peer: the words of a dictionary and the characters of Unicode")
    path = folder / "records.jsonl"
    print(f"   {write_records(path):,} records", flush=True)
    expected = records(path)
    load(ring.addresses[0], path)

    say("Get every key through a second peer and compare; then scan all through a third")
    subprocess.run(hopring(ring.addresses[1], "verify", "--progress", path), check=True)
    read_back(ring.addresses[2], expected, folder)

    say("Scan a prefix through the fourth peer: char/1F60 (the ring's order, not the alphabet's)")
    subprocess.run(hopring(ring.addresses[3], "scan", "--prefix", "char/1F60", "--limit", "4"),
                   check=True)

    say("The ring")
    subprocess.run(hopring(ring.addresses[0], "ring", "--wait-healthy"), check=True)
    skew = survey(ring.addresses[0])["skew_keys"]
    if skew > SKEW_MAX:
        give_up(f"the skew of keys is {skew:.3f}, above {SKEW_MAX}")

    say(f"Stop the second peer, {ring.addresses[1]}, gracefully: it hands its arcs over")
    ring.leave(1)
    subprocess.run(hopring(ring.addresses[4], "verify", "--progress", path), check=True)
    settle(ring.addresses[0], 4)
    subprocess.run(hopring(ring.addresses[0], "ring", "--wait-healthy"), check=True)

    say("Hops of a cold lookup in a simulated ring of 5 and of 128 peers (same code, virtual time)")
    for peers in (5, 128):
        line = subprocess.check_output([BIN / "hopring-sim", "--peers", str(peers), "--ops", "0",
                                        "--json"], stderr=subprocess.DEVNULL)
        figures = json.loads(line)
        print(f"   {peers:4} peers: mean {figures['hops_mean']:.2f}, p99 {figures['hops_p99']}",
              flush=True)


def main() -> None:
    began = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # is cleaned up after as Ctrl-C is
    folder = Path(tempfile.mkdtemp(prefix="hopring-demo-"))
    ring = Ring(folder)
    try:
        show(ring, folder)
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        raise SystemExit("\ndemo: interrupted; the peers have been stopped") from None
    except (SystemExit, subprocess.CalledProcessError) as failure:
        raise SystemExit(f"{failure}\ndemo: the peers' logs are in {folder}") from None
    finally:
        ring.close()
    shutil.rmtree(folder)
    say(f"Done in {time.monotonic() - began:.0f} s; every process has been stopped")


if __name__ == "__main__":
    main()
