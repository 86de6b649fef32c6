"""The steps that a test's story is told in: claim, land, publish, undo, and what the ledger says then.

Everything goes through SQL as any client would send it; the Python client has tests of its own. A record is
written as the name of its plaintiff, which is its identity too, or as None, which is a reject.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import psycopg
import pytest
from psycopg.rows import dict_row, scalar_row

__all__ = [
    "APPEND_ONLY",
    "IDENTITY_REQUIRED",
    "ILLEGAL_CHANGE",
    "LEASE_LOST",
    "NOT_ANNOUNCED",
    "NOT_PUBLISHED",
    "NO_SUCH_RUN",
    "PRIVILEGED",
    "SYSTEM",
    "WRONG_RUN",
    "Claim",
    "Connection",
    "active",
    "announce",
    "claim",
    "copy_rows",
    "counts",
    "details_of",
    "events",
    "fail",
    "finalize",
    "heartbeat",
    "imported",
    "land",
    "make_stale",
    "outcomes",
    "processing",
    "reconcile",
    "refused",
    "rollback",
    "run",
    "take_keys_early",
    "unchanged",
    "until_blocked",
    "value",
]

SYSTEM = "simplicity"

LEASE_LOST = "ML001"
IDENTITY_REQUIRED = "ML002"
ILLEGAL_CHANGE = "ML003"
APPEND_ONLY = "ML004"
NO_SUCH_RUN = "ML005"
NOT_ANNOUNCED = "ML006"
NOT_PUBLISHED = "ML008"
WRONG_RUN = "ML009"
PRIVILEGED = "42501"

_NAMES = UUID("b4a1f4a2-4b57-4a54-8f47-1f2f6b0c1f11")
_PATIENCE = 10.0

Connection = psycopg.Connection[Any]
Record = str | None


@dataclass(frozen=True)
class Claim:
    """The answer to a claim, with the token that it brought."""

    run_id: UUID
    run_no: int
    status: str
    attempt: int
    worker: str | None
    system: str = SYSTEM


def value(conn: Connection, statement: str, *parameters: object) -> Any:
    """Return the first column of the answer's only row."""
    with conn.cursor(row_factory=scalar_row) as cursor:
        (answer,) = cursor.execute(statement.encode(), parameters).fetchall()
        return answer


def claim(
    conn: Connection,
    batch: str = "batch-1",
    *,
    worker: str | None = "worker-1",
    system: str = SYSTEM,
    fingerprint: str | None = None,
    expected: int | None = None,
    unattended: bool = False,
) -> Claim:
    """Claim a batch's file, which is one and the same for one batch."""
    file_hash = hashlib.sha256(batch.encode()).hexdigest()
    run_id, run_no, status, attempt = conn.execute(
        """
        select run_id, ingest.lease_run_no(run_id), claim_status, ingest.lease_attempt(run_id)
        from ingest.claim_import_run(%s, %s, %s, 'plaintiffs.csv', 'plaintiff', %s, %s, %s, %s)
        """,
        (system, batch, file_hash, worker, fingerprint, expected, unattended),
    ).fetchall()[0]
    return Claim(run_id, run_no, status, attempt, worker, system)


def announce(
    conn: Connection,
    held: Claim,
    records: int,
    *,
    chunk: int = 0,
    first_row: int = 1,
    attempt: int | None = None,
    extra_columns: Sequence[str | None] = (),
    extra_separator: str = "\x1f",
) -> bool:
    """Announce the chunk whose rows come next; whether it is new."""
    return value(
        conn,
        "select ingest.open_chunk(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s::text[], %s)",
        held.run_id,
        attempt or held.attempt,
        chunk,
        chunk * 1000,
        chunk * 1000 + 1000,
        first_row,
        records,
        "00" * 32,
        held.worker,
        list(extra_columns),
        extra_separator,
    )


def copy_rows(
    conn: Connection,
    held: Claim,
    records: Sequence[Record],
    *,
    chunk: int = 0,
    first_row: int = 1,
    numbers: Sequence[int] | None = None,
    stand_for: Sequence[int | None] | None = None,
) -> None:
    """Copy the records into landed_rows, announced or not; numbered from `first_row` on, or as given.

    `stand_for` gives for each the reject that it stands for.
    """
    rejects = stand_for or [None] * len(records)
    with (
        conn.cursor() as cursor,
        cursor.copy(
            "copy ingest.landed_rows (run_no, row_number, chunk_no, line_start,"
            " plaintiff_name, dedupe_key, error_code, raw_payload, replays_row) from stdin"
        ) as copy,
    ):
        rows = numbers or range(first_row, first_row + len(records))
        for number, name, reject in zip(rows, records, rejects, strict=True):
            rejected = (None, None, "MISSING_NAME", "{}")
            valid = (name, uuid5(_NAMES, f"{held.system}\x1f{name}"), None, None)
            place = (held.run_no, number, chunk, number + 1)
            copy.write_row((*place, *(rejected if name is None else valid), reject))


def land(
    conn: Connection,
    held: Claim,
    records: Sequence[Record],
    *,
    chunk: int = 0,
    first_row: int = 1,
    stand_for: Sequence[int | None] | None = None,
) -> None:
    """Land one chunk as an importer does: announced and copied in one transaction."""
    with conn.transaction():
        announce(conn, held, len(records), chunk=chunk, first_row=first_row)
        copy_rows(conn, held, records, chunk=chunk, first_row=first_row, stand_for=stand_for)


def processing(
    conn: Connection, batch: str, records: Sequence[Record], *, system: str = SYSTEM, worker: str | None = "worker-1"
) -> Claim:
    """Claim a batch and land its only chunk."""
    held = claim(conn, batch, system=system, worker=worker, expected=len(records))
    land(conn, held, records)
    return held


def reconcile(
    conn: Connection,
    run_id: UUID,
    expected: int | None = None,
    *,
    held: Claim | None = None,
    replaces: UUID | None = None,
    replays: UUID | None = None,
) -> tuple[bool, int, int, int]:
    """Recount; as the holder where `held` is given, here as everywhere, else as a caller without a name."""
    answer = conn.execute(
        "select * from ingest.reconcile_import_run(%s, %s, %s, %s, %s, %s)",
        (run_id, expected, held and held.worker, held and held.attempt, replaces, replays),
    ).fetchall()[0]
    return (answer[0], answer[1], answer[2], answer[3])


def take_keys_early(conn: Connection, held: Claim) -> int:
    """Take the keys of what is landed, in a transaction that then publishes it; of how many chunks."""
    chunks: int = value(conn, "select ingest.take_keys_early(%s, %s, %s)", held.run_id, held.worker, held.attempt)
    return chunks


def imported(conn: Connection, batch: str, records: Sequence[Record], *, system: str = SYSTEM) -> UUID:
    """Claim, land and publish a batch; return its run."""
    held = processing(conn, batch, records, system=system)
    assert held.status == "claimed"
    assert reconcile(conn, held.run_id, len(records), held=held)[0]
    return held.run_id


def finalize(
    conn: Connection,
    run_id: UUID,
    rows: tuple[int | None, int | None, int | None, int | None],
    details: dict[str, Any] | None = None,
    *,
    completes: bool | None = True,
    held: Claim | None = None,
) -> str:
    """Report the counts (fetched, inserted, skipped, errored) and return the run's status."""
    return str(
        value(
            conn,
            "select ingest.finalize_import_run(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            run_id,
            *rows,
            None if details is None else json.dumps(details),
            completes,
            held and held.worker,
            held and held.attempt,
        )
    )


def fail(conn: Connection, held: Claim, code: str = "DISK_FULL") -> None:
    """Report a fatal end as the holder."""
    assert finalize(conn, held.run_id, (0, 0, 0, 0), {"fatal": True, "code": code}, held=held) == "failed"


def heartbeat(conn: Connection, run_id: UUID, *, held: Claim | None = None) -> bool:
    """Give a sign of life."""
    statement = "select ingest.heartbeat_import_run(%s, %s, %s)"
    return bool(value(conn, statement, run_id, held and held.worker, held and held.attempt))


def rollback(conn: Connection, run_id: UUID, reason: str = "bad file") -> tuple[bool, int]:
    """Undo a run."""
    answer = conn.execute("select * from ingest.rollback_import_run(%s, %s)", (run_id, reason)).fetchall()[0]
    return (answer[0], answer[1])


def make_stale(conn: Connection, run_id: UUID) -> None:
    """Let the holder's last sign of life be 31 minutes old."""
    conn.execute(
        "update ingest.import_runs set updated_at = clock_timestamp() - interval '31 minutes' where id = %s", (run_id,)
    )


def run(conn: Connection, run_id: UUID) -> dict[str, Any]:
    """Return the run's row."""
    with conn.cursor(row_factory=dict_row) as cursor:
        (row,) = cursor.execute("select * from ingest.import_runs where id = %s", (run_id,)).fetchall()
        return row


def counts(conn: Connection, run_id: UUID) -> tuple[int, int, int, int]:
    """Return the run's fetched, inserted, skipped and errored."""
    row = run(conn, run_id)
    return (row["rows_fetched"], row["rows_inserted"], row["rows_skipped"], row["rows_errored"])


def outcomes(conn: Connection, run_id: UUID) -> list[str]:
    """Return the status of each record, in the file's order."""
    statement = "select status from ingest.plaintiffs_raw where import_run_id = %s order by row_number"
    return [status for (status,) in conn.execute(statement, (run_id,))]


def active(conn: Connection, system: str = SYSTEM) -> dict[str, tuple[UUID, int]]:
    """Return every active plaintiff with the run and the row that represent it."""
    statement = "select plaintiff_name, import_run_id, row_number from ingest.v_plaintiffs where source_system = %s"
    rows = conn.execute(statement, (system,)).fetchall()
    assert len({name for name, _, _ in rows}) == len(rows)
    return {name: (run_id, row_number) for name, run_id, row_number in rows}


def events(conn: Connection, run_id: UUID) -> list[str]:
    """Return the run's events in order."""
    statement = "select event from ingest.run_events where import_run_id = %s order by seq"
    return [event for (event,) in conn.execute(statement, (run_id,))]


def details_of(conn: Connection, run_id: UUID, event: str) -> dict[str, Any]:
    """Return the details of the run's only event of this kind."""
    statement = "select details from ingest.run_events where import_run_id = %s and event = %s"
    details: dict[str, Any] = value(conn, statement, run_id, event)
    return details


@contextmanager
def refused(sqlstate: str) -> Iterator[None]:
    """Expect the database to refuse what is asked inside, with this SQLSTATE."""
    with pytest.raises(psycopg.Error) as refusal:
        yield
    assert refusal.value.sqlstate == sqlstate


@contextmanager
def unchanged(conn: Connection) -> Iterator[None]:
    """Expect every table of the schema to hold afterwards what it held before."""
    before = _contents(conn)
    yield
    assert _contents(conn) == before


def _contents(conn: Connection) -> dict[str, list[str]]:
    tables = conn.execute("select tablename from pg_tables where schemaname = 'ingest'").fetchall()
    return {
        table: sorted(row for (row,) in conn.execute(f"select t::text from ingest.{table} as t".encode()))
        for (table,) in tables
    }


def until_blocked(conn: Connection, waiting: Connection) -> None:
    """Return once the other connection waits for a lock."""
    pid = waiting.info.backend_pid
    until(
        lambda: value(conn, "select wait_event_type from pg_stat_activity where pid = %s", pid) == "Lock",
        "the other connection waits",
    )


def until(holds: Callable[[], bool], what: str) -> None:
    """Return once it holds; fail where it does not in time."""
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"in vain until {what}"
        time.sleep(0.01)
