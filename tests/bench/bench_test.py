#!/usr/bin/env python3
"""hopring-bench table, small: every figure is there and makes sense. Run by ctest.

    tests/bench/bench_test.py PATH_OF_HOPRING_BENCH
"""

import json
import math
import subprocess
import sys
import unittest

FIGURES = {
    "overhead_bytes", "overhead_bytes_worst", "overhead_bytes_expiry", "insert_longest_us",
    "get_hit", "get_batch16", "get_miss", "insert", "scan", "split", "drop", "mixed_2_threads",
}
NUMBERS = ("ours", "best", "ratio")


def bench(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


class Table(unittest.TestCase):
    def test_every_figure_is_there_once_with_positive_numbers(self) -> None:
        done = bench("table", "--entries", "20000", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        figures = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(sorted(figure["name"] for figure in figures), sorted(FIGURES))
        for figure in figures:
            self.assertEqual(set(figure), {"name", "best_name", *NUMBERS})
            self.assertNotEqual(figure["best_name"], "")
            for number in NUMBERS:
                self.assertTrue(0 < figure[number] < math.inf, figure)

    def test_without_json_there_is_a_row_for_each_figure(self) -> None:
        done = bench("table", "--entries", "1000", "--value", "100")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = {line.split()[0] for line in done.stdout.splitlines()[1:]}
        self.assertEqual(rows, FIGURES)


class CommandLine(unittest.TestCase):
    def test_help_names_the_options(self) -> None:
        done = bench("--help")
        self.assertEqual(done.returncode, 0)
        for option in ("--entries", "--value", "--json"):
            self.assertIn(option, done.stdout)

    def test_a_mistake_gets_one_line_that_names_it(self) -> None:
        mistakes = {
            (): "table",
            ("net",): "'net'",
            ("table", "--entries", "0"): "--entries",
            ("table", "--entries", "-5"): "--entries",
            ("table", "--entries", "many"): "--entries",
            ("table", "--value", "65537"): "--value",
            ("table", "--colour"): "--colour",
            ("table", "twice"): "positional",
        }
        for arguments, named in mistakes.items():
            done = bench(*arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(named, done.stderr)


if __name__ == "__main__":
    program = sys.argv.pop(1)
    unittest.main()
