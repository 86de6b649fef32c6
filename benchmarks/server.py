"""The server that every contender is measured on: an embedded PostgreSQL of its own, as the product runs it.

Nothing is tuned for a benchmark; fsync is on. The processor time of the server is read from /proc: what the postmaster
has used and reaped, and what its living children have used.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from plaintiff_moat.ledger.connect import Database, connect
from plaintiff_moat.ledger.embedded import EmbeddedServer
from plaintiff_moat.ledger.migrate import push

__all__ = ["Measured", "Server", "cpu_seconds_of", "python"]

HERE = Path(__file__).resolve().parent
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Measured:
    """What one command took. Seconds; the client's peak memory in MB; `output` is its stdout."""

    seconds: float
    client_cpu: float
    server_cpu: float
    peak_mb: float
    output: str


class Failed(Exception):
    """A command did not end as it should: there are no figures of it."""


@dataclass(frozen=True)
class Server:
    """A running server, and commands measured against it."""

    embedded: EmbeddedServer
    folder: Path

    @classmethod
    @contextmanager
    def started(cls) -> Iterator["Server"]:
        """A server that is deleted with all its databases afterwards, and a folder for files, too."""
        with tempfile.TemporaryDirectory(prefix="moat-bench-") as folder:
            embedded = EmbeddedServer(Path(folder) / "moat")
            try:
                embedded.start()
                yield cls(embedded, Path(folder))
            finally:
                embedded.destroy()

    def fresh(self, name: str = "bench", *, migrated: bool = False) -> str:
        """URL of an empty database of this name, all else written to disk, so that each begins alike."""
        with psycopg.connect(self.embedded.url("postgres"), autocommit=True) as conn:
            conn.execute(f'drop database if exists "{name}" with (force)'.encode())
            conn.execute(f'create database "{name}"'.encode())
        url = self.embedded.url(name)
        if migrated:
            with connect(Database(url, embedded=True)) as conn:
                push(conn)
        self.checkpoint()
        return url

    def checkpoint(self) -> None:
        """Write to disk what is not there yet: what is measured next pays for its own writes alone."""
        with psycopg.connect(self.embedded.url("postgres"), autocommit=True) as conn:
            conn.execute("checkpoint")

    def measure(self, command: Sequence[str], *, url: str = "") -> Measured:
        """Run the command to its end; `url` is its MOAT_DATABASE_URL. Raises Failed unless it exits with 0."""
        result = self.folder / "timed.json"
        before = self.cpu_seconds()
        ended = subprocess.run(
            [sys.executable, "-S", str(HERE / "timed.py"), str(result), *command],
            env=self._environment(url),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        server_cpu = self.cpu_seconds() - before
        if ended.returncode != 0:
            raise Failed(f"{' '.join(command[:4])} exited with {ended.returncode}: {ended.stderr[-2000:].strip()}")
        return Measured(server_cpu=server_cpu, output=ended.stdout, **json.loads(result.read_text(encoding="utf-8")))

    def cpu_seconds(self) -> float:
        """Processor seconds that the server has used since it was started, by all its processes."""
        return cpu_seconds_of(self.pid)

    def bytes_of(self, url: str) -> int:
        """Size of the database on disk, without the write-ahead log."""
        with psycopg.connect(url, autocommit=True) as conn:
            (size,) = conn.execute("select pg_database_size(current_database())").fetchone() or (0,)
        return int(size)

    def bytes_free(self) -> int:
        """What the disk of the files has left, or that of the databases where that is less."""
        return min(shutil.disk_usage(folder).free for folder in (self.folder, self.embedded.status().data_folder))

    def version(self) -> str:
        """Version of the server."""
        return self.embedded.status().version

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        pid = self.embedded.status().pid
        if pid is None:
            raise Failed("the server has ended")
        return pid

    def _environment(self, url: str) -> Mapping[str, str]:
        mine = {"MOAT_HOME": str(self.embedded.home), "TMPDIR": str(self.folder), "MOAT_DATABASE_URL": url}
        return {name: value for name, value in (os.environ | mine).items() if value and not name.startswith("PG")}


def cpu_seconds_of(postmaster: int) -> float:
    """Processor seconds of the postmaster, of its living children, and of those that have ended."""
    ticks = sum(sum(_times(child)[:2]) for child in _children(postmaster)) + sum(_times(postmaster))
    return ticks / float(_TICKS)


def python(script: str, *arguments: object) -> list[str]:
    """The command of a script of this folder."""
    return [sys.executable, str(HERE / script), *map(str, arguments)]


def _times(pid: int) -> list[int]:
    """Ticks of a process: user, system, and both of the children that it has reaped (proc(5), fields 14 to 17)."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:  # it has ended since it was listed, and its parent counts it
        return [0, 0, 0, 0]
    return [int(ticks) for ticks in after_name[11:15]]


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    return [int(child) for child in listed.split()]
