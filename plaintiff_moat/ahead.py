"""Reading the next file while the database is at work on the one before: in a folder of small files, half the time."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from plaintiff_moat.containers.kinds import content_stem
from plaintiff_moat.delivery import Delivery, Measured, open_delivery
from plaintiff_moat.errors import BadInput
from plaintiff_moat.source.scan import CHUNK_BYTES

__all__ = ["Opened", "ReadAhead"]


# the one that is taken next, and the one after it
_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Opened:
    """A delivery, and where they were read ahead the rows of its only chunk with what they look like."""

    delivery: Delivery
    rows: Measured | None = None


@dataclass(frozen=True, slots=True)
class _Reading:
    about: dict[str, Any]
    state: tuple[int, ...]
    opened: Future[Opened]


class ReadAhead:
    """Opens deliveries, one of them ahead of time. Writes nothing.

    Only a plain file of one chunk is read ahead: that bounds the memory, and how long an interruption waits for it, and
    leaves nothing behind.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="moat-ahead")
        self._readings: dict[str, _Reading] = {}

    def begin(self, path: str | os.PathLike[str], *, with_rows: bool, **about: Any) -> None:
        """Begins to open the delivery, and with `with_rows` to prepare its records, beside the caller's work."""
        state = _state(path)
        if state is not None:
            opened = self._thread.submit(_open, path, about, with_rows=with_rows)
            self._readings[os.fspath(path)] = _Reading(about, state, opened)
            if len(self._readings) > _AT_ONCE:
                self._readings.pop(next(iter(self._readings))).opened.cancel()

    def take(self, path: str | os.PathLike[str], **about: Any) -> Opened:
        """The delivery as `open_delivery` gives it now, with its errors; read ahead if that was begun of just this.

        What was read ahead of a file that has changed since, or failed, counts for nothing.
        """
        reading = self._readings.pop(os.fspath(path), None)
        if reading is not None and reading.about == about:
            with suppress(Exception):
                opened = reading.opened.result()
                if _state(path) == reading.state:
                    return opened
        return Opened(open_delivery(path, **about))

    def close(self) -> None:
        """Ends the thread, and waits for what it is reading."""
        self._thread.shutdown(cancel_futures=True)


def _open(path: str | os.PathLike[str], about: dict[str, Any], *, with_rows: bool) -> Opened:
    delivery = open_delivery(path, **about)
    if delivery.container is not None:
        with delivery:
            raise BadInput("a container is opened when its turn comes")
    chunks = delivery.scan.chunks
    if with_rows and len(chunks) == 1:
        # what fails is met again, and reported, by whoever reads the chunk under its lease
        with suppress(Exception):
            return Opened(delivery, delivery.measured(chunks[0]))
    return Opened(delivery)


def _state(path: str | os.PathLike[str]) -> tuple[int, ...] | None:
    """What changes when the file does; None for one that is not read ahead."""
    if content_stem(os.fspath(path)) != os.fspath(path):
        return None
    try:
        found = os.stat(path)  # noqa: PTH116 - as `open_delivery` has it: a path of any kind
    except (OSError, ValueError):
        return None
    if found.st_size > CHUNK_BYTES:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
