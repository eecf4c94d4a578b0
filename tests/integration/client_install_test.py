"""A user's way: install, find_package(hopring), build an application, run it against a ring.

    client_install_test.py BIN_DIR
"""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import ring

EXAMPLE = Path(__file__).resolve().parent / "example"


class InstalledPackage(ring.RingTest):
    def test_an_application_is_built_against_it_and_runs(self) -> None:
        build_dir = self.bin_dir.parent
        folder = Path(tempfile.mkdtemp(prefix="hopring-install-"))
        self.addCleanup(shutil.rmtree, folder)
        prefix, example = folder / "prefix", folder / "example"
        self.run_tool("cmake", "--install", build_dir, "--prefix", prefix)
        self.run_tool("cmake", "-G", "Ninja", "-S", EXAMPLE, "-B", example,
                      f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release")
        self.run_tool("cmake", "--build", example)
        printed = self.run_tool(example / "example", self.peers[1].address)
        self.assertEqual(printed, "answer 42\nanswer\n")
        installed = self.run_tool(prefix / "bin" / "hopring", "--at", self.peers[0].address, "get",
                                  "answer")
        self.assertEqual(installed, "42")
        self.assertTrue(os.access(prefix / "bin" / "hopring-peer", os.X_OK))

    def run_tool(self, *command: object) -> str:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, f"{command[0]}: {done.stdout[-3000:]}{done.stderr}")
        return done.stdout


if __name__ == "__main__":
    ring.main()
