"""A database, what the commands say that run on it, and every other place where a canary could come out."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from canary_files import Canaries, write_csv

from plaintiff_moat.ledger.embedded import EmbeddedServer

__all__ = ["Scene"]

_PATIENCE = 60.0
_TOLD = (
    "import_runs", "run_events", "v_runs", "v_run_events", "v_rejects", "v_failed_runs", "v_duplicates_blocked",
    "v_reconciliation_failures", "v_landed_chunks",
)  # fmt: skip
_MOAT = ("-m", "plaintiff_moat")


class Scene:
    """The story of one test; its canaries must not be in anything that was said or kept."""

    def __init__(self, conn: psycopg.Connection, db_url: str, server: EmbeddedServer, home: Path, folder: Path) -> None:
        self.conn = conn
        self.canaries = Canaries(folder.name)
        self.folder = folder
        self._url = db_url
        self._home = home
        self._log = server.home / "postgres.log"
        self._logged_before = self._log.stat().st_size
        self._said: dict[str, str] = {}

    def file(self, *records: list[str], name: str = "vendor file") -> Path:
        """Write a vendor file, its name with canaries too; of three valid records unless others are given."""
        rows = records or tuple(self.canaries.record(plaintiff) for plaintiff in ("Ada", "Ben", "Cyd"))
        return write_csv(self.folder / f"{name} {self.canaries.both()}.csv", [self.canaries.header(), *rows])

    def moat(self, *arguments: str, python: tuple[str, ...] = _MOAT) -> int:
        """Run a command to its end, keep what it says, and return its exit code."""
        with self.started(*arguments, python=python) as process:
            pass
        return process.returncode

    @contextmanager
    def started(self, *arguments: str, python: tuple[str, ...] = _MOAT) -> Iterator[subprocess.Popen[str]]:
        """Run a command while the body goes on; what it says is kept when both have ended."""
        process = subprocess.Popen(
            [sys.executable, *python, *arguments],
            env=os.environ | {"MOAT_DATABASE_URL": self._url},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        finally:
            said = process.communicate(timeout=_PATIENCE)
            number = len(self._said) // 2 + 1
            self._said |= dict(zip((f"stdout {number}", f"stderr {number}"), said, strict=True))

    def said(self, stream: str) -> str:
        """All that was written to `stdout` or `stderr` so far."""
        return "\n".join(text for place, text in self._said.items() if place.startswith(stream))

    def show_everything(self) -> None:
        """Ask the command line for all that it can tell of the runs, and of one of them in particular."""
        (run,) = self.conn.execute("select id::text from ingest.import_runs limit 1").fetchone()
        for command in (("runs",), ("show", run)):
            self.moat(*command)
            self.moat(*command, "--json")

    def leaks(self) -> dict[str, list[str]]:
        """Where a canary is that must not be there; at least one command has to have said something."""
        if not self.said("std").strip():
            raise AssertionError("nothing was said, so nothing was tried")
        return self.canaries.found(self._places())

    def _places(self) -> dict[str, str]:
        tables = {
            table: "\n".join(text for (text,) in self.conn.execute(f"select t::text from ingest.{table} as t".encode()))
            for table in _TOLD
        }
        log = self._log.read_bytes()[self._logged_before :].decode("utf-8", "replace")
        files = [path for path in self._home.rglob("*") if path.is_file()] if self._home.exists() else []
        kept = {str(path): path.read_text(errors="replace") for path in files}
        return self._said | tables | kept | {"server log": log}

    def execute(self, statement: str) -> None:
        """Execute as the owner of the database."""
        self.conn.execute(statement.encode())

    def before_each_row(self, name: str, body: str) -> None:
        """Let the database do this from now on with each row that is landed."""
        self.execute(
            f"create function public.{name}() returns trigger language plpgsql as"
            f" $$ declare short varchar(5); begin {body} return new; end $$"
        )
        self.execute(
            f"create trigger {name} before insert on ingest.landed_rows for each row execute function public.{name}()"
        )

    def pause_at(self, row: int, lock: int) -> None:
        """Let the landing of this row wait until nobody else has the advisory lock."""
        self.before_each_row(
            f"pause_{lock}", f"if new.row_number = {row} then perform pg_advisory_xact_lock({lock}); end if;"
        )

    def until_waiting(self, kind: str) -> int:
        """Wait until a process of the server waits for a lock of this kind, and return its number."""
        query = (
            f"select pid from pg_locks where not granted and locktype = '{kind}'"
            " and database = (select oid from pg_database where datname = current_database())"
        )
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if waiting := self.conn.execute(query.encode()).fetchone():
                return int(waiting[0])
            time.sleep(0.02)
        raise AssertionError(f"nobody waits for a lock of kind {kind}")
