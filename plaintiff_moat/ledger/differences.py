"""What one delivery has that another has not. Writes nothing."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import psycopg

from plaintiff_moat.errors import WrongRun
from plaintiff_moat.ledger.runs import Row, rows_of, run

__all__ = ["Difference", "RunDiff", "Side", "diff_runs"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A record that is `added`, `gone` or `changed`, with its place in either file (None where it is not in it).

    `columns` names what changed. `values` holds, where they were asked for, [in a, in b] by column: of a changed record
    the columns that changed, of another all that have a value.
    """

    change: str
    dedupe_key: UUID
    row_a: int | None
    row_b: int | None
    line_a: int | None
    line_b: int | None
    columns: tuple[str, ...]
    values: dict[str, tuple[Any, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs: `rejected` of its `records` have no key, the others have so many different `keys`."""

    run_id: UUID
    filename: str | None
    status: str
    records: int
    rejected: int
    keys: int


@dataclass(frozen=True, slots=True)
class RunDiff:
    """How run b differs from run a, counted by key; `records` holds the first of each kind, in the files' order.

    A key that a file repeats counts once, with its first record. Rejects have no key and are not compared.
    `changed_columns` counts the changed records by column; columns of `extra` are named `extra.…`.
    """

    a: Side
    b: Side
    added: int
    gone: int
    changed: int
    unchanged: int
    changed_columns: dict[str, int]
    records: tuple[Difference, ...]


def diff_runs(
    conn: psycopg.Connection[Any], run_a: UUID, run_b: UUID, *, limit: int = 20, values: bool = False
) -> RunDiff:
    """Compares the landed records of two runs of one source system, whatever became of the runs.

    At most `limit` records of each kind are named. Cells are read only with `values`. Raises NoSuchRun, and WrongRun
    for runs of two source systems, whose keys have nothing in common.
    """
    row_a, row_b = run(conn, run_a), run(conn, run_b)
    if row_a["source_system"] != row_b["source_system"]:
        raise WrongRun("the runs are of two source systems: compare deliveries of one")
    a, b = _side(conn, row_a), _side(conn, row_b)
    (found,) = rows_of(conn, "diff", run_a=run_a, run_b=run_b, limit=limit)
    totals = found["totals"]
    added, gone, changed = (totals.get(change, 0) for change in ("added", "gone", "changed"))
    records = tuple(
        Difference(**row | {"dedupe_key": UUID(row["dedupe_key"]), "columns": tuple(row["columns"] or ())})
        for row in found["records"]
    )
    return RunDiff(
        a=a,
        b=b,
        added=added,
        gone=gone,
        changed=changed,
        unchanged=a.keys - gone - changed,
        changed_columns=found["changed_columns"],
        records=_with_values(conn, run_a, run_b, records) if values else records,
    )


def _side(conn: psycopg.Connection[Any], of: Row) -> Side:
    (counted,) = rows_of(conn, "keys_of_run", run_id=of["id"])
    return Side(run_id=of["id"], filename=of["filename"], status=of["status"], **counted)


def _with_values(
    conn: psycopg.Connection[Any], run_a: UUID, run_b: UUID, records: tuple[Difference, ...]
) -> tuple[Difference, ...]:
    cells_a = _cells(conn, run_a, [record.row_a for record in records if record.row_a is not None])
    cells_b = _cells(conn, run_b, [record.row_b for record in records if record.row_b is not None])
    with_values = []
    for record in records:
        in_a, in_b = cells_a.get(record.row_a, {}), cells_b.get(record.row_b, {})
        names = record.columns or sorted(in_a.keys() | in_b.keys())
        with_values.append(replace(record, values={name: (in_a.get(name), in_b.get(name)) for name in names}))
    return tuple(with_values)


def _cells(conn: psycopg.Connection[Any], run_id: UUID, row_numbers: list[int]) -> dict[int | None, Row]:
    """The cells that have a value, by row number and column; those of `extra` under the names that the diff uses."""
    cells: dict[int | None, Row] = {}
    for row in rows_of(conn, "records_of_run", run_id=run_id, row_numbers=row_numbers):
        number, extra = row.pop("row_number"), row.pop("extra") or {}
        named = row | {f"extra.{name}": value for name, value in extra.items()}
        cells[number] = {name: value for name, value in named.items() if value is not None}
    return cells
