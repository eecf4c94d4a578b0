"""Connections that speak RESP, for the integration tests."""

import socket

import ring


class Failure(str):
    """An error reply."""


class Guest(ring.Connection):
    """A connection that speaks RESP, as bare as it gets."""

    def __init__(self, peer: ring.Peer) -> None:
        super().__init__(peer)
        self.file = self.socket.makefile("rb")

    @classmethod
    def at_path(cls, path: str) -> "Guest":
        """To a server that listens at a path."""
        guest = cls.__new__(cls)
        guest.socket = socket.socket(socket.AF_UNIX)
        guest.socket.settimeout(ring.PATIENCE_S)
        guest.socket.connect(path)
        guest.file = guest.socket.makefile("rb")
        return guest

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    @staticmethod
    def request(*words: str | bytes) -> bytes:
        parts = [word.encode() if isinstance(word, str) else word for word in words]
        return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError(line)
        kind, text = line[:1], line[1:-2]
        if kind == b"+":
            return text.decode()
        if kind == b"-":
            return Failure(text.decode())
        if kind == b":":
            return int(text)
        if kind == b"_":
            return None
        size = int(text)
        if kind in (b"$", b"="):
            return None if size < 0 else self.file.read(size + 2)[:-2]
        if kind == b"%":
            return {self.reply(): self.reply() for _ in range(size)}
        if kind in (b"*", b"~"):
            return None if size < 0 else [self.reply() for _ in range(size)]
        raise AssertionError(line)

    def ask(self, *words: str | bytes):
        self.send(self.request(*words))
        return self.reply()
