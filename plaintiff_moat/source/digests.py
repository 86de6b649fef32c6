"""SHA-256 in a thread of its own: hashing releases the interpreter, so that it runs beside the proof.

A thread begins with the first piece that is worth one, so that a small file costs none.
"""

import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

__all__ = ["Digest", "DigestThread"]

Pieces = list[bytes | memoryview]

# Besides the one that is hashed: enough that neither side waits often, and what waits are a few blocks at most.
_WAITING = 2
# Handing over takes as long as hashing about 16 KiB.
_WORTH_A_HANDOVER = 1 << 18


class DigestThread:
    """Hashes what it is handed in that order; when the context ends, all of it is hashed."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1)
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown(wait=True)

    def run(self, hash_pieces: Callable[[Pieces], None], pieces: Pieces) -> None:
        """Run soon; returns once few enough are waiting."""
        self._waiting.append(self._executor.submit(hash_pieces, pieces))
        if len(self._waiting) > _WAITING:
            self._waiting.popleft().result()


class Digest:
    """The SHA-256 of the pieces that it is fed, in order."""

    def __init__(self, thread: DigestThread) -> None:
        self._thread = thread
        self._sha256 = hashlib.sha256()
        self._pieces: Pieces = []
        self._size = 0
        self._handed_over = False

    def feed(self, piece: bytes | memoryview) -> None:
        """Add bytes, which must not change afterwards."""
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= _WORTH_A_HANDOVER:
            self._handed_over = True
            self.flush()

    def flush(self) -> None:
        """Hash or hand over what was fed; to be called after the last piece."""
        if self._handed_over:
            self._thread.run(self._update, self._pieces)
        else:
            self._update(self._pieces)
        self._pieces, self._size = [], 0

    def hexdigest(self) -> str:
        """Return the digest in hex; true once the thread's context has ended."""
        return self._sha256.hexdigest()

    def _update(self, pieces: Pieces) -> None:
        for piece in pieces:
            self._sha256.update(piece)
