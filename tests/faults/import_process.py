"""`moat import` as a real process that a test kills, stops, interrupts or waits for, and the files that it is given."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

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
_CHUNK_BYTES = 500  # 25 chunks of the records above
_PATIENCE = 60.0
_PAUSE = 0.002
_PROGRAM = Path(__file__).with_name("small_chunks_moat.py")


@dataclass(frozen=True)
class Ended:
    """How a process ended: `summary` is the JSON of its one file, `errors` what it said on stderr."""

    code: int
    summary: dict[str, Any]
    errors: str


@dataclass(frozen=True)
class MoatProcess:
    """A running `moat import`."""

    process: subprocess.Popen[str]
    began: float

    def send(self, number: signal.Signals) -> bool:
        """Send the signal; false if the process had ended before."""
        if self.process.poll() is not None:
            return False
        self.process.send_signal(number)
        return True

    def is_stopped(self) -> bool:
        """Whether the kernel has stopped the process."""
        return process_state(self.process.pid) == "T"

    def kill(self) -> bool:
        """Kill the process as the kernel would; false if it had ended by itself."""
        self.send(signal.SIGKILL)
        return self.ended().code == -signal.SIGKILL

    def ended(self, patience: float = _PATIENCE) -> Ended:
        """Wait for the end."""
        said, errors = self.process.communicate(timeout=patience)
        lines = [line for line in said.splitlines() if line.startswith("{")]
        return Ended(self.process.returncode, json.loads(lines[-1]) if lines else {}, errors)


@contextmanager
def begun(
    path: Path, db_url: str, *, chunk_bytes: int = _CHUNK_BYTES, sleep_when: str | None = None, patience: float = 60
) -> Iterator[MoatProcess]:
    """Start an import with many chunks; its interpreter is up and its modules are loaded when this returns.

    `sleep_when` is a moment of a landing at which it stops itself: see small_chunks_moat.py.
    """
    options = ["--source-system", "simplicity", "--patience", str(patience), "--commit", "--json"]
    command = [sys.executable, str(_PROGRAM), "import", str(path), *options]
    environment = os.environ | {"MOAT_DATABASE_URL": db_url, "CHUNK_BYTES": str(chunk_bytes)}
    if sleep_when is not None:
        environment["SLEEP_WHEN"] = sleep_when
    with subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield MoatProcess(process, time.monotonic())
        finally:
            process.kill()


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
    except FileNotFoundError:
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
