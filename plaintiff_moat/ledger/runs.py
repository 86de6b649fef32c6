"""Reading the ledger: runs and their history. Writes nothing."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from plaintiff_moat.errors import NoSuchRun
from plaintiff_moat.ledger.faults import domain_errors
from plaintiff_moat.ledger.queries import query

__all__ = [
    "Row",
    "beside_delivery",
    "completed_of_batch",
    "count_active_keys",
    "find_run",
    "latest_runs",
    "live_run_of_delivery",
    "reader_of_delivery",
    "rows_of",
    "rows_rolled_back",
    "run",
    "run_events",
]

Row = dict[str, Any]


def rows_of(conn: psycopg.Connection[Any], name: str, **arguments: Any) -> list[Row]:
    """The answer to a query of the catalogue."""
    with domain_errors(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query(name), arguments, prepare=False).fetchall()


def run(conn: psycopg.Connection[Any], run_id: UUID) -> Row:
    """The run as view `v_runs` shows it. Raises NoSuchRun."""
    rows = rows_of(conn, "run", run_id=run_id)
    if not rows:
        raise NoSuchRun(f"there is no run {run_id}: `moat runs` lists the latest")
    return rows[0]


def find_run(conn: psycopg.Connection[Any], text: str) -> Row:
    """The run whose id is `text` or, alone among all, begins with it. Raises NoSuchRun."""
    prefix = text.strip().lower()
    ids = rows_of(conn, "runs_by_prefix", prefix=prefix) if prefix else []
    if len(ids) != 1:
        found = "more than one run has an id that begins so" if ids else "no run has an id that begins so"
        raise NoSuchRun(f"{found}: give it as `moat runs` lists it")
    return run(conn, ids[0]["id"])


def latest_runs(conn: psycopg.Connection[Any]) -> list[Row]:
    """The 20 runs claimed last, the newest first."""
    return rows_of(conn, "latest_runs")


def run_events(conn: psycopg.Connection[Any], run_id: UUID) -> list[Row]:
    """What happened to the run, in order."""
    return rows_of(conn, "run_events", run_id=run_id)


def rows_rolled_back(conn: psycopg.Connection[Any], run_id: UUID) -> int:
    """How many landed records became rolled_back when the run was undone; 0 for a run that was not."""
    rows = rows_of(conn, "rows_rolled_back", run_id=run_id)
    return int(rows[0]["rows_rolled_back"]) if rows else 0


def live_run_of_delivery(
    conn: psycopg.Connection[Any], source_system: str, source_batch_id: str, file_hash: str
) -> Row | None:
    """The run of this delivery that is not rolled back, if there is one."""
    return _of_delivery(conn, "live_run_of_delivery", source_system, source_batch_id, file_hash)


def reader_of_delivery(
    conn: psycopg.Connection[Any], source_system: str, source_batch_id: str, file_hash: str
) -> Row | None:
    """The `id` of the live run of this delivery with the `reader_fingerprint` of its last attempt, where it has one."""
    return _of_delivery(conn, "reader_of_delivery", source_system, source_batch_id, file_hash)


def _of_delivery(
    conn: psycopg.Connection[Any], name: str, source_system: str, source_batch_id: str, file_hash: str
) -> Row | None:
    rows = rows_of(conn, name, source_system=source_system, source_batch_id=source_batch_id, file_hash=file_hash)
    return rows[0] if rows else None


def beside_delivery(conn: psycopg.Connection[Any], source_system: str, source_batch_id: str, file_hash: str) -> Row:
    """What stands beside a delivery; null where there is none.

    `other_delivery` is the completed run of the same batch with other bytes that was published last; `predecessor` the
    run of the same bytes that was undone last, `predecessor_undone` why.
    """
    (row,) = rows_of(
        conn,
        "beside_delivery",
        source_system=source_system,
        source_batch_id=source_batch_id,
        file_hash=file_hash,
    )
    return row


def completed_of_batch(conn: psycopg.Connection[Any], source_system: str, source_batch_id: str) -> UUID | None:
    """The completed run of the batch that was published last, whatever its bytes, if there is one."""
    found: UUID | None = beside_delivery(conn, source_system, source_batch_id, file_hash="")["other_delivery"]
    return found


def count_active_keys(conn: psycopg.Connection[Any], keys: Sequence[str]) -> int:
    """How many of these dedupe keys a plaintiff of the active set has."""
    return int(rows_of(conn, "active_keys", keys=list(keys))[0]["count"])
