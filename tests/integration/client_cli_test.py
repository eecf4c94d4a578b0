"""The command line against rings of real processes.

    client_cli_test.py BIN_DIR
"""

import json
import os
import random
import subprocess
import tempfile
import unittest

import ring

ANY_BYTES = bytes(range(256)) + b"\r\n\t\0"


class OneKey(ring.RingTest):
    def test_put_get_del(self) -> None:
        self.expect(0, "put", "k", "two words")
        for peer in self.peers:
            self.assertEqual(self.expect(0, "get", "k", at=peer), b"two words")
        self.expect(0, "del", "k")
        self.expect(1, "del", "k")
        self.assertEqual(self.expect(1, "get", "k"), b"")

    def test_any_bytes_go_through_unharmed(self) -> None:
        self.expect(0, "put", "bytes", "-", input=ANY_BYTES)
        self.assertEqual(self.expect(0, "get", "bytes"), ANY_BYTES)
        self.expect(0, "put", "-", "v", input=ANY_BYTES)
        self.assertEqual(self.expect(0, "get", "-", input=ANY_BYTES), b"v")
        self.expect(0, "put", b"\xff\xfe", b"\x80")
        self.assertEqual(self.expect(0, "get", b"\xff\xfe"), b"\x80")
        self.expect(0, "put", "empty", "")
        self.assertEqual(self.expect(0, "get", "empty"), b"")
        large = os.urandom(3 << 20)
        self.expect(0, "put", "large", "-", input=large)
        self.assertEqual(self.expect(0, "get", "large"), large)

    def test_types(self) -> None:
        self.expect(0, "put", "n", "-42", "--type", "integer")
        self.expect(0, "put", "f", "0.1", "--type", "floating")
        self.expect(0, "put", "j", '{"b": 1, "a":1.0}', "--type", "json")
        self.assertEqual(self.expect(0, "get", "n"), b"-42")
        self.assertEqual(self.expect(0, "get", "f"), b"0.1")
        self.assertEqual(self.expect(0, "get", "j"), b'{"b": 1, "a":1.0}')
        told = json.loads(self.expect(0, "get", "n", options=["--json"]))
        self.assertEqual(told, {"key": "n", "type": "integer", "value": -42})
        for kind, value in [("integer", "1.5"), ("floating", "x"), ("json", "{"), ("object", "x")]:
            self.expect(2, "put", "k", value, "--type", kind)

    def test_conditions(self) -> None:
        self.expect(1, "put", "k", "v", "--if-present")
        self.expect(0, "put", "k", "v", "--if-absent")
        self.expect(1, "put", "k", "w", "--if-absent")
        self.expect(0, "put", "k", "w", "--if-present")
        self.assertEqual(self.expect(0, "get", "k"), b"w")

    def test_counters(self) -> None:
        self.assertEqual(self.expect(0, "incr", "n"), b"1\n")
        self.assertEqual(self.expect(0, "incr", "n", "-5"), b"-4\n")
        self.assertEqual(self.expect(0, "incr", "n", "--", "-5"), b"-9\n")
        self.expect(0, "put", "word", "w")
        self.expect(4, "incr", "word")
        self.expect(2, "incr", "n", "many")

    def test_compare_and_set(self) -> None:
        self.expect(1, "cas", "k", "a", "b")
        self.expect(0, "put", "k", "a")
        self.expect(0, "cas", "k", "a", "b")
        told = json.loads(self.expect(1, "cas", "k", "a", "c", options=["--json"]))
        self.assertEqual((told["outcome"], told["actual"]["value"]), ("mismatch", "b"))

    def test_expiry(self) -> None:
        self.expect(0, "put", "k", "v", "--ttl", "1000")
        self.assertIn("expires_at_ms", json.loads(self.expect(0, "get", "k", options=["--json"])))
        self.expect(0, "put", "brief", "v", "--ttl", "0.001")
        while self.hopring("get", "brief").returncode == 0:
            pass  # each look asks the peer, which judges by its clock

    def test_options_end_at_two_dashes(self) -> None:
        self.expect(0, "put", "--", "--json", "--at")
        self.assertEqual(self.expect(0, "get", "--", "--json"), b"--at")


class Mistakes(ring.RingTest):
    PEERS = 1

    def test_usage(self) -> None:
        for words in [[], ["fly"], ["put", "k"], ["get", "k", "l"], ["get", "k", "--no-such"],
                      ["put", "-", "-"], ["put", "k", "v", "--ttl", "0"],
                      ["scan", "--cursor", "zz"], ["import", "/no/such/file"],
                      ["import", "--format", "xml"], ["--timeout", "no", "get", "k"]]:
            done = self.hopring(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertEqual(done.stderr.count(b"\n"), 1, "one line")
        self.assertEqual(subprocess.run([self.bin_dir / "hopring", "--at", "nonsense", "get", "k"],
                                        capture_output=True).returncode, 2)

    def test_help_is_everywhere(self) -> None:
        self.assertIn(b"Commands", self.expect(0, "--help"))
        self.assertIn(b"hopring 0.", self.expect(0, "--version"))
        for command in ["put", "get", "del", "incr", "cas", "scan", "import", "verify",
                        "export", "ring", "stats"]:
            self.assertIn(f"usage: hopring {command}".encode(), self.expect(0, command, "--help"))

    def test_an_input_that_cannot_be_read_stores_nothing(self) -> None:
        put = self.command("put", "k", "-")
        closed = subprocess.run(["sh", "-c", '"$@" <&-', "sh", *put], capture_output=True,
                                timeout=ring.PATIENCE_S)
        folder = subprocess.run(["sh", "-c", '"$@" </', "sh", *put], capture_output=True,
                                timeout=ring.PATIENCE_S)
        for done in [closed, folder]:
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(b"cannot read standard input", done.stderr)
        self.expect(1, "get", "k")

    def test_an_answer_that_cannot_be_written_is_told(self) -> None:
        self.expect(0, "put", "large", "-", input=b"v" * (3 << 20))
        for output in [">/dev/full", ">&-"]:
            done = subprocess.run(["sh", "-c", f'"$@" {output}', "sh",
                                   *self.command("get", "large")], stderr=subprocess.PIPE,
                                  timeout=ring.PATIENCE_S)
            self.assertEqual(done.returncode, 4, output)
            self.assertIn(b"could not be written", done.stderr)

    def test_nobody_there_is_3(self) -> None:
        gone = self.peers[0]
        gone.kill()
        for words in [["get", "k"], ["put", "k", "v"], ["ring"], ["stats"], ["scan"], ["export"],
                      ["verify", "--format", "words", "-"]]:
            self.expect(3, *words, at=gone, timeout="0.2", input=b"key\n")

    def test_refused_is_4(self) -> None:
        self.expect(4, "put", "", "v")
        self.expect(4, "put", "-", "v", input=b"k" * 65536)
        self.expect(4, "put", "k", "-", input=b"v" * ((16 << 20) + 1))


class ManyKeys(ring.RingTest):
    PEERS = 3

    def test_verify_names_what_is_stored_otherwise(self) -> None:
        words = b"".join(b"word %d\n" % n for n in range(5000))
        self.expect(0, "import", "--format", "words", input=words)
        self.expect(0, "verify", "--format", "words", input=words, at=self.peers[1])
        self.expect(0, "put", "word 1234", "another")
        self.expect(0, "del", "word 4000")
        done = self.hopring("verify", "--format", "words", "--json", input=words)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads(done.stdout), {"verified": 4998, "failed": 2})
        self.assertIn(b"line 1235: the value has another type", done.stderr)
        self.expect(4, "verify", input=b"no record\n")

    def test_export_and_import_are_inverses(self) -> None:
        random.seed(1)
        records = [{"key": f"word {n}", "type": "integer", "value": n - 500} for n in range(1000)]
        records += [
            {"key_base64": "/wA=", "type": "string", "value_base64": "gA=="},
            {"key": "\u0000\"\\\n\U0001f600", "type": "string", "value": "\u0000\n\t\u00e9"},
            {"key": "empty", "type": "string", "value": ""},
            {"key": "json", "type": "json", "value": '{ "a" : 1.0 }'},
            {"key": "nan", "type": "floating", "value_base64": "AQAAAAAA+H8="},
            {"key": "expires", "type": "string", "value": "", "expires_at_ms": 4000000000000},
            {"key": "object", "type": "object", "value_base64": "AQAAAP+A"},
        ]
        records += [{"key": f"f{n}", "type": "floating", "value": text} for n, text in enumerate(
            ["0.1", "-0", "inf", "-inf", "5e-324", "1.7976931348623157e+308"])]
        for n in (-2**63, 2**63 - 1):
            records.append({"key": f"i{n}", "type": "integer", "value": n})
        text = "".join(json.dumps(record) + "\n" for record in records)
        self.expect(0, "import", input=text.encode())

        exported = self.expect(0, "export", at=self.peers[1])
        in_order = lambda some: sorted(some, key=lambda r: str(r.get("key", r.get("key_base64"))))
        self.assertEqual(in_order(map(json.loads, exported.splitlines())), in_order(records))

        other = ring.Peer(self.bin_dir)
        self.peers.append(other)
        with tempfile.NamedTemporaryFile() as file:
            file.write(exported)
            file.flush()
            self.expect(0, "import", file.name, at=other)
        again = self.expect(0, "export", at=other)
        self.assertEqual(sorted(again.splitlines()), sorted(exported.splitlines()))

    def test_words_and_tsv(self) -> None:
        self.expect(0, "import", "--format", "words", "-", input=b"one\ntwo\nthree\n")
        self.assertEqual(self.expect(0, "get", "three"), b"3")
        self.expect(0, "import", "--format", "tsv", input=b"a\tb\tc\nd\t\xff\n")
        self.assertEqual(self.expect(0, "get", "a"), b"b\tc")
        self.assertEqual(self.expect(0, "get", "d"), b"\xff")

    def test_of_two_lines_with_one_key_the_later_one_stays(self) -> None:
        lines = b"".join(b"same\t%d\n" % n for n in range(300))
        self.expect(0, "import", "--format", "tsv", input=lines)
        self.assertEqual(self.expect(0, "get", "same"), b"299")

    def test_a_bad_line_is_named(self) -> None:
        good = b'{"key":"a","type":"string","value":"v"}\n'
        bad = [b"no json", b"[]", b'{"key":"k"}', b'{"key":"k","type":"string"}',
               b'{"key":"k","type":"integer","value":"1"}', b'{"key":"k","type":"odd","value":"1"}',
               b'{"key":"k","key_base64":"aw==","type":"string","value":""}',
               b'{"key":"k","type":"string","value_base64":"a"}',
               b'{"key":"k","type":"integer","value_base64":"aw=="}',
               b'{"key":"k","type":"string","value":"","expires_at_ms":-1}']
        for line in bad:
            done = self.hopring("import", input=good + line + b"\n")
            self.assertEqual(done.returncode, 4, line)
            self.assertIn(b"line 2: ", done.stderr)
        self.assertEqual(self.expect(0, "get", "a"), b"v")

    def test_scan(self) -> None:
        lines = b"".join(b"k%d\t%d\n" % (n, n) for n in range(300)) + b"other\t0\n"
        self.expect(0, "import", "--format", "tsv", input=lines)
        whole = self.expect(0, "scan", "--prefix", "k").splitlines()
        self.assertEqual(sorted(whole), sorted(b"k%d\t%d" % (n, n) for n in range(300)))
        pages, cursor = [], []
        while True:
            page = self.expect(0, "scan", "--prefix", "k", "--limit", "70", "--keys-only",
                               *cursor, options=["--json"]).splitlines()
            objects = [json.loads(line) for line in page]
            pages += [o["key"].encode() for o in objects if "key" in o]
            if "cursor" not in (objects or [{}])[-1]:
                break
            cursor = ["--cursor", objects[-1]["cursor"]]
        self.assertEqual(pages, [line.split(b"\t")[0] for line in whole])

    def test_ring_and_stats(self) -> None:
        words = b"".join(b"%d\n" % n for n in range(900))
        self.expect(0, "import", "--format", "words", input=words)
        # While arcs move, what peers say at different moments may not fit together.
        self.expect(0, "ring", "--wait-healthy")
        self.expect(2, "ring", "--wait-healthy=-1")
        told = json.loads(self.expect(0, "ring", options=["--json"]))
        self.assertEqual({p["peer"] for p in told["peers"]}, {p.address for p in self.peers})
        self.assertEqual({p["id"] for p in told["peers"]}, {p.id for p in self.peers})
        self.assertEqual((told["keys"], told["whole"], told["faults"]), (900, True, []))
        self.assertAlmostEqual(sum(p["share"] for p in told["peers"]), 1)
        self.assertIn(b"the ring is whole: ", self.expect(0, "ring"))
        self.assertIn(b"arcs_taken_over", self.expect(0, "stats"))
        every = self.expect(0, "stats", "--all", options=["--json"]).splitlines()
        self.assertEqual(len(every), 3)


class GoingOn(ring.RingTest):
    def test_a_client_goes_on_when_one_of_its_contacts_is_gone(self) -> None:
        words = b"".join(b"%d\n" % n for n in range(500))
        self.expect(0, "import", "--format", "words", input=words)
        first, second = self.peers
        self.assertEqual(first.leave(), 0, first.log_text())
        self.expect(3, "get", "7", timeout="0.2")
        both = ["--at", second.address]  # beside the first one, who is gone
        self.assertEqual(self.expect(0, "get", "7", options=both), b"8")
        told = json.loads(self.expect(0, "ring", options=[*both, "--json"]))
        self.assertEqual((told["keys"], told["whole"]), (500, True))


class Together(ring.RingTest):
    """32 processes and one peer as their contact: nothing lost, nothing torn."""

    def test_processes_share_a_peer(self) -> None:
        halves = [b"%d" % n * 5000 for n in range(10)]
        processes = []
        for n in range(32):
            lines = b"".join(b"own%d-%d\t%d\n" % (n, i, i) for i in range(200))
            lines += b"shared\t%s\n" % halves[n % 10]
            process = subprocess.Popen(self.command("import", "--format", "tsv"),
                                       stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
            processes.append((process, lines))
            counter = subprocess.Popen(self.command("incr", "count"), stdout=subprocess.DEVNULL)
            processes.append((counter, None))
        for process, lines in processes:
            process.communicate(lines, timeout=ring.PATIENCE_S)
            self.assertEqual(process.returncode, 0)
        self.assertEqual(self.expect(0, "get", "count"), b"32")
        self.assertIn(self.expect(0, "get", "shared"), halves)
        own = self.expect(0, "scan", "--prefix", "own", at=self.peers[1]).splitlines()
        self.assertEqual(set(own), {b"own%d-%d\t%d" % (n, i, i) for n in range(32)
                                    for i in range(200)})


if __name__ == "__main__":
    ring.main()
