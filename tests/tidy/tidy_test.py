#!/usr/bin/env python3
"""Each house rule can fail: a fault is planted in a small tree, and tidy must name it.

Goal: no rule of tidy.py is a sentence without effect.
Method: a tree that keeps every rule, one file changed or added a case, the one fault expected.
"""

import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import cpp_functions
import tidy

# A tree that keeps every rule. What a case writes comes on top.
CLEAN = {
    **{name: "text\n" for name in ("CMakePresets.json", "LICENSE", "dev")},
    "README.md": "[map](docs/walk.md) [web](https://example.org/x) [below](#here)\n",
    "docs/walk.md": "[home](../README.md)\n",
    "CMakeLists.txt": "hopring_room(base error.cpp node.cpp table.cpp group.cpp op_machine.cpp\n"
                      "  driver.cpp map.cpp world.cpp routing_test.cpp main.cpp)\n",
    "base/check.hpp": "#pragma once\n",
    "base/error.cpp": '#include "base/check.hpp"\n#include <boost/system/error_code.hpp>\n',
    "routing/view.hpp": '#pragma once\n#include "base/check.hpp"\n',
    "routing/node.hpp": '#pragma once\n#include "routing/view.hpp"\n',
    "storage/table/table.hpp": '#pragma once\n#include <vector>\n#include "base/check.hpp"\n',
    "storage/group/group.hpp": '#pragma once\n#include "routing/view.hpp"\n'
                               '#include "storage/table/table.hpp"\n',
    "peer/net/driver.cpp": "#include <boost/asio.hpp>\nauto now = steady_clock::now();\n",
    "peer/net/driver.hpp": "#pragma once\n",
    "peer/main.cpp": "std::random_device secret;\n",
    "client/map.cpp": '#include "peer/net/driver.hpp"\n#include <boost/asio.hpp>\n',
    "client/core/op_machine.hpp": '#pragma once\n#include "routing/view.hpp"\n',
    "sim/world.hpp": '#pragma once\n#include "client/core/op_machine.hpp"\n',
    "tests/routing/routing_test.cpp": '#include "routing/node.hpp"\n'
                                      "using namespace std::literals;\n",
}

CASES = [  # (the rule in a sentence, file, its text, what tidy must say)
    ("top level is fixed", "tools/x.txt", "x\n", "tools:1: does not belong at the top level"),
    ("top level is whole", "LICENSE", None, "LICENSE:1: is missing"),
    ("a source is built", "routing/forgotten.cpp", "int x;\n", "is built by no CMakeLists.txt"),
    ("files are short", "base/error.cpp", "int x;\n" * 601, "has 601 lines"),
    ("lines are short", "base/error.cpp", "//" + "x" * 99 + "\n", "base/error.cpp:1: 101 columns"),
    ("lines of scripts are short", "tests/x.mjs", "//" + "x" * 99 + "\n", "101 columns"),
    ("headers are guarded", "base/check.hpp", "// #pragma once\n", "without #pragma once"),
    ("base includes no room", "base/error.cpp", '#include "routing/node.hpp"\n',
     "base includes routing/node.hpp; a room takes only those before it"),
    ("routing does not include storage", "routing/node.cpp",
     '#include "storage/table/table.hpp"\n', "routing includes storage/table/table.hpp"),
    ("an operation does not include its group", "storage/operation/table.cpp",
     '#include "storage/group/group.hpp"\n', "storage/operation includes storage/group/group.hpp"),
    ("the table includes no Boost", "storage/table/table.cpp",
     "#include <boost/system/result.hpp>\n", "includes <boost/system/result.hpp>; the table takes"),
    ("the table includes no routing", "storage/table/table.cpp",
     '#include "routing/view.hpp"\n', "the table takes only std"),
    ("storage includes only views of routing", "storage/group/group.cpp",
     '#include "routing/node.hpp"\n', "of routing only position, arc"),
    ("the client includes only views of routing", "client/core/op_machine.cpp",
     '#include "routing/node.hpp"\n', "of routing only position, arc"),
    ("a core does not include the driver", "client/core/op_machine.cpp",
     '#include "peer/net/driver.hpp"\n', "client/core includes peer/net/driver.hpp"),
    ("the simulator has no driver", "sim/world.cpp",
     '#include "peer/net/driver.hpp"\n', "the simulator runs cores"),
    ("no room includes tests", "sim/world.cpp", '#include "tests/support/x.hpp"\n',
     '"tests/support/x.hpp" is no file of ours'),
    ("includes are written from the root", "routing/node.cpp", '#include "view.hpp"\n',
     '"view.hpp" is no file of ours'),
    ("own headers are quoted", "routing/node.cpp", "#include <routing/view.hpp>\n",
     'write "routing/view.hpp"'),
    ("no Asio in a core", "client/core/op_machine.cpp", "#include <boost/asio.hpp>\n",
     "use an effect"),
    ("no Asio in a core's test", "tests/routing/routing_test.cpp", "boost::asio::io_context c;\n",
     "use an effect"),
    ("no clock in a core", "routing/node.cpp", "auto t = std::chrono::steady_clock::now();\n",
     "use the `now` argument"),
    ("no clock in a test", "tests/routing/routing_test.cpp", "clock_gettime(0, &t);\n",
     "use the `now` argument"),
    ("no generator but ours", "sim/world.cpp", "std::mt19937 generator;\n", "use the Rng"),
    ("no wiring in a core", "routing/node.hpp", "#pragma once\nstd::function<void()> done_;\n",
     "use an effect, a sink"),
    ("no assert", "routing/node.cpp", "assert(x);\n", "use HOPRING_CHECK"),
    ("no cassert", "routing/node.cpp", "#include <cassert>\n", "use HOPRING_CHECK"),
    ("std is named", "tests/routing/routing_test.cpp", "using namespace std;\n", "use std::"),
    ("a header opens no namespace", "routing/node.hpp",
     "#pragma once\nusing namespace std::literals;\n", "a header decides for its readers"),
    ("no sleep in a test", "tests/routing/routing_test.cpp", "std::this_thread::sleep_for(1s);\n",
     "use an event to wait for"),
    ("nothing is left to do", "docs/walk.md", "FIXME\n", "`FIXME`; use the fix itself"),
    ("nothing is left to do, otherwise", "dev", "# TODO later\n", "`TODO`; use the fix itself"),
    ("no path of a home", "dev", "cd /home/me/hopring\n", "use a path from the repository's root"),
    ("no path of a workplace", "docs/walk.md", "see /wo" "rk/x\n",
     "use a path from the repository's"),
    ("no master", "routing/node.cpp", "// asks the master\n", "`master`; use primary and member"),
    ("no leader", "routing/node.cpp", "// the leader\n", "`leader`; use primary"),
    ("no vnode", "docs/walk.md", "a vnode\n", "`vnode`; use node"),
    ("no blacklist", "routing/node.cpp", "// the blacklist\n", "use allowed and refused"),
    ("no tracker's number", "docs/walk.md", "see issue 12\n", "`issue 12`; use the reason"),
    ("a lock has no addresses", "tests/x/package-lock.json", '"resolved": "https:\n',
     "use integrity alone"),
    ("functions are short", "base/error.cpp", "void f() {\n" + "g();\n" * 69 + "}\n",
     "base/error.cpp:1: f has 71 lines"),
    ("Python's functions too", "tests/x.py", "def f():\n" + "    g()\n" * 70, "f has 71 lines"),
    ("the ratchet holds only long functions", tidy.KNOWN_LONG, "base/error.cpp:f 80\n",
     "base/error.cpp:f is no longer long; remove its line"),
    ("links lead somewhere", "docs/walk.md", "[x](gone.md#part)\n", "link to gone.md#part leads"),
    ("links stay inside", "README.md", "[x](../other/README.md)\n", "leads nowhere"),
]

MESSAGES = """#pragma once
using RingMessage = std::variant<Ping, routing::Pong>;
using StorageMessage = std::variant<RingMessage, Put /* , Ghost */>;
"""
PROTOCOL = "| message | from |\n| --- | --- |\n| Ping | x |\n| `Put` | x |\n"


def faults(changes: dict[str, str | None]) -> list[str]:
    """What tidy says of the clean tree with `changes`; None removes a file."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in {**CLEAN, **changes}.items():
            if text is not None:
                file = Path(folder, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
        return [str(fault) for fault in tidy.faults(Path(folder))]


class Tidy(unittest.TestCase):
    def test_a_clean_tree_has_no_fault(self) -> None:
        self.assertEqual(faults({}), [])

    def test_every_planted_fault_is_the_one_that_is_named(self) -> None:
        for sentence, path, text, expected in CASES:
            with self.subTest(sentence):
                found = faults({path: text})
                self.assertEqual(len(found), 1, found)
                self.assertIn(expected, found[0])

    def test_every_ban_is_planted(self) -> None:
        for _, _, pattern, _ in tidy.BANNED:
            self.assertTrue(any(re.search(pattern, text or "") for _, _, text, _ in CASES), pattern)

    def test_a_message_without_a_row_is_named(self) -> None:
        found = faults({"routing/messages.hpp": MESSAGES, "docs/protocol.md": PROTOCOL})
        self.assertEqual(len(found), 1, found)
        self.assertIn("message Pong has no row", found[0])

    def test_the_ratchet_allows_what_it_lists_and_no_more(self) -> None:
        long = "void f() {\n" + "g();\n" * 78 + "}\n"
        for listed, expected in ((80, ""), (79, "f has 80 lines; divide it, 79 are enough"),
                                 (81, "base/error.cpp:f has 80 lines; lower its number")):
            ratchet = f"base/error.cpp:f {listed}\n"
            found = faults({"base/error.cpp": long, tidy.KNOWN_LONG: ratchet})
            self.assertIn(expected, "".join(found))
            self.assertEqual(len(found), 1 if expected else 0)

    def test_what_git_ignores_is_not_ours(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.check_call(["git", "init", "-q", folder])
            for name in (".gitignore", "build", "dev"):
                Path(folder, name).write_text("/build\n", encoding="utf-8")
            self.assertEqual(tidy.Tree(Path(folder)).paths, [".gitignore", "dev"])


class Functions(unittest.TestCase):
    def test_found_by_name_and_lines(self) -> None:
        source = '''
namespace hopring {
template <class T>
struct Box {
 public:
  Box(int a)
      : a_{a},
        b_{"}"} {
    if (a) { run(); }
  }
  int get() const { return '{'; }
  int a_{0};
};
enum class Color { red };
constexpr int numbers[] = {1, 2};
template <class T>
auto twice(T value) -> T {
  const auto f = [](T x) { return x + 1'000; };
  return f(value);
}
}
BOOST_TEST_DONT_PRINT_LOG_VALUE(hopring::Arc)
namespace {
BOOST_AUTO_TEST_CASE(holds) {
}
}
'''
        self.assertEqual(list(cpp_functions.functions(source)),
                         [("Box", 6, 10), ("get", 11, 11), ("twice", 16, 20),
                          ("BOOST_AUTO_TEST_CASE(holds)", 24, 25)])


if __name__ == "__main__":
    unittest.main()
