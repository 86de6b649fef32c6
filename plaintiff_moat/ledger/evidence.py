"""Reading what evidence is made of, and taking checkpoints. Everything but a checkpoint is one read-only snapshot."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row, tuple_row

from plaintiff_moat.ledger.faults import domain_errors
from plaintiff_moat.ledger.queries import query
from plaintiff_moat.ledger.runs import Row

__all__ = ["newest_checkpoint", "one", "record_origins", "rows", "snapshot", "stream", "take_checkpoint"]

_FETCHED_AT_ONCE = 5_000


@contextmanager
def snapshot(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """Everything read inside is as of one moment, whatever others write meanwhile; nothing can be written."""
    with domain_errors(), conn.transaction():
        conn.execute(query("read_only_snapshot"), prepare=False)
        yield


def stream(conn: psycopg.Connection[Any], name: str, **arguments: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of a named query as tuples, a few thousand in memory at a time; inside a snapshot only."""
    with domain_errors(), conn.cursor(name=name, row_factory=tuple_row) as cursor:
        cursor.execute(query(name), arguments)
        while fetched := cursor.fetchmany(_FETCHED_AT_ONCE):
            yield from fetched


def rows(conn: psycopg.Connection[Any], name: str, **arguments: Any) -> list[Row]:
    """The rows of a named query."""
    with domain_errors(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query(name), arguments, prepare=False).fetchall()


def one(conn: psycopg.Connection[Any], name: str, **arguments: Any) -> Row | None:
    """The only row of a named query, None when there is none."""
    found = rows(conn, name, **arguments)
    return found[0] if found else None


def take_checkpoint(conn: psycopg.Connection[Any]) -> int:
    """Puts the heads of all chains under one root and keeps it; its number."""
    with domain_errors():
        return int(rows(conn, "take_checkpoint")[0]["take_checkpoint"])


def newest_checkpoint(conn: psycopg.Connection[Any]) -> int:
    """The number of the newest checkpoint; 0 where there is none."""
    return int(rows(conn, "newest_checkpoint")[0]["checkpoint_no"])


def record_origins(
    conn: psycopg.Connection[Any], *, row: tuple[UUID, int] | None = None, key: UUID | None = None
) -> list[Row]:
    """Where a landed record, or every record with a key, stands: published ones in that order, then the others."""
    if row is not None:
        return rows(conn, "record_origin", run_id=row[0], row_number=row[1])
    return rows(conn, "record_origins_of_key", dedupe_key=key)
