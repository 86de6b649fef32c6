"""A network that fails when it is told to: a proxy before PostgreSQL that counts messages and cuts at one of them.

Messages are those of protocol version 3 (PostgreSQL documentation, "Message Formats"), numbered from 1 in each
direction over all connections together. Requests for encryption are declined and requests for cancelling are passed
on; neither is counted.
"""

import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from types import TracebackType
from typing import NamedTuple, Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

__all__ = ["Direction", "Message", "Proxy"]

_ENCRYPTION_REQUESTS = {80877103, 80877104}  # SSLRequest, GSSENCRequest
_CANCEL_REQUEST = 80877102
_RESET_WHEN_CLOSED = struct.pack("ii", 1, 0)
_PATIENCE = 30.0


class Direction(Enum):
    """Who sends a message; so a cut loses either a request, or the answer to what the server has already done."""

    FRONTEND = "request"
    BACKEND = "answer"


class Message(NamedTuple):
    """One message: `kind` is its type byte, "startup" for the one that has none; connections count from 1."""

    connection: int
    direction: Direction
    number: int
    kind: str
    body: bytes


class Proxy:
    """Listens on a port of its own before the server of `url`; `proxy.url` is the same database through it.

    With `cut`, the message of that direction and number is lost, and its connection with it: reset where a request is
    lost, closed where an answer is. Every other connection, and every later one, is served.
    """

    def __init__(self, url: str, cut: tuple[Direction, int] | None = None) -> None:
        parts = conninfo_to_dict(url)
        self._upstream = str(parts["host"]), int(parts["port"] or 5432)
        self._cut_at = cut
        self._lock = threading.Lock()
        self._numbers: Counter[Direction] = Counter()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = make_conninfo(url, host="127.0.0.1", port=self._listener.getsockname()[1], sslmode="disable")
        self.seen: list[Message] = []
        self.cuts: list[Message] = []
        self.connections = 0

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until each connection has ended by itself, so that every message is counted."""
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(_PATIENCE)
        self._listener.close()

    def count(self, direction: Direction) -> int:
        """How many messages of this direction there have been."""
        return self._numbers[direction]

    def admit(self, connection: int, direction: Direction, kind: str, body: bytes) -> bool:
        """Count a message; False for the one that is to be lost."""
        with self._lock:
            self._numbers[direction] += 1
            message = Message(connection, direction, self._numbers[direction], kind, body)
            self.seen.append(message)
            if self._cut_at != (direction, message.number):
                return True
            self.cuts.append(message)
            return False

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                self._start(_Connection(self, self.connections, client, _connected(*self._upstream)).serve)


class _Connection:
    """One client and its server session. A thread for each direction; the sockets are closed when both have ended."""

    def __init__(self, proxy: Proxy, number: int, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._number = number
        self._client = client
        self._server = server
        self._is_cut = False

    def serve(self) -> None:
        answers = threading.Thread(target=self._pass_on, args=(Direction.BACKEND,), daemon=True)
        with self._client, self._server, suppress(OSError):
            startup = self._startup()
            if startup[4:8] == struct.pack("!i", _CANCEL_REQUEST):
                self._server.sendall(startup)
            elif startup and self._admitted(Direction.FRONTEND, "startup", startup[4:]):
                self._server.sendall(startup)
                answers.start()
                self._pass_on(Direction.FRONTEND)
                answers.join()

    def _startup(self) -> bytes:
        while True:
            message = _read(self._client, typed=False)
            if len(message) != 8 or struct.unpack("!ii", message)[1] not in _ENCRYPTION_REQUESTS:
                return message
            self._client.sendall(b"N")

    def _pass_on(self, direction: Direction) -> None:
        source, target = (
            (self._client, self._server) if direction is Direction.FRONTEND else (self._server, self._client)
        )
        with suppress(OSError):
            while message := _read(source, typed=True):
                if not self._admitted(direction, chr(message[0]), message[5:]):
                    return
                target.sendall(message)
        if not self._is_cut:
            with suppress(OSError):
                target.shutdown(socket.SHUT_WR)

    def _admitted(self, direction: Direction, kind: str, body: bytes) -> bool:
        if self._proxy.admit(self._number, direction, kind, body):
            return True
        self._is_cut = True
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            if direction is Direction.FRONTEND:
                self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_WHEN_CLOSED)
            else:
                self._client.shutdown(socket.SHUT_RDWR)
        return False


def _connected(host: str, port: int) -> socket.socket:
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    server = socket.socket(socket.AF_UNIX)
    server.connect(f"{host}/.s.PGSQL.{port}")
    return server


def _read(source: socket.socket, *, typed: bool) -> bytes:
    """The next message whole, its length and, where it has one, its type included; b"" at the end of the stream."""
    wanted = 5 if typed else 4
    head = source.recv(wanted, socket.MSG_WAITALL)
    if len(head) < wanted:
        return b""
    length = struct.unpack("!i", head[-4:])[0] - 4
    body = source.recv(length, socket.MSG_WAITALL) if length else b""
    return head + body if len(body) == length else b""
