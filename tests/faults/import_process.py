"""`moat import` as a real process that a test kills, stops, interrupts or waits for, and the files that it is given."""

import json
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from small_chunks_moat import run_moat

from plaintiff_moat import delivery
from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.summary import ImportSummary

__all__ = [
    "Ended",
    "MoatProcess",
    "begun",
    "comes_true",
    "imported",
    "imported_here",
    "make_stale",
    "process_state",
    "vendor_file",
]

_RECORDS = 200
_CHUNK_BYTES = 1000  # 12 chunks of the records above
_PATIENCE = 180.0  # thrice what an import itself waits for a server that recovers
_PAUSE = 0.002

# a clean process whose children begin with everything loaded
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["pytest", "small_chunks_moat"])


@dataclass(frozen=True)
class Ended:
    """How a process ended: `summary` is the JSON of its one file, `errors` what it said on stderr."""

    code: int
    summary: dict[str, Any]
    errors: str


@dataclass(frozen=True)
class MoatProcess:
    """A running `moat import`."""

    process: ForkServerProcess
    output: Path

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self.process.pid is not None
        return self.process.pid

    def send(self, number: signal.Signals) -> bool:
        """Send the signal; false if the process had ended before."""
        if not self.process.is_alive():
            return False
        os.kill(self.pid, number)
        return True

    def is_stopped(self) -> bool:
        """Whether the kernel has stopped the process."""
        return process_state(self.pid) == "T"

    def kill(self) -> bool:
        """Kill the process as the kernel would; false if it had ended by itself."""
        self.send(signal.SIGKILL)
        return self.ended().code == -signal.SIGKILL

    def ended(self, patience: float = _PATIENCE) -> Ended:
        """Wait for the end."""
        self.process.join(patience)
        assert self.process.exitcode is not None, "the process did not end"
        lines = self.output.with_suffix(".out").read_text(encoding="utf-8").splitlines()
        errors = self.output.with_suffix(".err").read_text(encoding="utf-8")
        return Ended(self.process.exitcode, json.loads(lines[-1]) if lines else {}, errors)


@contextmanager
def begun(
    path: Path,
    db_url: str,
    *,
    chunk_bytes: int = _CHUNK_BYTES,
    sleep_when: str | None = None,
    patience: float = 60,
) -> Iterator[MoatProcess]:
    """Start an import with many chunks; when this returns, nothing but the command is left to do.

    `sleep_when` is a moment of a landing at which it stops itself: see small_chunks_moat.py.
    """
    options = ["--source-system", "simplicity", "--patience", str(patience), "--commit", "--json"]
    environment = os.environ | {"MOAT_DATABASE_URL": db_url}
    ready, sender = _processes.Pipe(duplex=False)
    with TemporaryDirectory(prefix="moat-process-") as folder, ready:
        output = Path(folder, "moat")
        process = _processes.Process(
            target=run_moat,
            args=(["import", str(path), *options], environment, output, sender, chunk_bytes, sleep_when),
        )
        process.start()
        sender.close()
        try:
            assert ready.recv()
            yield MoatProcess(process, output)
        finally:
            process.kill()
            process.join()
            process.close()


def imported(path: Path, db_url: str, *, chunk_bytes: int = _CHUNK_BYTES, patience: float = 60) -> Ended:
    """Import undisturbed, and wait for the end."""
    with begun(path, db_url, chunk_bytes=chunk_bytes, patience=patience) as process:
        return process.ended()


def imported_here(path: Path, db_url: str, *, chunk_bytes: int = _CHUNK_BYTES) -> ImportSummary:
    """Import undisturbed in this process, in the same chunks: what every disturbed import is held against."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "scan", partial(delivery.scan, chunk_bytes=chunk_bytes))
        return import_file(path, Database(db_url, embedded=True), source_system="simplicity")


def vendor_file(folder: Path, name: str = "week2.csv", *, first: int = 0, records: int = _RECORDS) -> Path:
    """Write a file with everything in it: records of other files, its own twice, and rejects."""
    dice = random.Random(name)
    lines = ["Plaintiff Name,Email,Index Number,Judgment Amount,Judgment Date,Notes"]
    for number in range(first, first + records):
        who = f"Plaintiff {number if dice.random() > 0.1 else dice.randrange(first, number + 1):05}"
        amount = "much" if dice.random() < 0.05 else f"{dice.randrange(10**6) / 100:.2f}"
        key = who.removeprefix("Plaintiff ")
        lines.append(f"{'' if dice.random() < 0.02 else who},p{key}@example.com,CV-{key},{amount},2024-05-01,")
    path = folder / name
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def make_stale(conn: psycopg.Connection) -> None:
    """Let the last sign of life of every holder be 31 minutes old."""
    conn.execute("""update ingest.import_runs set updated_at = clock_timestamp() - interval '31 minutes'
        where status = 'processing'""")


def process_state(pid: int) -> str | None:
    """Return the kernel's letter for what a process does (T stopped, Z dead), None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):  # the latter when it goes while it is read
        return None
    return stat.rpartition(")")[2].split()[0]


def comes_true(condition: Callable[[], bool], patience: float = _PATIENCE) -> bool:
    """Return true as soon as the condition is, false if it never is for as long as patience lasts."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True
