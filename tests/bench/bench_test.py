#!/usr/bin/env python3
"""hopring-bench table, small: every figure is there and makes sense. Run by ctest.

    tests/bench/bench_test.py PATH_OF_HOPRING_BENCH
"""

import csv
import json
import math
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from xml.etree import ElementTree

FIGURES = {
    "overhead_bytes", "overhead_bytes_worst", "overhead_bytes_expiry", "overhead_bytes_4_shards",
    "load_mean", "load_at_growth", "insert_moved_max", "insert", "insert_longest_us",
    "insert_p9999_us", "insert_longest_wall_us", "get_hit", "get_miss", "get_miss_cuckoo",
    "get_batch16", "get_batch16_waiting", "scan", "split", "drop", "mixed_2_threads",
    "rewrite_resident", "rewrite_copied", "overhead_bytes_copied", "overhead_bytes_copied_worst",
    "spilled_copied", "get_miss_copied", "empty_arcs_mib", "flood", "equal_positions_us",
}
GOALS = {
    "load_mean", "load_at_growth", "insert_moved_max", "rewrite_resident", "rewrite_copied",
    "empty_arcs_mib", "overhead_bytes_4_shards", "overhead_bytes_copied",
    "overhead_bytes_copied_worst", "spilled_copied",
}
MAY_BE_ZERO = {"spilled_copied"}
NUMBERS = ("ours", "best", "ratio")
THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def bench(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


class Table(unittest.TestCase):
    def test_every_figure_is_there_once_with_positive_numbers(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            curve = Path(folder, "curve.csv")
            drawing = Path(folder, "table.svg")
            done = bench("table", "--entries", "20000", "--json", "--curve", str(curve))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.check_figures(done.stdout)
            self.check_curve(curve.read_text(encoding="utf-8"))
            Path(folder, "table.json").write_text(done.stdout, encoding="utf-8")
            plot = Path(__file__).with_name("plot.py")
            subprocess.run([sys.executable, plot, Path(folder, "table.json"), curve, drawing],
                           check=True)
            self.check_drawing(drawing)

    def check_figures(self, output: str) -> None:
        figures = [json.loads(line) for line in output.splitlines()]
        self.assertEqual(sorted(figure["name"] for figure in figures), sorted(FIGURES))
        for figure in figures:
            self.assertEqual(set(figure), {"name", "best_name", "pages", *NUMBERS})
            self.assertEqual(figure["pages"], "huge")
            self.assertNotEqual(figure["best_name"], "")
            for number in NUMBERS:
                least = 0 if figure["name"] in MAY_BE_ZERO else sys.float_info.min
                self.assertTrue(least <= figure[number] < math.inf, figure)
            self.assertEqual(figure["best_name"] == "goal", figure["name"] in GOALS, figure)

    def check_curve(self, text: str) -> None:
        rows = list(csv.DictReader(text.splitlines()))
        sizes = [int(row["entries"]) for row in rows]
        self.assertEqual(sizes, sorted(set(sizes)))
        self.assertLess(sizes[0], 20000)
        self.assertGreaterEqual(sizes[-1], 40000 - 40000 // 250)
        for row in rows:
            self.assertTrue(0 < float(row["load"]) <= 1, row)

    def check_drawing(self, drawing: Path) -> None:
        words = {node.text for node in ElementTree.parse(drawing).iter()}
        self.assertLessEqual(FIGURES, words)

    def test_without_json_there_is_a_row_for_each_figure(self) -> None:
        done = bench("table", "--entries", "1000", "--value", "100")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = {line.split()[0] for line in done.stdout.splitlines()[1:]}
        self.assertEqual(rows, FIGURES)


class PagesOfMemory(unittest.TestCase):
    """hopring's memory and that of a map that malloc serves lie on the same kind of pages."""

    def shares(self, pages: str) -> list[int]:
        done = bench("table", "--entries", "400000", "--only", "read", "--json", "--pages", pages,
                     "--against", "std::unordered_map")
        self.assertEqual(done.returncode, 0, done.stderr)
        for line in done.stdout.splitlines():
            self.assertEqual(json.loads(line)["pages"], pages)
        return [int(share) for share in re.findall(r"(\d+) % on huge pages", done.stderr)]

    def test_nobody_has_huge_ones_where_they_are_to_be_small(self) -> None:
        self.assertEqual(self.shares("small"), [0, 0])

    @unittest.skipIf("[never]" in THP.read_text(encoding="utf-8") if THP.exists() else True,
                     "this system has no huge pages")
    def test_both_have_huge_ones(self) -> None:
        if b"__asan_init" in Path(program).read_bytes():
            self.skipTest("AddressSanitizer brings a malloc of its own")
        ours, theirs = self.shares("huge")
        if ours == 0 and theirs == 0:
            self.skipTest("this system gives nobody huge pages at the moment")
        self.assertGreater(theirs, 50)
        self.assertGreater(ours, 0)  # those that its thread gets ready in time


class CommandLine(unittest.TestCase):
    def test_help_names_the_options(self) -> None:
        done = bench("--help")
        self.assertEqual(done.returncode, 0)
        for option in ("--entries", "--value", "--against", "--only", "--pages",
                       "--json", "--curve"):
            self.assertIn(option, done.stdout)

    def test_against_leaves_the_others_out(self) -> None:
        done = bench("table", "--entries", "1000", "--json", "--against", "unordered_flat_map")
        self.assertEqual(done.returncode, 0, done.stderr)
        best = {json.loads(line)["best_name"] for line in done.stdout.splitlines()}
        self.assertIn("boost::unordered_flat_map", best)
        self.assertNotIn("tsl", done.stderr)

    def test_only_measures_that_group(self) -> None:
        for group, figures in {"batch": {"get_batch16", "get_batch16_waiting"},
                               "read": {"get_hit", "get_miss", "get_miss_cuckoo", "scan"}}.items():
            done = bench("table", "--entries", "1000", "--json", "--only", group)
            self.assertEqual(done.returncode, 0, done.stderr)
            names = {json.loads(line)["name"] for line in done.stdout.splitlines()}
            self.assertEqual(names, figures)

    def test_against_nobody_is_refused(self) -> None:
        done = bench("table", "--against", "no such map")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("no such map", done.stderr)

    def test_a_mistake_gets_one_line_that_names_it(self) -> None:
        mistakes = {
            (): "table",
            ("ring",): "'ring'",
            ("net", "--clients", "0"): "--clients",
            ("net", "--colour"): "--colour",
            ("net", "--at", "127.0.0.1:1", "--seconds", "many"): "seconds",
            ("table", "--entries", "0"): "--entries",
            ("table", "--entries", "-5"): "--entries",
            ("table", "--entries", "many"): "--entries",
            ("table", "--value", "65537"): "--value",
            ("table", "--only", "colours"): "'colours'",
            ("table", "--pages", "large"): "'large'",
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
