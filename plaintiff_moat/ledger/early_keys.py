"""A publication that begins before the last chunks are landed.

The keys of a large file are a fourth of its time, and one session of the server inserts them. In the transaction that
is going to publish the run they are taken, and the records recounted, as chunks land: the two go side by side.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import psycopg

from plaintiff_moat.errors import MoatError
from plaintiff_moat.ledger.connect import Database, connect
from plaintiff_moat.ledger.leases import Lease
from plaintiff_moat.ledger.queries import query

__all__ = ["EarlyKeys"]

# Fewer are published in the time that a connection takes.
_FEWEST_CHUNKS: Final = 8
# What a publication takes beside a landing. Whoever publishes of the same source system waits for it: begun so long
# before the landing ends, it is over soon after.
SECONDS_OF_A_RECORD: Final = 6e-6
# Keys of many chunks together cost less than chunk by chunk, the more so the larger the index; but few may be left for
# the end. It goes on once this many times those that wait are as many as are still to land.
_LEFT_OF_WAITING: Final = 8
# Half of what the server lets the session be idle for.
_LONGEST_PAUSE_SECONDS: Final = 5.0
_CANCELLATION_SECONDS: Final = 5.0

_Answer = TypeVar("_Answer")


class EarlyKeys:
    """Takes the keys of a run's chunks while others of them land, from a thread and on a connection of its own.

    It gains time and nothing else: what goes wrong with it is given up without a trace, and the run is published as if
    there had been no such attempt.
    """

    def __init__(self, database: Database, lease: Lease, *, chunks: int, records: int) -> None:
        self._database = database
        self._lease = lease
        self._chunks = chunks
        self._publication_seconds = records * SECONDS_OF_A_RECORD
        self._landed = self._taken = 0
        self._paused = 0.0
        self._first: tuple[int, float] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="moat-keys")
        self._taking: Future[None] | None = None
        self._conn: psycopg.Connection[Any] | None = None
        self._is_over = chunks < _FEWEST_CHUNKS

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        conn = self._conn  # the thread may give it up at any moment
        try:
            if conn is not None:
                with suppress(psycopg.Error):
                    conn.cancel_safe(timeout=_CANCELLATION_SECONDS)
        finally:
            self._thread.shutdown()
            self._roll_back()

    def landed(self, chunks: int) -> None:
        """Says how many chunks are landed by now, at first before one lands. Their keys are taken if it is time."""
        self._landed = chunks
        if self._is_over:
            return
        now = time.monotonic()
        if self._begins(now) if self._taking is None else self._taking.done() and self._goes_on(now):
            self._taking = self._thread.submit(self._take)

    def _begins(self, now: float) -> bool:
        first, began = self._first = self._first or (self._landed, now)
        left = self._chunks - self._landed
        landed = self._landed - first
        return 0 < left * (now - began) <= landed * self._publication_seconds

    def _goes_on(self, now: float) -> bool:
        waiting, left = self._landed - self._taken, self._chunks - self._landed
        return waiting > 0 and (waiting * _LEFT_OF_WAITING >= left or now - self._paused >= _LONGEST_PAUSE_SECONDS)

    def publish(self, operation: Callable[[psycopg.Connection[Any]], _Answer | None]) -> _Answer | None:
        """What the operation answers, which publishes the run; it is committed together with the keys taken early.

        None, and nothing is kept, where no keys were taken, the operation fails or its answer is None.
        """
        self._is_over = True
        if self._taking is not None:
            self._taking.result()
        if self._conn is None:
            return None
        with suppress(MoatError, psycopg.Error), closing(self._conn) as conn:
            answer = operation(conn)
            if answer is not None:
                conn.commit()
            return answer
        return None

    def _take(self) -> None:
        try:
            if self._conn is None:
                self._conn = connect(self._database)
                self._conn.autocommit = False
            self._take_landed(self._conn)
        except Exception:  # noqa: BLE001 - whoever publishes meets it again, and reports it
            self._is_over = True
            self._roll_back()

    def _take_landed(self, conn: psycopg.Connection[Any]) -> None:
        lease = {"run_id": self._lease.run_id, "worker_id": self._lease.worker_id, "attempt": self._lease.attempt}
        before = -1
        while before < self._taken and not self._is_over:
            row = conn.execute(query("take_keys_early"), lease, prepare=False).fetchone()
            before, self._taken, self._paused = self._taken, row[0] if row else 0, time.monotonic()
            if not self._goes_on(self._paused):
                break

    def _roll_back(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None
