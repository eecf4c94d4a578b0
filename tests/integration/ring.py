"""Rings of real processes, for the integration tests. Only Python's standard library."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Sequence

READY = re.compile(r"^ready (\S+) id=([0-9a-f]{16}) peers=(\d+)$")

# Every wait of a test is for an event; this is when it gives up.
PATIENCE_S = 120


def threads_of(index: int) -> list[str]:
    """The peers of a ring have one, two and three threads in turn."""
    return ["--threads", str(1 + index % 3)]


class Peer:
    """One hopring-peer process. Stopped by its own process id. `within`: the words before its own,
    of a program that becomes the peer. `log`: a descriptor, where its log goes instead."""

    def __init__(self, bin_dir: Path, *options: str, within: Sequence[str] = (),
                 log: int | None = None) -> None:
        self.log = tempfile.TemporaryFile()
        listen = [] if "--listen" in options else ["--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [*within, bin_dir / "hopring-peer", *listen, *options],
            stdout=subprocess.PIPE, stderr=self.log if log is None else log, text=True)
        line = self.process.stdout.readline().rstrip("\n")
        match = READY.match(line)
        if not match:
            self.kill()
            raise AssertionError(f"no ready line but {line!r}; log:\n{self.log_text()}")
        self.address, self.id = match.group(1), match.group(2)

    def log_text(self) -> str:
        # Where the peer writes next is shared with it, and stays as it is.
        size = os.fstat(self.log.fileno()).st_size
        return os.pread(self.log.fileno(), size, 0).decode(errors="replace")

    def leave(self) -> int:
        """As an operator stops it: SIGTERM, hands its arcs over. The exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """As a crash: SIGKILL."""
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        if self.process.returncode < 0 and self.process.returncode not in (-signal.SIGKILL,
                                                                           -signal.SIGTERM):
            signum = signal.Signals(-self.process.returncode)
            print(f"peer {self.address} died of {signum.name}; its log:\n{self.log_text()}",
                  file=sys.stderr)
        self.process.stdout.close()
        self.log.close()


class Connection:
    """To a peer, as bare as it gets: tests write what they like to `socket`."""

    def __init__(self, peer: Peer) -> None:
        host, port = peer.address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=PATIENCE_S)

    def is_closed(self) -> bool:
        """Waits for the other end to close; what it says before is thrown away."""
        try:
            while self.socket.recv(1 << 16):
                pass
        except ConnectionResetError:
            pass
        return True


class RingTest(unittest.TestCase):
    """A test case with a ring of its own: two peers, unless PEERS says otherwise."""

    PEERS = 2
    bin_dir = Path("build/bin")

    def setUp(self) -> None:
        self.peers: list[Peer] = []
        self.addCleanup(lambda: [peer.close() for peer in self.peers])
        for _ in range(self.PEERS):
            self.start_peer()
        self.until_settled()

    def start_peer(self) -> Peer:
        join = ["--join", self.peers[0].address] if self.peers else []
        self.peers.append(Peer(self.bin_dir, *threads_of(len(self.peers)), *join))
        return self.peers[-1]

    def command(self, *words: str | bytes, at: Peer | None = None, options=(),
                timeout: str = "30") -> list:
        peer = at or self.peers[0]
        return [self.bin_dir / "hopring", "--at", peer.address, "--timeout", timeout, *options,
                *words]

    def hopring(self, *words: str | bytes, input: bytes = b"",
                **others) -> subprocess.CompletedProcess:
        return subprocess.run(self.command(*words, **others), input=input, capture_output=True,
                              timeout=PATIENCE_S)

    def expect(self, code: int, *words: str | bytes, **others) -> bytes:
        """Runs the command, which must end with `code`; its standard output."""
        done = self.hopring(*words, **others)
        said = f"{words[:2]}\n{done.stdout[-4000:].decode(errors='replace')}\n" \
               f"{done.stderr[-500:].decode(errors='replace')}"
        self.assertEqual(done.returncode, code, said)
        return done.stdout

    def until_settled(self) -> None:
        """Waits until every peer holds arcs and the arcs tile the ring. An arc is not waited for
        by time: each look asks all peers."""
        import json
        for _ in range(10000):
            done = self.hopring("ring", "--json")
            if done.returncode == 0:
                ring = json.loads(done.stdout)
                if len(ring["peers"]) == len(self.peers) and all(p["arcs"] for p in ring["peers"]):
                    return
        self.fail("the ring does not settle")


def main() -> None:
    """ARGUMENTS: the folder of the programs, then those of unittest."""
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        RingTest.bin_dir = Path(sys.argv.pop(1)).resolve()
    unittest.main()
