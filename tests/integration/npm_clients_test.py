"""The npm packages `ioredis` and `redis` against a ring of processes: npm_clients/*.test.mjs. Run
by CTest. The packages that npm_clients/package-lock.json names are installed in the build's folder.
Where there is no node, no npm, or no way to the packages, it fails: these clients are promised.
"""

import json
import os
import shutil
import subprocess
import threading
import unittest
from pathlib import Path

import ring

SOURCES = Path(__file__).resolve().parent / "npm_clients"
NODE_MAJOR_MIN = 18
INSTALLED_WITHIN_S = 120
RUN_WITHIN_S = 120
HEALED_WITHIN_S = 60


def run(*command: object, cwd: Path | None = None) -> str:
    """What it prints; it must succeed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True,
                          timeout=INSTALLED_WITHIN_S)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def install(folder: Path) -> None:
    """The tests and the packages, in `folder`. What is there already is not asked for again."""
    for tool in ("node", "npm"):
        if not shutil.which(tool):
            raise AssertionError(f"no {tool} here; `./dev test` installs Debian's nodejs and npm")
    major = int(run("node", "-p", "process.versions.node.split('.')[0]"))
    if major < NODE_MAJOR_MIN:
        raise AssertionError(f"node {major} is here; the clients need {NODE_MAJOR_MIN} at least")
    shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
    lock = (SOURCES / "package-lock.json").read_text()
    installed = folder / "installed.json"
    if installed.exists() and installed.read_text() == lock:
        return
    installed.unlink(missing_ok=True)
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier",
        "--cache", folder / "cache", cwd=folder)
    installed.write_text(lock)


class NpmClientsTest(ring.RingTest):
    """Three peers, of one, two and three threads, and three copies of each arc."""

    PEERS = 3

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = cls.bin_dir.parent / "npm_clients"
        install(cls.folder)

    def setUp(self) -> None:
        super().setUp()
        self.expect(0, "ring", f"--wait-healthy={HEALED_WITHIN_S}")

    def start_again(self, at: int) -> None:
        """A new peer at the address of one that was killed."""
        killed, other = self.peers[at], self.peers[at - 1]
        self.peers[at] = ring.Peer(self.bin_dir, "--listen", killed.address, "--join",
                                   other.address, *ring.threads_of(at))
        killed.close()

    def obey(self, line: str) -> None:
        """The orders of npm_clients/support.mjs."""
        order, at = line.split()
        {"@kill": lambda n: self.peers[n].kill(), "@start": self.start_again}[order](int(at))

    def run_tests(self, name: str) -> None:
        ends = [peer.address.rsplit(":", 1) for peer in self.peers]
        peers = json.dumps([{"host": host, "port": int(port)} for host, port in ends])
        node = subprocess.Popen(["node", name], cwd=self.folder, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True,
                                env={"PATH": os.environ["PATH"], "HOPRING_PEERS": peers})
        late = threading.Timer(RUN_WITHIN_S, node.kill)
        late.start()
        said = []
        try:
            for line in node.stdout:
                self.obey(line) if line.startswith("@") else said.append(line)
        finally:
            late.cancel()
            node.kill()
            status = node.wait()
            node.stdout.close()
        told = "".join(said)
        self.assertEqual(status, 0, told)
        self.assertRegex(told, r"(?m)^# pass [1-9]", told)
        self.assertRegex(told, r"(?m)^# skipped 0$", told)

    def test_ioredis(self) -> None:
        self.run_tests("ioredis.test.mjs")

    def test_ioredis_in_cluster_mode(self) -> None:
        self.run_tests("ioredis_cluster.test.mjs")

    def test_redis(self) -> None:
        self.run_tests("redis.test.mjs")

    def test_redis_in_cluster_mode(self) -> None:
        self.run_tests("redis_cluster.test.mjs")


if __name__ == "__main__":
    ring.main()
