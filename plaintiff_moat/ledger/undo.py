"""Undoing: what a rollback would do, what it did, and which run a file may replace."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.runs import find_run, live_run_of_delivery, rows_of, rows_rolled_back, run

__all__ = [
    "Heir",
    "Reference",
    "Rollback",
    "RollbackPreview",
    "keys_without_heir",
    "preview_rollback",
    "roll_back",
    "run_to_replace",
    "withheld_run",
]


@dataclass(frozen=True, slots=True)
class Heir:
    """A run to which `records` pass, with its counts now and after."""

    run_id: UUID
    records: int
    rows_inserted: int
    rows_inserted_after: int
    rows_skipped: int
    rows_skipped_after: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key to `plaintiff_keys`: how many rows refer to a key that would lose its record.

    `records` is None where the caller may not see all rows of the table.
    """

    relation: str
    column_name: str
    records: int | None


@dataclass(frozen=True, slots=True)
class RollbackPreview:
    """What a rollback would do now: `rows_affected` is what it would answer.

    `rows_gone` plaintiffs leave the active set, `rows_passed` pass to the `heirs`, which stand in the order in which
    they were published. `corrections` are what stays published of it: the completed runs that replay its rejects, or
    those of such a run, in that order too.
    """

    rows_affected: int
    rows_gone: int
    rows_passed: int
    heirs: tuple[Heir, ...]
    referenced_by: tuple[Reference, ...]
    corrections: tuple[UUID, ...]


def preview_rollback(conn: psycopg.Connection[Any], run_id: UUID) -> RollbackPreview:
    """What undoing the run would do if it were done now. Raises NoSuchRun."""
    (row,) = rows_of(conn, "preview_rollback", run_id=run_id)
    heirs = tuple(Heir(**heir | {"run_id": UUID(heir["run_id"])}) for heir in row.pop("heirs"))
    return RollbackPreview(
        **row | {"heirs": heirs, "referenced_by": tuple(Reference(**found) for found in row["referenced_by"])},
        corrections=_corrections(conn, run_id),
    )


@dataclass(frozen=True, slots=True)
class Rollback:
    """What a rollback did: `rows_affected` records became rolled_back.

    Of the plaintiffs that they represented `rows_gone` left the active set, and the others passed to the runs of
    `passed` (run -> records), which stand in the order in which they were published. Of a run that had been rolled back
    already the records alone are told, and `rows_gone` is None. `corrections` are those of RollbackPreview.
    """

    success: bool
    rows_affected: int
    rows_gone: int | None
    passed: dict[UUID, int]
    corrections: tuple[UUID, ...]


def roll_back(conn: psycopg.Connection[Any], run_id: UUID, reason: str | None) -> Rollback:
    """Undoes the run, keeping its history. Raises NoSuchRun. Undone twice, it succeeds and changes nothing."""
    with conn.transaction():
        before = _inserted_later(conn, run_id)
        standing = run(conn, run_id)
        result = IngestClaimClient(conn).rollback(run_id, reason)
        after = _inserted_later(conn, run_id)
        corrections = _corrections(conn, run_id)
    if standing["status"] == "rolled_back":
        affected = rows_rolled_back(conn, run_id)
        return Rollback(result.success, affected, rows_gone=None, passed={}, corrections=corrections)
    passed = {heir: count - before.get(heir, count) for heir, count in after.items()}
    passed = {heir: records for heir, records in passed.items() if records > 0}
    represented = standing["rows_inserted"] if standing["status"] == "completed" and result.rows_affected else 0
    gone = represented - sum(passed.values())
    return Rollback(result.success, result.rows_affected, rows_gone=gone, passed=passed, corrections=corrections)


def _inserted_later(conn: psycopg.Connection[Any], run_id: UUID) -> dict[UUID, int]:
    """How many records each run that was published later represents."""
    return {row["id"]: row["rows_inserted"] for row in rows_of(conn, "published_later", run_id=run_id)}


def _corrections(conn: psycopg.Connection[Any], run_id: UUID) -> tuple[UUID, ...]:
    return tuple(row["id"] for row in rows_of(conn, "corrections", run_id=run_id))


def keys_without_heir(conn: psycopg.Connection[Any], run_id: UUID) -> Sequence[UUID]:
    """The keys of the run that would lose their record if it were undone now."""
    return [row["dedupe_key"] for row in rows_of(conn, "keys_without_heir", run_id=run_id)]


def run_to_replace(
    conn: psycopg.Connection[Any], replaces: UUID | str, source_system: str, source_batch_id: str, file_hash: str
) -> UUID:
    """The run of this id, or whose id alone begins so, if this delivery may take its place or has taken it.

    Raises NoSuchRun, and WrongRun for a run of another source system, of the same bytes, or that is not completed.
    """
    run_id: UUID = find_run(conn, str(replaces))["id"]
    live = live_run_of_delivery(conn, source_system, source_batch_id, file_hash)
    if live is None or live["replaces"] != run_id:
        rows_of(conn, "require_replaceable", run_id=run_id, source_system=source_system, file_hash=file_hash)
    return run_id


def withheld_run(conn: psycopg.Connection[Any], source_system: str, file_hash: str) -> UUID | None:
    """The newest run of these bytes that somebody undid and nobody has released."""
    rows = rows_of(conn, "withheld_run", source_system=source_system, file_hash=file_hash)
    return rows[0]["id"] if rows else None
