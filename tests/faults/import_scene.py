"""What every disturbed import is held against."""

import random
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from import_process import MoatProcess, comes_true
from outcome import Outcome, broken_invariants, outcome, unfinished_runs

__all__ = ["Scene"]

_CHUNKS = 12


@dataclass(frozen=True)
class Scene:
    """A database with a first delivery, `path` the second, which shares records with it.

    `expected` is the outcome of an undisturbed import of `path`, which takes `seconds`.
    """

    database: str
    path: Path
    expected: Outcome
    seconds: float

    @classmethod
    def of(cls, database: str, path: Path, conn: psycopg.Connection, seconds: float) -> "Scene":
        """What the ledger holds now, after what took `seconds`, is what is expected."""
        assert broken_invariants(conn) == {}
        return cls(database, path, outcome(conn), seconds)

    def wait_for_a_moment(self, dice: random.Random, worker: MoatProcess, conn: psycopg.Connection) -> None:
        """Return in a random moment of the import, as likely by its progress as by the clock, or at its end."""
        if dice.random() < 0.25:
            time.sleep(dice.uniform(0, self.seconds))
            return
        landed = """select from ingest.import_runs as r left join ingest.landed_chunks as c on c.import_run_id = r.id
            where r.source_batch_id = 'simplicity-week2'"""
        wanted = dice.randint(1, _CHUNKS)
        assert comes_true(lambda: not worker.process.is_alive() or conn.execute(landed).rowcount >= wanted)
        time.sleep(dice.uniform(0, self.seconds / _CHUNKS))

    def assert_whole(self, conn: psycopg.Connection) -> None:
        """Nothing is lost, doubled, stuck or otherwise than after an undisturbed import."""
        assert unfinished_runs(conn) == []
        assert broken_invariants(conn) == {}
        assert outcome(conn) == self.expected
