"""What every disturbed import is held against."""

from dataclasses import dataclass
from pathlib import Path

import psycopg
from outcome import Outcome, broken_invariants, outcome, unfinished_runs

__all__ = ["Scene"]


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

    def assert_whole(self, conn: psycopg.Connection) -> None:
        """Nothing is lost, doubled, stuck or otherwise than after an undisturbed import."""
        assert unfinished_runs(conn) == []
        assert broken_invariants(conn) == {}
        assert outcome(conn) == self.expected
