"""A worker that falls asleep within a landing, in a thread and a session of its own."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Event, Thread
from typing import Any

import psycopg

from plaintiff_moat.errors import MoatError
from plaintiff_moat.ledger.connect import Database, connect

__all__ = ["SleepingLanding"]


class SleepingLanding:
    """A landing that has announced its chunk and copies nothing before it is woken.

    `is_ended` is for whoever ends its session to say.
    """

    def __init__(self, db_url: str, land: Callable[[psycopg.Connection], object]) -> None:
        self.is_ended = False
        self._fault: BaseException | None = None
        asleep, self._awake = Event(), Event()

        class Sleepy(psycopg.Cursor[Any]):
            def copy(cursor, *arguments: Any, **options: Any) -> AbstractContextManager[psycopg.Copy]:  # noqa: N805
                asleep.set()
                self._awake.wait()
                return super().copy(*arguments, **options)

        def go() -> None:
            try:
                land(self._conn)
            except (MoatError, psycopg.Error) as fault:
                self._fault = fault

        self._conn = connect(Database(db_url, embedded=True))
        self._conn.cursor_factory = Sleepy
        self._thread = Thread(target=go)
        self._thread.start()
        assert asleep.wait(10)

    @property
    def pid(self) -> int:
        """Process id of its session."""
        return self._conn.info.backend_pid

    def wake_up(self) -> BaseException | None:
        """Go on to the end; return what it failed with."""
        self._awake.set()
        self._thread.join()
        self._conn.close()
        return self._fault
