#!/usr/bin/env python3
"""The house rules of hopring, as a test: run by ctest as `tidy` and by ./dev check.

    tests/tidy/tidy.py [ROOT]

Prints one line per fault, `path:line: what is wrong; what to do instead`, and exits with 1 if there
is any. Only Python's standard library. tidy_test.py plants a fault against every rule.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Iterator, NamedTuple

import cpp_functions

LINE_COLUMNS_MAX = 100
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
KNOWN_LONG = "tests/tidy/known_long.txt"  # a ratchet: may shrink, never grow

TOP_LEVEL = {
    "CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md", "dev",
    "base", "client", "docs", "peer", "routing", "sim", "storage", "tests",
}

# The graph of libraries, upward: a room includes itself and the rooms before it, nothing else.
ROOMS = [
    "base", "routing", "storage/table", "storage/operation", "storage/raft", "storage/group",
    "storage", "peer/wire", "client/core", "peer/core", "peer/resp", "peer/net", "peer", "client",
    "sim",
]
GRAPH = " < ".join(ROOMS)
# Exceptions that narrow the rule: (room, what it may not include, unless it is one of these, why).
POSITIONS = {f"routing/{name}.hpp" for name in ("position", "arc", "peer_ref", "view")}
NARROWER = [
    (r"storage/table", r".*", {"base/check.hpp"}, "the table takes only std and base/check.hpp"),
    (r"(storage|client)\b.*", r"routing/", POSITIONS,
     "of routing only position, arc, peer_ref and view"),
    (r"sim", r"(peer/net|client(?!/core))/", set(), "the simulator runs cores, not drivers"),
]

MAINS = r"(?:[\w/]+/)?\w*main\.cpp$"
CODE = r"\.(?:hpp|cpp)$"
# (where not, which files, pattern, what to use instead); a path is searched with both regexes.
BANNED = [
    (rf"^peer/net/|^client/(?!core/)|^{MAINS}|^tests/(?!routing/|storage/|sim/)", CODE,
     r"boost/asio|\basio::", "an effect; Asio belongs in peer/net and client"),
    (rf"^peer/net/|^client/map|^{MAINS}|^tests/(?:integration|bench)/", CODE,
     r"\b(?:steady|system|high_resolution)_clock\b|\bclock_gettime\b|\bgettimeofday\b",
     "the `now` argument"),
    (rf"^{MAINS}|^base/entropy|^peer/net/", CODE,
     r"\brandom_device\b|\bmt19937|\bs?rand\(|\bgetrandom\b|\bgetentropy\b",
     "the Rng you were given; secrets are the driver's"),
    (r"^(?!routing/|storage/|peer/core/|client/core/)", CODE,
     r"\bstd::function\b", "an effect, a sink or a template; a core has no wiring"),
    (r"^$", CODE, r"(?<!\w)assert\s*\(|<cassert>|<assert\.h>", "HOPRING_CHECK of base/check.hpp"),
    (r"^$", CODE, r"\busing namespace std\s*;", "std:: before each name"),
    (r"^tests/", r"\.hpp$", r"\busing namespace\b",
     "qualified names; a header decides for its readers"),
    # A load lasts for a time and keeps a rate.
    (r"^tests/(?:bench|integration)/\w+_load\.cpp$", r"^tests/.*" + CODE,
     r"\bsleep_(?:for|until)\b|\bu?sleep\(",
     "an event to wait for, or virtual time"),
    (r"^tests/tidy/", r"", r"\bFIXME\b|\bTODO\b|\bXXX\b", "the fix itself"),
    (r"^tests/tidy/", r"", r"(?<![\w.~-])/(?:home|root|Users|work)/\w",
     "a path from the repository's root"),
    (r"^$", r"package-lock\.json$", r'"resolved":',
     "integrity alone; an .npmrc with omit-lockfile-registry-resolved=true keeps addresses out"),
    # Words that the project does not use, because it has another for the same thing.
    (r"^tests/tidy/|^peer/resp/|^tests/peer/", CODE, r"(?i)\b(?:master|slave)s?\b",
     "primary and member"),
    (r"^tests/tidy/", CODE, r"(?i)(?<!raft's )\bleaders?\b", "primary"),
    (r"^tests/tidy/", CODE + r"|\.md$", r"(?i)\bvnodes?\b", "node"),
    (r"^tests/tidy/", CODE + r"|\.md$", r"(?i)\b(?:white|black)lists?\b", "allowed and refused"),
    (r"^tests/tidy/", r"", r"(?i)\bissues? #?\d+\b", "the reason itself; a tracker's numbers age"),
]


class Fault(NamedTuple):
    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


class Tree:
    """The files of the repository: what git tracks or would, else all but build/."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = sorted(p for p in self._listed() if (root / p).is_file())
        self._texts: dict[str, str] = {}

    def _listed(self) -> set[str]:
        if not (self.root / ".git").exists():
            return {p.relative_to(self.root).as_posix() for p in self.root.rglob("*")
                    if p.relative_to(self.root).parts[0] != "build"}
        command = ["git", "-c", f"safe.directory={self.root}", "-C", str(self.root), "ls-files",
                   "-z", "--cached", "--others", "--exclude-standard"]
        return set(subprocess.check_output(command, text=True).split("\0")) - {""}

    def text(self, path: str) -> str:
        if path not in self._texts:
            self._texts[path] = (self.root / path).read_text(encoding="utf-8", errors="replace")
        return self._texts[path]

    def lines(self, path: str) -> Iterator[tuple[int, str]]:
        return enumerate(self.text(path).splitlines(), start=1)

    def named(self, pattern: str) -> list[str]:
        return [path for path in self.paths if re.search(pattern, path)]

    def is_text(self, path: str) -> bool:
        return "\0" not in self.text(path)[:1000]


# --- layout -------------------------------------------------------------------------------------


def top_level(tree: Tree) -> Iterator[Fault]:
    present = {PurePosixPath(path).parts[0] for path in tree.paths}
    for name in sorted(present - TOP_LEVEL):
        if not name.startswith("."):
            yield Fault(name, 1, "does not belong at the top level; put it in one of the rooms")
    for name in sorted(TOP_LEVEL - present):
        yield Fault(name, 1, "is missing at the top level")


def sources_are_built(tree: Tree) -> Iterator[Fault]:
    """A test that no CMakeLists.txt names cannot fail."""
    for path in tree.named(r"\.cpp$"):
        folders = [folder.as_posix() for folder in PurePosixPath(path).parents]
        lists = [f"{folder}/CMakeLists.txt".removeprefix("./") for folder in folders]
        name = re.escape(PurePosixPath(path).stem)
        if not any(re.search(rf"\b{name}\b", tree.text(l)) for l in lists if l in tree.paths):
            yield Fault(path, 1, "is built by no CMakeLists.txt; name it in its room's")


def sizes(tree: Tree) -> Iterator[Fault]:
    for path in tree.named(r"\.(?:hpp|cpp|py|mjs|sh|cmake)$|CMakeLists\.txt$|^dev$|^\.ci/run$"):
        length = len(tree.text(path).splitlines())
        if length > FILE_LINES_MAX:
            yield Fault(path, length, f"has {length} lines; divide it, {FILE_LINES_MAX} are enough")
        for number, line in tree.lines(path):
            if len(line) > LINE_COLUMNS_MAX:
                yield Fault(path, number, f"{len(line)} columns; {LINE_COLUMNS_MAX} are enough")


def headers_are_guarded(tree: Tree) -> Iterator[Fault]:
    for path in tree.named(r"\.hpp$"):
        if not re.search(r"^#pragma once$", tree.text(path), re.MULTILINE):
            yield Fault(path, 1, "header without #pragma once; add it")


# --- includes -----------------------------------------------------------------------------------


def room_of(path: str) -> str | None:
    """The innermost room that holds `path`; None for tests, docs and foreign files."""
    rooms = [room for room in ROOMS if path.startswith(room + "/")]
    return max(rooms, key=len, default=None)


def includes(tree: Tree) -> Iterator[Fault]:
    for path in tree.named(CODE):
        for number, line in tree.lines(path):
            if match := re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line):
                for text in include_faults(tree, path, *match.groups()):
                    yield Fault(path, number, text)


def include_faults(tree: Tree, path: str, mark: str, included: str) -> Iterator[str]:
    room, target = room_of(path), room_of(included)
    if mark == "<":
        if room == "storage/table" and "/" in included:
            yield f"includes <{included}>; the table takes only std and base/check.hpp"
        if room and target and included in tree.paths:
            yield f'includes <{included}>; write "{included}"'
        return
    if room and included not in tree.paths:
        yield f'"{included}" is no file of ours; write "room/file.hpp" from the root'
    if room and included in tree.paths:
        if target is None or ROOMS.index(target) > ROOMS.index(room):
            yield f"{room} includes {included}; a room takes only those before it: {GRAPH}"
        elif target != room:
            yield from narrower_faults(room, included)


def narrower_faults(room: str, included: str) -> Iterator[str]:
    for where, what, unless, why in NARROWER:
        if re.fullmatch(where, room) and re.match(what, included) and included not in unless:
            yield f"{room} includes {included}; {why}"


# --- words --------------------------------------------------------------------------------------


def banned(tree: Tree) -> Iterator[Fault]:
    for path in tree.paths:
        if not tree.is_text(path):
            continue
        rows = [row for row in BANNED if not re.search(row[0], path) and re.search(row[1], path)]
        for number, line in tree.lines(path):
            for _, _, pattern, instead in rows:
                if match := re.search(pattern, line):
                    yield Fault(path, number, f"`{match.group().strip()}`; use {instead}")


# --- functions ----------------------------------------------------------------------------------


def python_functions(text: str) -> Iterator[tuple[str, int, int]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno or node.lineno


def known_long(tree: Tree) -> dict[str, int]:
    """Lines `path:function lines` of the ratchet."""
    known = {}
    if KNOWN_LONG in tree.paths:
        for _, line in tree.lines(KNOWN_LONG):
            if line.strip() and not line.startswith("#"):
                name, lines = line.rsplit(maxsplit=1)
                known[name] = int(lines)
    return known


def long_functions(tree: Tree) -> Iterator[tuple[str, str, int, int]]:
    """(path, name, first line, lines) of each function above the limit."""
    for path in tree.named(r"\.(?:hpp|cpp|py)$"):
        find = python_functions if path.endswith(".py") else cpp_functions.functions
        for name, first, last in find(tree.text(path)):
            if last - first + 1 > FUNCTION_LINES_MAX:
                yield path, name, first, last - first + 1


def function_lengths(tree: Tree) -> Iterator[Fault]:
    known = known_long(tree)
    for path, name, first, length in long_functions(tree):
        allowed = known.pop(f"{path}:{name}", FUNCTION_LINES_MAX)
        if length > allowed:
            yield Fault(path, first, f"{name} has {length} lines; divide it, {allowed} are enough")
        elif length < allowed:
            yield Fault(KNOWN_LONG, 1, f"{path}:{name} has {length} lines; lower its number")
    for name in known:
        yield Fault(KNOWN_LONG, 1, f"{name} is no longer long; remove its line")


# --- documents ----------------------------------------------------------------------------------


def links(tree: Tree) -> Iterator[Fault]:
    for path in tree.named(r"\.md$"):
        for number, line in tree.lines(path):
            for target in re.findall(r"\]\(([^)\s]+)\)", line):
                if re.match(r"[a-z]+:|#", target):
                    continue
                file = os.path.normpath(PurePosixPath(path).parent / target.split("#")[0])
                if not (tree.root / file).exists() or file.startswith(".."):
                    yield Fault(path, number, f"the link to {target} leads nowhere; mend it")


UNION = re.compile(r"using\s+(\w*Message\w*)\s*=\s*std::variant<([^;]*)>;")


def message_types(tree: Tree) -> dict[str, str]:
    """Every alternative of a `using ...Message... = std::variant<...>` with the header it is in."""
    found: dict[str, str] = {}
    unions = set()
    for path in tree.named(r"(?:^|/)messages\.hpp$"):
        text = cpp_functions.blank_comments_and_strings(tree.text(path))
        for alias, members in UNION.findall(text):
            unions.add(alias)
            for member in members.split(","):
                found[member.split("::")[-1].strip()] = path
    return {name: path for name, path in found.items() if name not in unions}


# A table's row that begins with the message's name, or with its kind and then its name.
ROW = re.compile(r"^\|(?:\s*0x[0-9a-f]+\s*\|)?\s*`?(\w+)`?\s*\|", re.MULTILINE)


def protocol_rows(tree: Tree) -> Iterator[Fault]:
    if "docs/protocol.md" not in tree.paths:
        return
    rows = set(ROW.findall(tree.text("docs/protocol.md")))
    for name, path in message_types(tree).items():
        if name not in rows:
            yield Fault(path, 1, f"message {name} has no row in docs/protocol.md; write it first")


RULES = [top_level, sources_are_built, sizes, headers_are_guarded, includes, banned,
         function_lengths, links, protocol_rows]


def faults(root: Path) -> list[Fault]:
    tree = Tree(root.resolve())
    return [fault for rule in RULES for fault in rule(tree)]


def main(arguments: list[str]) -> int:
    found = faults(Path(arguments[0] if arguments else "."))
    for fault in found:
        print(fault)
    print(f"tidy: {len(found)} faults, {len(RULES)} rules")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
