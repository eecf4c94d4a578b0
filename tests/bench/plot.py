#!/usr/bin/env python3
"""Draws what hopring-bench table or net_bench.py has measured, as SVG. Only Python's standard
library.

    tests/bench/plot.py FIGURES_JSON_LINES [CURVE_CSV] DRAWING_SVG
"""

import csv
import json
import sys
from pathlib import Path
from xml.sax.saxutils import escape

MORE_IS_BETTER = {
    "load_mean", "load_at_growth", "insert", "insert_best", "get_hit", "get_hit_best", "get_miss",
    "get_miss_cuckoo", "get_miss_copied", "get_batch16", "get_batch16_waiting", "scan",
    "split", "drop", "mixed_2_threads",
}
OURS, THEIRS, BEHIND, INK = "#2a7fb8", "#b5bcc4", "#d1603d", "#222"
WIDTH = 1100
ROW = 34  # of one figure: two bars and a gap
BARS_LEFT, BARS_WIDTH = 210, 500
CURVE_LEFT, CURVE_WIDTH, CURVE_HEIGHT = 70, 880, 260


def text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(words)}</text>'


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def bar(y: float, share: float, colour: str, words: str) -> str:
    width = max(1.0, share * BARS_WIDTH)
    return (f'<rect x="{BARS_LEFT}" y="{y:.1f}" width="{width:.1f}" height="12" fill="{colour}"/>'
            + text(BARS_LEFT + width + 6, y + 10.5, words, 'font-size="11"'))


def is_more_better(figure: dict) -> bool:
    goal = figure["goal"]
    return figure["name"] in MORE_IS_BETTER if goal is None else "at_least" in goal


def is_behind(figure: dict) -> bool:
    """Does it miss its goal, or where it has none, is it worse than the best of the others?"""
    if figure["met"] is not None:
        return not figure["met"]
    return figure["ratio"] < 1 if is_more_better(figure) else figure["ratio"] > 1


def words_of_goal(figure: dict) -> str:
    goal = figure["goal"]
    if goal is None:
        return ""
    bound = f'<= {goal["at_most"]:g}' if "at_most" in goal else f'>= {goal["at_least"]:g}'
    return f'; goal: {goal["of"]} {bound}' + ("" if figure["met"] else " MISSED")


def bars_of(figure: dict, y: float) -> list[str]:
    """Ours above the best of the others, both in shares of the longer one."""
    longest = max(figure["ours"], figure["best"])
    better = "more" if is_more_better(figure) else "less"
    pages = f', {figure["pages"]} pages' if "pages" in figure else ""
    return [
        text(BARS_LEFT - 10, y + 12, figure["name"], 'text-anchor="end" font-weight="bold"'),
        text(BARS_LEFT - 10, y + 24, f'{better} is better{pages}',
             'text-anchor="end" font-size="10" fill="#777"'),
        bar(y, figure["ours"] / longest, BEHIND if is_behind(figure) else OURS,
            f'{number(figure["ours"])}, ratio {number(figure["ratio"])}{words_of_goal(figure)}'),
        bar(y + 13, figure["best"] / longest, THEIRS,
            f'{number(figure["best"])} {figure["best_name"]}'),
    ]


def curve_of(rows: list[dict], top: float) -> list[str]:
    entries = [int(row["entries"]) for row in rows]
    overheads = [float(row["overhead_bytes"]) for row in rows]
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**9) if max(overheads) / s <= 8)
    highest = step * (int(max(overheads) / step) + 1)

    def x(size: float) -> float:
        return CURVE_LEFT + CURVE_WIDTH * size / entries[-1]

    def y(overhead: float) -> float:
        return top + CURVE_HEIGHT * (1 - overhead / highest)

    drawn = [text(CURVE_LEFT, top - 14, "bytes an entry beside key and value, while hopring grows",
                  'font-weight="bold"')]
    for level in range(0, highest + 1, step):
        drawn.append(f'<path d="M{CURVE_LEFT} {y(level):.1f}h{CURVE_WIDTH}" stroke="#ddd"/>')
        drawn.append(text(CURVE_LEFT - 8, y(level) + 4, str(level), 'text-anchor="end"'))
    for fifth in range(0, 6):
        size = entries[-1] * fifth / 5
        drawn.append(text(x(size), top + CURVE_HEIGHT + 18, f"{size / 1e6:g} million",
                          'text-anchor="middle"'))
    # The figures count the last half: the doubling.
    half = x(entries[-1] / 2)
    drawn.append(f'<path d="M{half:.1f} {top}v{CURVE_HEIGHT}" stroke="#999" '
                 'stroke-dasharray="4 3"/>')
    drawn.append(text(half + 6, top + CURVE_HEIGHT - 8, "the figures count from here on",
                      'fill="#777" font-size="11"'))
    points = " ".join(f"{x(e):.1f},{y(max(0.0, o)):.1f}" for e, o in zip(entries, overheads))
    drawn.append(f'<polyline points="{points}" fill="none" stroke="{OURS}" stroke-width="1.5"/>')
    return drawn


def drawing(title: str, figures: list[dict], rows: list[dict]) -> str:
    """`rows`: of the curve; none: there is no curve."""
    drawn = [text(20, 28, title, 'font-size="18" font-weight="bold"')]
    for x, colour, words in ((BARS_LEFT, OURS, "hopring"),
                             (300, BEHIND, "hopring, goal missed or behind"),
                             (530, THEIRS, "the best of the others, or the goal")):
        drawn.append(f'<rect x="{x}" y="42" width="12" height="12" fill="{colour}"/>')
        drawn.append(text(x + 18, 52, words))
    for i, figure in enumerate(figures):
        drawn += bars_of(figure, 70 + i * ROW)
    top = 70 + len(figures) * ROW + 50
    if rows:
        drawn += curve_of(rows, top)
    height = top + (CURVE_HEIGHT + 40 if rows else 0)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'font-family="DejaVu Sans, sans-serif" font-size="12" fill="{INK}">'
            f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(drawn) + "\n</svg>\n")


def main(figures_path: str, *others: str) -> None:
    lines = Path(figures_path).read_text(encoding="utf-8").splitlines()
    rows = []
    for curve_path in others[:-1]:
        rows = list(csv.DictReader(Path(curve_path).read_text(encoding="utf-8").splitlines()))
    title = "hopring-bench table" if rows else "hopring beside Redis and memcached"
    Path(others[-1]).write_text(drawing(title, [json.loads(line) for line in lines], rows),
                                encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
