"""Rings of real processes for the benchmarks of rings, by the peers of the integration tests."""

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import ring  # noqa: E402


class BenchRing:
    """Peers of one thread each; the first one creates the ring."""

    def __init__(self, bin_dir: Path, keys: int, replicas: int = 3) -> None:
        self.bin_dir = bin_dir
        self.keys = keys
        self.replicas = replicas
        self.peers: list[ring.Peer] = []

    def start_peer(self) -> None:
        first = ["--replicas", str(self.replicas)]
        join = ["--join", self.peers[0].address] if self.peers else first
        self.peers.append(ring.Peer(self.bin_dir, "--threads", "1", *join, within=self.within()))

    def within(self) -> list[str]:
        """Words before those of a peer, of a program that becomes the peer."""
        return []

    def load(self, *options: str) -> str:
        command = [self.bin_dir / "hopring-bench", "net", "--at", self.peers[0].address, "--keys",
                   str(self.keys), *options]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def fill(self, *options: str) -> None:
        self.load("--fill", "--seconds", "0", *options)

    def kill_and_replace(self) -> None:
        """Not the first one, who is asked and joined by."""
        self.peers.pop(1).close()
        self.start_peer()

    def leave_peer(self) -> None:
        """Nor is it he who leaves."""
        if self.peers.pop(1).leave() != 0:
            raise SystemExit("a peer did not hand all over when it left")

    def look(self, *options: str) -> dict:
        command = [self.bin_dir / "hopring", "--at", self.peers[0].address, "ring", "--json"]
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        if not done.stdout:
            raise SystemExit(f"hopring ring: {done.stderr}")
        return json.loads(done.stdout)

    def until_healthy(self, patience_s: int = 120) -> None:
        if not self.look(f"--wait-healthy={patience_s}")["healthy"]:
            raise SystemExit("the ring does not heal")

    def close(self) -> None:
        for peer in self.peers:
            peer.close()
