#!/usr/bin/env python3
"""hopring-bench table, small: every figure is there and makes sense. Run by ctest.

    tests/bench/bench_test.py PATH_OF_HOPRING_BENCH
"""

import csv
import importlib.util
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
    "load_mean", "load_at_growth", "insert_moved_max", "insert", "insert_best",
    "insert_longest_us", "insert_p9999_us", "insert_longest_wall_us", "insert_longest_max_us",
    "get_hit", "get_hit_best", "get_miss", "get_miss_cuckoo",
    "get_batch16", "get_batch16_waiting", "scan", "split", "drop", "mixed_2_threads",
    "rewrite_resident", "rewrite_copied", "overhead_bytes_copied", "overhead_bytes_copied_worst",
    "spilled_copied", "get_miss_copied", "empty_arcs_mib", "flood", "equal_positions_us",
}
# Those that are compared with others and have no goal beside that.
WITHOUT_GOAL = {
    "insert_best", "insert_longest_us", "insert_longest_wall_us", "get_hit_best",
    "get_batch16_waiting",
}
# Whose goal is about one map: where that is not installed there is none.
GOAL_AGAINST = {
    "insert": "tsl::hopscotch_map, stored hash", "get_hit": "tsl::hopscotch_map, stored hash",
    "get_miss": "absl::flat_hash_map", "get_miss_cuckoo": "libcuckoo::cuckoohash_map",
}
ONLY_OURS = {
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
            self.assertEqual(set(figure), {"name", "best_name", "goal", "met", "pages", *NUMBERS})
            self.check_goal(figure)
            self.assertEqual(figure["pages"], "huge")
            self.assertNotEqual(figure["best_name"], "")
            for number in NUMBERS:
                least = 0 if figure["name"] in MAY_BE_ZERO else sys.float_info.min
                self.assertTrue(least <= figure[number] < math.inf, figure)
            self.assertEqual(figure["best_name"] == "goal", figure["name"] in ONLY_OURS, figure)

    def check_goal(self, figure: dict) -> None:
        goal = figure["goal"]
        against = GOAL_AGAINST.get(figure["name"], figure["best_name"])
        if figure["name"] in WITHOUT_GOAL or figure["best_name"] != against:
            self.assertEqual((goal, figure["met"]), (None, None))
            return
        measured = figure[goal["of"]]
        near = abs(measured - goal.get("at_most", goal.get("at_least"))) < 1e-4  # as printed
        met = measured <= goal["at_most"] if "at_most" in goal else measured >= goal["at_least"]
        self.assertTrue(figure["met"] == met or near, figure)

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


class Plot(unittest.TestCase):
    """A figure that misses its goal is drawn and said to, whatever its ratio."""

    def setUp(self) -> None:
        spec = importlib.util.spec_from_file_location("plot", Path(__file__).with_name("plot.py"))
        self.plot = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.plot)

    def drawn(self, **members: object) -> str:
        figure = {"name": "get_hit", "ours": 5.0, "best": 4.8, "best_name": "tsl", "pages": "huge",
                  "ratio": 1.04, "goal": None, "met": None}
        return "\n".join(self.plot.bars_of(figure | members, 0))

    def check(self, is_behind: bool, **members: object) -> None:
        self.assertEqual(self.plot.BEHIND in self.drawn(**members), is_behind, members)

    def test_a_missed_goal_is_shown_where_ours_is_ahead(self) -> None:
        goal = {"of": "ratio", "at_least": 1.2}
        self.check(True, goal=goal, met=False)
        self.assertIn("goal: ratio &gt;= 1.2 MISSED", self.drawn(goal=goal, met=False))
        self.check(False, goal=goal, met=True)
        self.assertNotIn("MISSED", self.drawn(goal=goal, met=True))

    def test_a_goal_that_is_met_is_fine_where_ours_is_behind(self) -> None:
        self.check(False, name="get_miss", ratio=0.8, goal={"of": "ratio", "at_least": 0.75},
                   met=True)
        self.check(True, name="overhead_bytes", ours=14.5, best=60, ratio=0.24,
                   goal={"of": "ours", "at_most": 14}, met=False)

    def test_without_a_goal_the_ratio_counts(self) -> None:
        self.check(True, ratio=0.9)
        self.check(False, ratio=1.1)
        self.check(True, name="insert_longest_us", ratio=1.1)


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
                               "read": {"get_hit", "get_hit_best", "get_miss", "get_miss_cuckoo",
                                        "scan"}}.items():
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
            ("net", "--mix", "90"): "--mix",
            ("net", "--mix", "0:0"): "--mix",
            ("net", "--zipf", "1"): "--zipf",
            ("net", "--rate", "-1"): "--rate",
            ("net", "--resp", "--memcached"): "--memcached",
            ("net", "--memcached", "--batch", "2", "--mix", "1:1"): "--batch",
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
