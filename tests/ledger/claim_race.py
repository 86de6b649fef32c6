"""One runner of a race for claims, in a module that its process imports fast."""

from threading import Barrier
from uuid import UUID

import psycopg

__all__ = ["claim_all", "take_places"]

_start: Barrier


def take_places(start: Barrier) -> None:
    """Keep the line that every runner of this race waits at before each claim."""
    global _start  # noqa: PLW0603 - a barrier reaches a process at its birth and no later
    _start = start


def claim_all(db_url: str, worker: str, batches: list[str]) -> list[tuple[UUID, str]]:
    """Claim each batch at the same moment as the others do; return the answers."""
    answers: list[tuple[UUID, str]] = []
    with psycopg.connect(db_url, autocommit=True) as conn:
        for batch in batches:
            _start.wait(timeout=60)
            answers += conn.execute(
                "select * from ingest.claim_import_run('simplicity', %s, 'abc', 'a.csv', 'plaintiff', %s)",
                (batch, worker),
            ).fetchall()
    return answers
