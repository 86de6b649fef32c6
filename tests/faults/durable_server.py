"""A server of a test's own that keeps what it has acknowledged, and the ways in which it ends."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from import_process import comes_true, process_state

from plaintiff_moat.ledger import migrate
from plaintiff_moat.ledger.connect import Database, connect
from plaintiff_moat.ledger.embedded import EmbeddedServer

__all__ = ["TEMPLATE", "DurableServer", "durable_server"]

TEMPLATE = "migrated"


@dataclass(frozen=True)
class DurableServer:
    """An embedded server with fsync on, in a home of its own."""

    embedded: EmbeddedServer

    def crash(self, *, whole: bool) -> None:
        """End the server without a checkpoint: `whole` with all its processes at once, else its postmaster alone."""
        pid = self.embedded.status().pid
        assert pid is not None
        # what `pg_ctl stop --mode=immediate` sends
        os.kill(pid, signal.SIGQUIT if whole else signal.SIGKILL)
        assert comes_true(lambda: process_state(pid) in {None, "Z"})

    def start(self) -> None:
        """Start the server again; it recovers from its log."""
        self.embedded.start()

    def connected(self, database: str) -> psycopg.Connection:
        """Connect to one of its databases as the owner."""
        return connect(Database(self.embedded.url(database), embedded=True))

    def clone(self, database: str, name: str) -> str:
        """Make a database like another, and return its URL."""
        with self.connected("postgres") as conn:
            conn.execute(f"create database {name} template {database}")
        return self.embedded.url(name)

    @contextmanager
    def cloned(self, database: str, name: str) -> Iterator[str]:
        """Make a database like another, which goes in the end, whatever became of it and of the server."""
        try:
            yield self.clone(database, name)
        finally:
            self.start()
            with self.connected("postgres") as conn:
                conn.execute(f"drop database if exists {name} with (force)")


@contextmanager
def durable_server(home: Path) -> Iterator[DurableServer]:
    """Start a server with a migrated database TEMPLATE; it is destroyed in the end."""
    embedded = EmbeddedServer(home)
    try:
        embedded.start()
        server = DurableServer(embedded)
        with server.connected("postgres") as conn:
            assert conn.execute("show fsync").fetchone() == ("on",)
            conn.execute(f"create database {TEMPLATE}")
        with server.connected(TEMPLATE) as conn:
            migrate.push(conn)
        yield server
    finally:
        embedded.destroy()
