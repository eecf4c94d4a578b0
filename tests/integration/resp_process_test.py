"""A ring of processes that is spoken to in RESP: by sockets, by hand, and by Redis's own tools. Run
by CTest. Without redis-tools the cases that need them are skipped.
"""

import json
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path
from types import SimpleNamespace

import ring
from resp import Failure, Guest

RESIDENT_MAX_KIB = 300 << 10
HEALED_WITHIN_S = 60
# A command that meets a dead primary: its group elects another one within this.
ELECTED_WITHIN_S = 30


class RespRingTest(ring.RingTest):
    """Three peers, of one, two and three threads, and three copies of each arc."""

    PEERS = 3

    def setUp(self) -> None:
        super().setUp()
        self.expect(0, "ring", f"--wait-healthy={HEALED_WITHIN_S}")

    def start_peer(self) -> ring.Peer:
        join = ["--join", self.peers[0].address] if self.peers else []
        flush = ["--allow-flush"] if len(self.peers) < 2 else []
        self.peers.append(ring.Peer(self.bin_dir, *ring.threads_of(len(self.peers)), *join, *flush))
        return self.peers[-1]

    def guest(self, at: int = 0) -> Guest:
        guest = Guest(self.peers[at])
        self.addCleanup(guest.close)
        return guest

    def tool(self, name: str, *words: str, at: int = 0, input: str = "") -> str:
        host, port = self.peers[at].address.rsplit(":", 1)
        done = subprocess.run([name, "-h", host, "-p", port, *words], input=input,
                              capture_output=True, text=True, timeout=ring.PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout


class RespTest(RespRingTest):
    """What one says by hand."""

    def resident_kib(self, at: int) -> int:
        status = Path(f"/proc/{self.peers[at].process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if "VmRSS" in line))

    def test_any_peer_answers_for_any_key(self) -> None:
        guests = [self.guest(at) for at in range(3)]
        for n in range(100):
            self.assertEqual(guests[n % 3].ask("SET", f"key{n}", f"value{n}"), "OK")
            for guest in guests:
                self.assertEqual(guest.ask("GET", f"key{n}"), b"value%d" % n)
        keys = [f"key{n}" for n in range(100)]
        self.assertEqual(guests[0].ask("MGET", *keys, "none"),
                         [b"value%d" % n for n in range(100)] + [None])
        self.assertEqual(guests[1].ask("EXISTS", *keys, "none"), 100)
        self.assertEqual(guests[2].ask("DEL", *keys, "none"), 100)
        self.assertEqual(guests[0].ask("MGET", *keys), [None] * 100)

    def test_what_one_operation_cannot_do_is_whole_nevertheless(self) -> None:
        guests = [self.guest(at) for at in range(3)]
        for n in range(30):
            a, b, c = guests[n % 3:] + guests[:n % 3]
            key = f"whole{n}"
            self.assertEqual(a.ask("APPEND", key, "ab"), 2)
            self.assertEqual(b.ask("APPEND", key, "cd"), 4)
            self.assertEqual(c.ask("GETSET", key, "7"), b"abcd")
            self.assertEqual(a.ask("SET", key, "8", "GET", "EX", "1000"), b"7")
            self.assertEqual(b.ask("INCRBY", key, "2"), 10)
            self.assertIn(c.ask("TTL", key), range(900, 1001))
            self.assertEqual(a.ask("PERSIST", key), 1)
            self.assertEqual(b.ask("TTL", key), -1)
            self.assertEqual(c.ask("EXPIRE", key, "1000", "NX"), 1)
            self.assertEqual(a.ask("GETDEL", key), b"10")
            self.assertIsNone(b.ask("GET", key))
            self.assertEqual(c.ask("SET", key, "x"), "OK")
            self.assertEqual(a.ask("EXPIRE", key, "-1"), 1)
            self.assertEqual(b.ask("EXISTS", key), 0)

    def test_counters_of_many_connections_lose_nothing(self) -> None:
        def count(at: int) -> None:
            guest = self.guest(at)
            guest.send(Guest.request("INCR", "n") * 100 + Guest.request("APPEND", "text", "x") * 20)
            for _ in range(120):
                self.assertIsInstance(guest.reply(), int)

        threads = [threading.Thread(target=count, args=(n % 3,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.guest().ask("GET", "n"), b"600")
        self.assertEqual(self.guest().ask("STRLEN", "text"), 120)

    def test_a_pipeline_is_answered_in_its_order(self) -> None:
        for at in range(3):
            guest = self.guest(at)
            guest.send(b"".join(Guest.request("SET", f"p{n}", f"{at} {n}") for n in range(1000)))
            self.assertEqual([guest.reply() for _ in range(1000)], ["OK"] * 1000)
            guest.send(b"".join(Guest.request("GET", f"p{n}") + b"PING\r\n" for n in range(1000)))
            for n in range(1000):
                self.assertEqual(guest.reply(), b"%d %d" % (at, n))
                self.assertEqual(guest.reply(), "PONG")

    def test_commands_of_one_connection_on_one_key_take_effect_in_order(self) -> None:
        for at in range(3):
            guest = self.guest(at)
            for key in range(10):
                guest.send(b"".join(Guest.request("SET", f"o{key}", str(n)) +
                                    Guest.request("GET", f"o{key}") for n in range(100)))
                for n in range(100):
                    self.assertEqual(guest.reply(), "OK")
                    self.assertEqual(guest.reply(), b"%d" % n)

    def test_lines_resp3_and_errors(self) -> None:
        guest = self.guest()
        guest.send(b"SET 'a key' \"a\\x20value\"\r\n\r\nGET 'a key'\n")
        self.assertEqual((guest.reply(), guest.reply()), ("OK", b"a value"))
        self.assertIn("unknown command 'nope'", guest.ask("nope", "x"))
        self.assertEqual(guest.ask("GET"), "ERR wrong number of arguments for 'get' command")
        hello = guest.ask("HELLO", "3")
        self.assertEqual((hello[b"proto"], hello[b"server"]), (3, b"redis"))
        self.assertIsNone(guest.ask("GET", "none"))
        self.assertIn(b"# Keyspace", guest.ask("INFO"))
        self.assertEqual(guest.ask("QUIT"), "OK")
        self.assertTrue(guest.is_closed())

    def test_both_protocols_see_the_same_values(self) -> None:
        guest = self.guest(1)
        self.expect(0, "put", "native", "value")
        self.assertEqual(guest.ask("GET", "native"), b"value")
        self.expect(0, "put", "--type", "integer", "number", "41")
        self.assertEqual(guest.ask("GET", "number"), b"41")
        self.assertEqual(guest.ask("INCR", "number"), 42)
        self.assertEqual(guest.ask("SET", "resp", "value"), "OK")
        self.assertEqual(self.expect(0, "get", "resp"), b"value")

    def test_the_largest_value_goes_through_and_one_byte_more_is_refused(self) -> None:
        largest = bytes(range(256)) * (1 << 16)
        guests = [self.guest(at) for at in range(3)]
        self.assertEqual(guests[0].ask("SET", "largest", largest), "OK")
        for guest in guests:
            self.assertEqual(guest.ask("GET", "largest"), largest)
        refused = guests[1].ask("APPEND", "largest", "x")
        self.assertEqual(refused,
                         "ERR string exceeds maximum allowed size (proto-max-bulk-len)")
        self.assertIsInstance(guests[2].ask("SET", "larger", largest + b"x"), Failure)
        self.assertEqual(guests[2].ask("STRLEN", "largest"), len(largest))

    def test_all_keys_are_met_counted_and_erased_from_any_peer(self) -> None:
        guests = [self.guest(at) for at in range(3)]
        pairs = [word for n in range(3000) for word in (f"all{n}", str(n))]
        self.assertEqual(guests[0].ask("MSET", *pairs), "OK")
        keys = {b"all%d" % n for n in range(3000)}
        for guest in guests:
            self.assertEqual(guest.ask("DBSIZE"), 3000)
            found = guest.ask("KEYS", "all*")
            self.assertEqual((len(found), set(found)), (3000, keys))
            self.assertIn(guest.ask("RANDOMKEY"), keys)
            met, cursor = [], b"0"
            while met == [] or cursor != b"0":
                cursor, page = guest.ask("SCAN", cursor, "COUNT", "100")
                met += page
            self.assertEqual((len(met), set(met)), (3000, keys))
            self.assertEqual(guest.ask("WAIT", "1", "0"), 1)
        self.assertIn("--allow-flush", guests[2].ask("FLUSHALL"))
        self.assertEqual(guests[2].ask("DBSIZE"), 3000)
        self.assertEqual(guests[1].ask("FLUSHALL"), "OK")
        for guest in guests:
            self.assertEqual(guest.ask("KEYS", "*"), [])
            self.assertIsNone(guest.ask("RANDOMKEY"))
            self.assertEqual(guest.ask("GET", "all7"), None)

    def test_clients_see_each_other_whatever_thread_serves_them(self) -> None:
        guests = [self.guest(2) for _ in range(6)]
        for n, guest in enumerate(guests):
            self.assertEqual(guest.ask("CLIENT", "SETNAME", f"guest{n}"), "OK")
        for guest in guests:
            listed = guest.ask("CLIENT", "LIST").decode()
            for n in range(6):
                self.assertEqual(listed.count(f" name=guest{n} "), 1)
        guests[0].ask("QUIT")
        self.assertTrue(guests[0].is_closed())
        while b"name=guest0 " in guests[1].ask("CLIENT", "LIST"):
            pass

    def test_new_names_and_conditions_across_the_ring(self) -> None:
        guests = [self.guest(at) for at in range(3)]
        for n in range(30):
            a, b, c = guests[n % 3:] + guests[:n % 3]
            old, new = f"old{n}", f"new{n}"
            self.assertEqual(a.ask("SET", old, "1", "EX", "1000"), "OK")
            self.assertEqual(b.ask("RENAME", old, new), "OK")
            self.assertEqual(c.ask("MGET", old, new), [None, b"1"])
            self.assertIn(a.ask("TTL", new), range(900, 1001))
            self.assertEqual(b.ask("MSETNX", old, "2", new, "3"), 0)
            self.assertEqual(c.ask("MSETNX", old, "2", old + "x", "3"), 1)
            self.assertEqual(a.ask("RENAMENX", old, new), 0)
            self.assertIsNone(b.ask("SET", old, "4", "IFEQ", "3"))
            self.assertEqual(c.ask("SET", old, "4", "IFEQ", "2"), "OK")
            self.assertEqual(a.ask("DELEX", old, "IFEQ", "2"), 0)
            self.assertEqual(b.ask("DELEX", old, "IFEQ", "4"), 1)
            self.assertEqual(c.ask("GETEX", new, "PERSIST"), b"1")
            self.assertEqual(a.ask("EXPIRE", new, "100", "XX"), 0)
            self.assertEqual(b.ask("INCRBYFLOAT", new, "0.5"), b"1.5")

    def test_a_killed_peer_costs_a_moment(self) -> None:
        guest = self.guest(1)
        keys = [f"kept{n}" for n in range(200)]
        for key in keys:
            self.assertEqual(guest.ask("SET", key, key), "OK")
        self.peers[0].kill()
        deadline = time.monotonic() + ELECTED_WITHIN_S
        for key in keys:
            while True:
                reply = guest.ask("GET", key)
                if not isinstance(reply, Failure):
                    break
                self.assertIn(reply.split()[0], ("UNAVAILABLE", "TRYAGAIN"))
                self.assertLess(time.monotonic(), deadline, reply)
            self.assertEqual(reply, key.encode())
        for key in keys:
            while isinstance(reply := guest.ask("SET", key, "new"), Failure):
                self.assertIn(reply.split()[0], ("UNAVAILABLE", "TRYAGAIN", "UNKNOWN"))
                self.assertLess(time.monotonic(), deadline, reply)
        self.assertEqual(self.guest(2).ask("MGET", *keys), [b"new"] * len(keys))

    def test_a_peer_that_leaves_answers_what_it_has_been_asked(self) -> None:
        """Nothing is executed whose client is not told so, and nothing is in doubt."""
        leaver, counted = self.start_peer(), {}
        self.until_settled()
        guests = [self.guest(3) for _ in range(8)]
        begun = [threading.Event() for _ in guests]

        def count(name: str, guest: Guest, event: threading.Event) -> None:
            try:
                while True:
                    counted[name] = guest.ask("INCR", name)
                    event.set()
            except (EOFError, OSError):
                pass  # it has left

        threads = [threading.Thread(target=count, args=(f"left{n}", *each))
                   for n, each in enumerate(zip(guests, begun))]
        for thread in threads:
            thread.start()
        for event in begun:
            self.assertTrue(event.wait(ring.PATIENCE_S))
        self.assertEqual(leaver.leave(), 0)
        for thread in threads:
            thread.join()
        guest = self.guest(0)
        self.assertEqual({name: int(guest.ask("GET", name)) for name in counted}, counted)

    def test_hostile_input_costs_bounded_memory_and_keeps_nobody_waiting(self) -> None:
        good = self.guest()
        self.assertEqual(good.ask("SET", "good", "v" * (1 << 20)), "OK")
        closes = {
            "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "post": b"POST / HTTP/1.1\r\n\r\nSET good bad\r\n",
            "tls": bytes.fromhex("160301020001000100fc0303") + bytes(500),
            "a length that is none": b"*1\r\n$x\r\n",
            "more arguments than allowed": b"*1048577\r\n",
            "a line without end": b"x" * 70000,
            "an unbalanced quote": b"SET 'a\r\n",
        }
        for what, data in closes.items():
            with self.subTest(what):
                bad = self.guest()
                bad.send(data)
                self.assertTrue(bad.is_closed())
        before = self.resident_kib(0)
        for _ in range(100):
            self.guest().send(b"*1048576\r\n$33554432\r\nabc")  # what is announced never comes
        self.assertLess(self.resident_kib(0) - before, 50 << 10)
        many = self.guest()
        many.send(b"*1048576\r\n" + b"$1\r\na\r\n" * 1048576)
        self.assertIn("unknown command 'a'", many.reply())
        greedy = [self.guest(at) for at in range(3)]
        for guest in greedy:
            guest.socket.setblocking(False)
            try:
                for _ in range(2000):  # gigabytes of replies, would they be made
                    guest.socket.send(Guest.request("GET", "good") * 100)
            except BlockingIOError:
                pass  # it is not read any more
        began = time.monotonic()
        self.assertEqual(good.ask("STRLEN", "good"), 1 << 20)
        self.assertLess(time.monotonic() - began, 2)
        for at in range(3):
            self.assertLess(self.resident_kib(at), RESIDENT_MAX_KIB)


@unittest.skipUnless(shutil.which("redis-cli") and shutil.which("redis-benchmark"),
                     "redis-tools are not installed")
class RedisToolsTest(RespRingTest):
    """The tools that everybody has."""

    def test_redis_cli_speaks_to_every_peer(self) -> None:
        self.assertEqual(self.tool("redis-cli", "SET", "cli", "value"), "OK\n")
        for at in range(3):
            self.assertEqual(self.tool("redis-cli", "GET", "cli", at=at), "value\n")
            self.assertEqual(self.tool("redis-cli", "-3", "GET", "cli", at=at), "value\n")
        lines = self.tool("redis-cli", input="SET n 1\nINCR n\nTTL n\nGET none\n", at=1)
        self.assertEqual(lines, "OK\n2\n-1\n\n")
        self.assertIn("errors: 0, replies: 2",
                      self.tool("redis-cli", "--pipe", input="SET a 1\r\nSET b 2\r\n"))

    def test_mass_insertion_counts_replies_and_errors_and_loses_nothing(self) -> None:
        keys = [b"mass\r\n\0%d" % n for n in range(5000)]
        lines = [Guest.request("SET", key, b"\xff%d" % n) for n, key in enumerate(keys)]
        lines.insert(2000, Guest.request("INCR", keys[0]) + Guest.request("LPUSH", "list", "x"))
        for options in ([], ["-3"]):
            done = subprocess.run(
                ["redis-cli", *options, "-p", self.peers[1].address.rsplit(":", 1)[1], "--pipe"],
                input=b"".join(lines), capture_output=True, timeout=ring.PATIENCE_S)
            self.assertIn(b"errors: 2, replies: 5002", done.stdout)
            for error in (b"value is not an integer", b"unknown command 'LPUSH'"):
                self.assertIn(error, done.stdout + done.stderr)
            for at in range(3):
                self.assertEqual(self.guest(at).ask("MGET", *keys),
                                 [b"\xff%d" % n for n in range(5000)])
                self.assertEqual(self.guest(at).ask("DBSIZE"), 5000)
            self.assertEqual(self.guest(2).ask("DEL", *keys), 5000)

    def test_redis_cli_walks_over_the_whole_ring(self) -> None:
        lines = "".join(f"SET key:{n} {'x' * (n + 1)}\r\n" for n in range(1000))
        self.assertIn("errors: 0, replies: 1000", self.tool("redis-cli", "--pipe", input=lines))
        keys = {f"key:{n}" for n in range(1000)}
        for at in range(3):
            for options in ([], ["-3"]):
                scanned = self.tool("redis-cli", *options, "--scan", at=at).splitlines()
                self.assertEqual((len(scanned), set(scanned)), (1000, keys))
        self.assertEqual(len(self.tool("redis-cli", "--scan", "--pattern", "key:99?").split()), 10)
        for options in (["--bigkeys"], ["--memkeys"], ["-3", "--bigkeys"]):
            told = self.tool("redis-cli", *options, at=1)
            self.assertIn("Sampled 1000 keys in the keyspace!", told)
            self.assertRegex(told, r"Biggest string found '\"key:999\"' has \d+ bytes")

    def test_redis_cli_tells_how_much_a_peer_has_to_do(self) -> None:
        self.assertEqual(self.tool("redis-cli", "SET", "stat", "value"), "OK\n")
        host, port = self.peers[0].address.rsplit(":", 1)
        with subprocess.Popen(["redis-cli", "-h", host, "-p", port, "--stat", "-i", "0.01"],
                              stdout=subprocess.PIPE, text=True) as tool:
            told = [tool.stdout.readline() for _ in range(4)]
            tool.kill()
        _, _, clients, blocked, requests, change, connections = told[3].split()
        self.assertGreaterEqual(int(clients), 1)
        self.assertEqual(blocked, "0")
        self.assertGreater(int(requests), 1)
        self.assertEqual(change, "(+1)")
        self.assertGreater(int(connections), 1)

    def until_each_knows_all(self) -> None:
        """Who has just joined is heard of by some peers sooner than by others."""
        ends = time.monotonic() + ring.PATIENCE_S
        for at in range(3):
            while "cluster_known_nodes:3" not in self.tool("redis-cli", "CLUSTER", "INFO", at=at):
                self.assertLess(time.monotonic(), ends, f"peer {at} does not learn of the others")

    def test_clients_in_cluster_mode_spread_over_the_peers(self) -> None:
        self.assertEqual(self.tool("redis-cli", "-c", "SET", "k", "v", at=1), "OK\n")
        self.assertEqual(self.tool("redis-cli", "-c", "GET", "k", at=2), "v\n")
        self.until_each_knows_all()
        host, port = self.peers[0].address.rsplit(":", 1)
        checked = self.tool("redis-cli", "--cluster", "check", f"{host}:{port}")
        self.assertIn("[OK] All nodes agree about slots configuration.", checked)
        self.assertIn("[OK] All 16384 slots covered.", checked)
        told = self.tool("redis-benchmark", "--cluster", "-n", "3000", "-c", "6", "-t", "set,get")
        self.assertIn("Cluster has 3 master nodes", told)
        for peer in self.peers:
            self.assertIn(peer.address, told)
        self.assertNotIn("rror", told)

    def test_redis_benchmark_runs_through(self) -> None:
        for options in (["-P", "1"], ["-3", "-P", "16"], ["-r", "1000", "-P", "16"]):
            told = self.tool("redis-benchmark", "-q", "-n", "5000", "-c", "20", *options, "-t",
                             "ping,set,get,incr,mset", at=1)
            for name in ("SET", "GET", "INCR", "MSET"):
                self.assertRegex(told, rf"{name}\b.*: [0-9.]+ requests per second")
            self.assertNotIn("rror", told)


class LoadTest(RespRingTest):
    """hopring-bench loads the ring by both protocols."""

    KEYS = 500

    def load(self, *options: str) -> dict:
        at = [word for peer in self.peers for word in ("--at", peer.address)]
        done = subprocess.run(
            [self.bin_dir / "hopring-bench", "net", *at, "--keys", str(self.KEYS), "--seconds",
             "0.5", "--json", *options], capture_output=True, text=True, timeout=ring.PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        figures = json.loads(done.stdout)
        self.assertEqual((figures["errors"], figures["misses"]), (0, 0), done.stderr)
        self.assertGreater(figures["operations"], 0)
        self.assertTrue(0 < figures["p50_us"] <= figures["p99_us"] <= figures["longest_us"])
        return figures

    def test_every_operation_finds_its_key(self) -> None:
        self.load("--resp", "--fill", "--clients", "7", "--pipeline", "9", "--mix", "9:1")
        self.assertEqual(len(self.guest().ask("KEYS", "*")), self.KEYS)
        for options in (("--resp", "--batch", "10"), ("--mix", "1:1", "--zipf", "0.9"),
                        ("--batch", "10", "--mix", "1:1", "--pipeline", "3")):
            self.load(*options)

    def test_an_open_loop_keeps_its_rate(self) -> None:
        self.load("--resp", "--fill")
        for options in (("--resp",), ()):
            figures = self.load("--rate", "1000", *options)
            self.assertEqual(figures["operations"], 500)

    def test_misses_are_counted(self) -> None:
        done = subprocess.run(
            [self.bin_dir / "hopring-bench", "net", "--at", self.peers[0].address, "--resp",
             "--seconds", "0.2", "--json"], capture_output=True, text=True, check=True)
        figures = json.loads(done.stdout)
        self.assertEqual(figures["misses"], figures["operations"])

    def test_who_is_not_there_is_said(self) -> None:
        for speech in ((), ("--resp",), ("--memcached",)):
            done = subprocess.run(
                [self.bin_dir / "hopring-bench", "net", "--at", "127.0.0.1:1", "--seconds", "0.5",
                 *speech], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)


class OwnPortTest(ring.RingTest):
    """A peer with a port for RESP alone."""

    PEERS = 1

    def start_peer(self) -> ring.Peer:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.own = "127.0.0.1:%d" % free.getsockname()[1]
        self.peers.append(ring.Peer(self.bin_dir, "--replicas", "1", "--resp", self.own))
        return self.peers[-1]

    def test_at_a_port_of_its_own_only_resp_is_spoken(self) -> None:
        door = SimpleNamespace(address=self.own)
        for peer in (self.peers[0], door):
            guest = Guest(peer)
            self.addCleanup(guest.close)
            self.assertEqual(guest.ask("INCR", "n"), 1 if peer is not door else 2)
        self.assertEqual(self.expect(0, "get", "n"), b"2")
        refused = self.hopring("get", "n", at=door, timeout="1")
        self.assertNotEqual(refused.returncode, 0)
        self.assertEqual(refused.stdout, b"")


@unittest.skipUnless(shutil.which("redis-server"), "redis-server is not installed")
class AsRedisTest(ring.RingTest):
    """The same words to a ring and to Redis."""

    PEERS = 1

    def start_peer(self) -> ring.Peer:
        self.peers.append(ring.Peer(self.bin_dir, "--replicas", "1", "--allow-flush"))
        return self.peers[-1]

    def test_a_ring_answers_as_redis_does(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/redis"
            redis = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save",
                                      "", "--appendonly", "no", "--dir", folder],
                                     stdout=subprocess.PIPE, text=True)
            try:
                for line in redis.stdout:
                    if "now ready to accept connections" in line:
                        break
                self.compare(Guest(self.peers[0]), Guest.at_path(path))
            finally:
                redis.kill()
                redis.wait(ring.PATIENCE_S)
                redis.stdout.close()

    def compare(self, ours: Guest, theirs: Guest) -> None:
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        script = Path(__file__).with_name("resp_script.txt").read_text().splitlines()
        version = theirs.ask("INFO", "server").decode()
        if "redis_version:7.0." not in version:
            self.skipTest("the texts are those of Redis 7.0")
        lines = [line for line in script if line and not line.startswith("#")]
        self.assertGreater(len(lines), 200)
        for line in lines:
            words = shlex.split(line)
            mine, other = ours.ask(*words), theirs.ask(*words)
            if words[0] == "KEYS":
                mine, other = sorted(mine), sorted(other)
            with self.subTest(line):
                self.assertEqual(mine, other)


if __name__ == "__main__":
    ring.main()
