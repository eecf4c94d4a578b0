#!/usr/bin/env python3
"""hopring-peer over a network that passes 10 MiB a second: a value of 16 MiB takes longer to pass
than a client waits for one that says nothing, on its way to the primary, to the members, and back.

Usage: slow_network_test.py <directory of the binaries> [test ...]
"""

import os
import socket
import threading
import time

import ring
from resp import Guest

BYTES_PER_SECOND = 10 << 20
PIECE_BYTES = 64 << 10
VALUE_BYTES = 16 << 20


class SlowWay:
    """Passes what comes to its port on, so many bytes a second each way of each connection."""

    def __init__(self) -> None:
        self.to = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * PIECE_BYTES)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self) -> None:
        self.listener.close()

    def accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                if self.listener.fileno() < 0:
                    return
                near.close()
                continue
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=ends, daemon=True).start()

    @staticmethod
    def pump(source: socket.socket, sink: socket.socket) -> None:
        due = time.monotonic()
        try:
            while piece := source.recv(PIECE_BYTES):
                due = max(due, time.monotonic()) + len(piece) / BYTES_PER_SECOND
                time.sleep(max(0, due - time.monotonic()))
                sink.sendall(piece)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other direction has ended it


class SlowNetworkTest(ring.RingTest):
    """All that three peers hear, of each other and of clients, comes by slow ways."""

    def setUp(self) -> None:
        self.peers: list[ring.Peer] = []
        self.addCleanup(lambda: [peer.close() for peer in self.peers])
        for _ in range(3):
            way = SlowWay()
            self.addCleanup(way.close)
            join = ["--join", self.peers[0].address] if self.peers else []
            with socket.socket() as place:  # bound, so that nobody else gets the port meanwhile
                place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                place.bind(("127.0.0.1", 0))
                way.to = place.getsockname()[1]
                self.peers.append(ring.Peer(self.bin_dir, "--listen", f"127.0.0.1:{way.to}",
                                            "--advertise", f"127.0.0.1:{way.port}", *join))
        self.until_settled()

    def test_the_longest_value_is_put_and_got_though_each_way_takes_seconds(self) -> None:
        for key in ("first", "second"):
            value = os.urandom(VALUE_BYTES)
            self.expect(0, "put", key, "-", input=value)
            self.assertEqual(self.expect(0, "get", key), value)

    def test_a_peer_of_which_it_is_asked_by_redis_passes_it_on(self) -> None:
        guest = Guest(self.peers[0])
        self.addCleanup(guest.close)
        value = b"v" * VALUE_BYTES
        for key in ("first", "second", "third", "fourth"):  # some are led by other peers
            self.assertEqual(guest.ask("SET", key, value), "OK")


if __name__ == "__main__":
    ring.main()
