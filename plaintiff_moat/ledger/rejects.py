"""Rejects in the ledger: which there are, what of them is exported, and which run's a file may stand for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from plaintiff_moat.ledger.evidence import stream
from plaintiff_moat.ledger.runs import Row, live_run_of_delivery, rows_of

__all__ = [
    "Replayed",
    "layout_of_export",
    "reject_counts",
    "rejects_of_run",
    "rejects_to_export",
    "replayed_rejects",
    "require_replayable",
    "source_layout",
]


@dataclass(frozen=True, slots=True)
class Replayed:
    """The rejects of a run that a file replays: how many are `fixed`, by whichever file, and how many `outstanding`.

    `unreferred` records of the file name no reject; they are taken in all the same.
    """

    fixed: int
    outstanding: int
    unreferred: int


def require_replayable(
    conn: psycopg.Connection[Any],
    run_id: UUID,
    source_system: str,
    source_batch_id: str,
    file_hash: str,
    row_numbers: Sequence[int],
) -> None:
    """Writes nothing. Raises WrongRun unless this delivery may stand for these rejects of the run, or does already."""
    live = live_run_of_delivery(conn, source_system, source_batch_id, file_hash)
    if live is None or live["replays"] != run_id:
        rows_of(
            conn,
            "require_replayable",
            run_id=run_id,
            source_system=source_system,
            file_hash=file_hash,
            row_numbers=list(row_numbers),
        )


def reject_counts(
    conn: psycopg.Connection[Any], run_id: UUID, *, fixing: Sequence[int] = (), without: UUID | None = None
) -> Row:
    """How many rejects the run has, how many of them are `fixed`, and how many `outstanding`.

    They are counted as if the rows `fixing` were fixed too, and as if the run `without` were undone.
    """
    return rows_of(conn, "reject_counts", run_id=run_id, fixing=list(fixing), without=without)[0]


def replayed_rejects(
    conn: psycopg.Connection[Any],
    run_id: UUID | None,
    unreferred: int,
    *,
    fixing: Sequence[int] = (),
    without: UUID | None = None,
) -> Replayed | None:
    """How the rejects of the run stand that a file replays, `unreferred` of whose records name none; None of no run.

    `fixing` and `without` are those of `reject_counts`.
    """
    if run_id is None:
        return None
    counts = reject_counts(conn, run_id, fixing=fixing, without=without)
    return Replayed(counts["fixed"], counts["outstanding"], unreferred)


def rejects_of_run(conn: psycopg.Connection[Any], run_id: UUID) -> list[Row]:
    """Every reject of the run without its cells, in the file's order, with the record that fixed it."""
    return rows_of(conn, "rejects_of_run", run_id=run_id)


def rejects_to_export(conn: psycopg.Connection[Any], run_id: UUID, *, everything: bool) -> Iterator[tuple[Any, ...]]:
    """The outstanding rejects, or all: row number, first line, code, message, payload; inside a snapshot only."""
    return stream(conn, "rejects_to_export", run_id=run_id, everything=everything)


def layout_of_export(conn: psycopg.Connection[Any], run_id: UUID) -> dict[str, Any] | None:
    """What `source_layout` is of a run that was told, for whoever imports; None of one that was not."""
    (known,) = rows_of(conn, "layout_of_export", run_id=run_id)
    layout: dict[str, Any] | None = known["source_layout"]
    return layout


def source_layout(conn: psycopg.Connection[Any], run_id: UUID) -> dict[str, Any]:
    """How the run's file is laid out: `columns`, `delimiter`, `quote` and `encoding`.

    Of a run that was never told, the columns that its rejects have, by name.
    """
    (known,) = rows_of(conn, "source_layout", run_id=run_id)
    layout: dict[str, Any] | None = known["source_layout"]
    return layout or {"columns": known["labels"] or [], "delimiter": ",", "quote": '"', "encoding": "utf-8"}
