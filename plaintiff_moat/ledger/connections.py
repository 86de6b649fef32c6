"""Operations on the ledger that outlive a lost connection, a restarted server and a conflict.

Every operation that an importer sends can be said twice: the database recognises what it has done already. So what
fails for a reason that passes is said again, on a fresh connection, until it is done or patience is at its end.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_when_event_set,
    wait_random_exponential,
)
from tenacity.nap import sleep_using_event
from tenacity.stop import stop_base

from plaintiff_moat.errors import DatabaseUnreachable
from plaintiff_moat.ledger.connect import Database, connect
from plaintiff_moat.ledger.faults import domain_errors, is_passing
from plaintiff_moat.ledger.patience import PATIENCE_SECONDS
from plaintiff_moat.redaction import describe_error

__all__ = ["Connections"]

_LONGEST_PAUSE_SECONDS = 5.0
# The first may find that its connection has been dead for long; the second makes one.
_ATTEMPTS_IN_A_HURRY = 2

_log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")


class Connections:
    """Connections to one database, each used by one thread at a time and kept for the next operation.

    `patience` is in seconds and counts from an operation's first failure. Before the database has answered once, only
    a server that says that it is busy starting, ending or full is waited for: a wrong URL does not come right.
    """

    def __init__(self, database: Database, patience: float = PATIENCE_SECONDS) -> None:
        self.database = database
        self._patience = patience
        self._idle: SimpleQueue[psycopg.Connection[Any]] = SimpleQueue()
        self._answered = threading.Event()
        self._hurried = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections that no thread is using."""
        with suppress(Empty):
            while True:
                self._idle.get_nowait().close()

    def do(self, operation: Callable[[psycopg.Connection[Any]], _Answer]) -> _Answer:
        """The answer of an operation that may be repeated: it is, while it fails for a reason that passes.

        Raises what it failed with last: DatabaseUnreachable, a domain error, or psycopg.Error.
        """
        retrying = Retrying(
            retry=retry_if_exception(self._may_pass),
            wait=wait_random_exponential(multiplier=0.1, max=_LONGEST_PAUSE_SECONDS),
            stop=_StopAfterFailingFor(self._patience)
            | (stop_when_event_set(self._hurried) & stop_after_attempt(_ATTEMPTS_IN_A_HURRY)),
            sleep=sleep_using_event(self._hurried),
            before_sleep=self._say,
            reraise=True,
        )
        answer: _Answer = retrying(self._once, operation)
        return answer

    @contextmanager
    def in_a_hurry(self) -> Iterator[None]:
        """While the block runs nothing is waited for, in whatever thread: what fails twice has failed."""
        self._hurried.set()
        try:
            yield
        finally:
            self._hurried.clear()

    def _once(self, operation: Callable[[psycopg.Connection[Any]], _Answer]) -> _Answer:
        with domain_errors(), self._connection() as conn:
            return operation(conn)

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            conn = self._idle.get_nowait()
        except Empty:
            conn = connect(self.database)
        self._answered.set()
        try:
            yield conn
        except BaseException:
            # what is left on it is unknown; and when the server went away, so did the idle ones
            conn.close()
            self.close()
            raise
        self._idle.put(conn)

    def _may_pass(self, fault: BaseException) -> bool:
        return is_passing(fault) or (isinstance(fault, DatabaseUnreachable) and self._answered.is_set())

    def _say(self, state: RetryCallState) -> None:
        fault = state.outcome.exception() if state.outcome else None
        reason = str(fault) if isinstance(fault, DatabaseUnreachable) else fault and describe_error(fault)
        _log.warning("%s; trying again in %.1f s", reason, state.upcoming_sleep)


class _StopAfterFailingFor(stop_base):
    """Stops once an operation has been failing for so many seconds; how long it worked before does not count."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._failing_since: float | None = None

    def __call__(self, retry_state: RetryCallState) -> bool:
        now = retry_state.outcome_timestamp or retry_state.start_time
        if self._failing_since is None:
            self._failing_since = now
        return now - self._failing_since >= self._seconds
