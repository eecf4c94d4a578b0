"""Peers as processes against clients that break the rules. Run by CTest.

What is written to the sockets follows docs/protocol.md, by hand: a client of another make.
"""

import socket
import struct
import threading
import time
from pathlib import Path

import ring

HELLO, HELLO_ANSWER, OP_REQUEST = 0x00, 0x01, 0x40
ROLE_PEER, ROLE_CLIENT = 0, 1
VALUE_BYTES_MAX = 16 << 20
RESIDENT_MAX_KIB = 300 << 10
IDLE_CONNECTIONS = 2000
SERVED_WITHIN_S = 1
PROTOCOL_VERSION = 8


def frame(kind: int, request: int, body: bytes, version: int = PROTOCOL_VERSION) -> bytes:
    return struct.pack("<IBBHQ", 12 + len(body), version, 0, kind, request) + body


def hello(role: int = ROLE_CLIENT, lowest: int = PROTOCOL_VERSION,
          highest: int = PROTOCOL_VERSION) -> bytes:
    from_nobody = bytes(16 + 2 + 8)
    body = struct.pack("<HHBQ", lowest, highest, role, 0) + from_nobody + bytes(8) + b"\0"
    return frame(HELLO, 0, body, version=0)


def get(key: bytes, request: int) -> bytes:
    unstamped, knows_no_view = b"\0", bytes(8)
    return frame(OP_REQUEST, request,
                 b"\0" + bytes([len(key)]) + key + unstamped + knows_no_view)


class Guest(ring.Connection):
    """A connection that is driven byte by byte."""

    def __init__(self, peer: ring.Peer, welcome: bool = True) -> None:
        super().__init__(peer)
        if welcome:
            self.socket.sendall(hello())
            kind, _, body = self.read_frame()
            assert kind == HELLO_ANSWER and body[0] == 0, (kind, body[:1])

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def read_frame(self) -> tuple[int, int, bytes]:
        length, _, _, kind, request = struct.unpack("<IBBHQ", self.read(16))
        return kind, request, self.read(length - 12)


class HostileTest(ring.RingTest):
    """Two peers, of one and of two threads."""

    def guest(self, welcome: bool = True, at: int = 0) -> Guest:
        guest = Guest(self.peers[at], welcome)
        self.addCleanup(guest.socket.close)
        return guest

    def resident_kib(self, at: int = 0) -> int:
        status = Path(f"/proc/{self.peers[at].process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if "VmRSS" in line))

    def is_served(self) -> None:
        """Another client's worst wait, over a few dozen operations and at both peers."""
        for n in range(12):
            for peer in self.peers:
                began = time.monotonic()
                self.expect(0, "put", f"own{n}", "value", at=peer)
                self.assertEqual(self.expect(0, "get", f"own{n}", at=peer), b"value")
                self.assertLess(time.monotonic() - began, 2 * SERVED_WITHIN_S)

    def test_a_client_of_another_make_is_served(self) -> None:
        self.expect(0, "put", "key", "value")
        answers = 0
        for peer in range(2):
            guest = self.guest(at=peer)
            guest.socket.sendall(get(b"key", 77))
            kind, request, body = guest.read_frame()
            self.assertEqual((kind, request), (0x60, 77))
            answers += b"value" in body  # the other one says where to go
        self.assertEqual(answers, 1)

    def test_what_breaks_the_protocol_before_the_hello_is_closed(self) -> None:
        bad = {
            "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "noise": bytes(range(256)) * 4,
            "zeros": bytes(64),
            "a length above 4 KiB": struct.pack("<I", 1 << 20) + bytes(4096),
            "a request": get(b"key", 1),
            "no version in common": hello(lowest=900, highest=901),
            "versions the wrong way round": hello(lowest=6, highest=5),
            "a role that is not listed": hello(role=9),
            "a peer without an incarnation": hello(role=ROLE_PEER),
            "a hello that ends early": frame(HELLO, 0, b"\1\0\1\0", version=0),
            "a hello with bytes left over": frame(HELLO, 0, hello()[16:] + b"x", version=0),
        }
        for what, data in bad.items():
            with self.subTest(what):
                guest = self.guest(welcome=False)
                guest.socket.sendall(data)
                self.assertTrue(guest.is_closed())
        self.is_served()

    def test_what_breaks_the_protocol_after_the_hello_is_closed(self) -> None:
        bad = {
            "noise": b"\x40\0\0\0" + bytes(range(64)),
            "a second hello": hello(),
            "an unlisted kind": frame(0x7777, 1, b""),
            "another version": frame(OP_REQUEST, 1, b"\0\1k" + bytes(9), version=9),
            "an empty body": frame(OP_REQUEST, 1, b""),
            "an alternative that is not listed": frame(OP_REQUEST, 1, b"\x63\1k" + bytes(9)),
            "a string longer than its frame": frame(OP_REQUEST, 1, b"\0\xff\xff\xff\x0fk"),
            "bytes left over": frame(OP_REQUEST, 1, b"\0\1k" + bytes(9) + b"x"),
            "a frame of 4 GiB": struct.pack("<IBBHQ", 0xffffffff, 1, 0, OP_REQUEST, 1),
            "a frame shorter than its header": struct.pack("<I", 3) + bytes(3),
            "what only peers may say": frame(0x17, 0, bytes(4)),
        }
        for what, data in bad.items():
            with self.subTest(what):
                guest = self.guest()
                guest.socket.sendall(data)
                self.assertTrue(guest.is_closed())
        self.is_served()

    def test_truncated_frames_are_forgotten_with_their_connection(self) -> None:
        before = self.resident_kib()
        for cut in range(1, 40):
            guest = self.guest()
            guest.socket.sendall(get(b"key" * 10, 1)[:cut])
            guest.socket.close()
        announced = struct.pack("<IBBHQ", 32 << 20, 1, 0, OP_REQUEST, 1)
        for _ in range(200):
            self.guest().socket.sendall(announced)  # memory is taken for what has arrived
        self.is_served()
        self.assertLess(self.resident_kib() - before, 50 << 10)

    def test_a_client_that_never_reads_takes_bounded_memory(self) -> None:
        value = b"v" * (1 << 20)
        self.expect(0, "put", "large", "-", input=value)
        request = get(b"large", 1)
        guests = [self.guest(at=n % 2) for n in range(8)]
        for guest in guests:
            guest.socket.setblocking(False)
            try:
                for _ in range(20000):  # 20 GB of replies, would they be made
                    guest.socket.send(request * 100)
            except BlockingIOError:
                pass  # it is not read any more
        self.is_served()
        for peer in range(2):
            self.assertLess(self.resident_kib(peer), RESIDENT_MAX_KIB)

    def test_values_of_the_largest_size_that_nobody_reads_take_bounded_memory(self) -> None:
        """Each guest asks for a hundred of them at once: in a peer of two threads half of the
        guests ask the thread that does not hold the value."""
        self.expect(0, "put", "largest", "-", input=b"v" * VALUE_BYTES_MAX)
        guests = [self.guest(at=n % 2) for n in range(8)]
        for guest in guests:
            guest.socket.sendall(b"".join(get(b"largest", n) for n in range(1, 101)))
        self.is_served()
        for peer in range(2):
            self.assertLess(self.resident_kib(peer), RESIDENT_MAX_KIB)

    def test_idle_connections_do_not_keep_others_waiting(self) -> None:
        guests = [self.guest(welcome=n % 2 == 0, at=n % 2) for n in range(IDLE_CONNECTIONS)]
        for guest in guests[:100]:
            guest.socket.sendall(b"\x10\0\0\0\1")  # a frame that never ends
        self.is_served()
        for peer in range(2):
            self.assertLess(self.resident_kib(peer), RESIDENT_MAX_KIB)

    def test_the_largest_value_goes_through_and_one_byte_more_is_refused(self) -> None:
        largest = bytes(range(256)) * (VALUE_BYTES_MAX // 256)
        self.expect(0, "put", "largest", "-", input=largest)
        for peer in self.peers:
            self.assertEqual(self.expect(0, "get", "largest", at=peer), largest)
        done = self.hopring("put", "larger", "-", input=largest + b"x")
        self.assertEqual(done.returncode, 4)
        self.assertIn(b"longer than the ring's limit", done.stderr)
        self.expect(1, "get", "larger")
        self.expect(0, "put", "k" * 4, "v")

    def test_large_values_of_others_do_not_keep_one_waiting(self) -> None:
        largest = b"v" * VALUE_BYTES_MAX
        stop = threading.Event()

        def put_large(n: int) -> None:
            while not stop.is_set():
                self.hopring("put", f"large{n}", "-", input=largest, at=self.peers[n % 2])

        threads = [threading.Thread(target=put_large, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        try:
            self.is_served()
        finally:
            stop.set()
            for thread in threads:
                thread.join()


if __name__ == "__main__":
    ring.main()
