"""Landing: a chunk's frame goes into `landed_rows` in one transaction, or not at all."""

from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import UUID

import psycopg
from psycopg import sql

from plaintiff_moat.errors import LeaseLost
from plaintiff_moat.ledger.binary_copy import Kind, binary_copy
from plaintiff_moat.ledger.extra import Extra
from plaintiff_moat.ledger.faults import domain_errors
from plaintiff_moat.ledger.leases import Lease, record_refusal
from plaintiff_moat.ledger.profiles import ChunkMeasure, note_chunk
from plaintiff_moat.ledger.queries import query

if TYPE_CHECKING:
    import polars as pl

__all__ = ["KINDS", "land", "landed_chunks"]

_OF_THE_CHUNK: Final = ("run_no", "chunk_no")
_INTEGERS: Final = ("row_number", "line_start", "line_end", "replays_row")
_TEXTS: Final = (
    "plaintiff_name", "firm_name", "contact_name", "contact_email", "contact_phone",
    "address", "city", "state", "postal_code",
    "case_reference", "court", "county", "defendant_name", "source_reference",
    "error_code", "error_message", "extra",
)  # fmt: skip
# What each column of landed_rows is, and so in what form `land` takes it.
KINDS: Final = {
    **dict.fromkeys(_INTEGERS, Kind.INTEGER),
    **dict.fromkeys(_TEXTS, Kind.TEXT),
    "judgment_amount": Kind.NUMERIC,
    "judgment_date": Kind.DATE,
    "dedupe_key": Kind.UUID,
    "warnings": Kind.TEXT_ARRAY,
    "raw_payload": Kind.JSONB,
}


class Chunk(Protocol):
    """What is announced of a chunk: its number, byte range, first row, number of records and SHA-256."""

    @property
    def number(self) -> int: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def first_row(self) -> int: ...
    @property
    def records(self) -> int: ...
    @property
    def digest(self) -> str: ...


def land(
    conn: psycopg.Connection[Any],
    lease: Lease,
    chunk: Chunk,
    frame: "pl.DataFrame",
    measured: ChunkMeasure | None = None,
) -> None:
    """Lands the chunk's records; a chunk that is landed already stays as it is.

    What it looks like as a whole is kept with it; of a run whose chunks were landed without, no total amount is known.

    `frame` has one row per record, with columns of `landed_rows` from row_number on, in the forms of their `KINDS`;
    but `extra` is structs of text, and `line_end` is never null.
    Raises LeaseLost, keeps nothing of the chunk, and records the refusal, once the lease is lost.
    """
    extra = Extra.of(frame["extra"])
    stored = frame.with_columns(extra.texts, _ends_elsewhere(frame))
    # the server reads a field of each row of each column that it is sent, and most vendors fill half of them
    filled = stored.select(column for column in stored if column.null_count() < stored.height)
    columns = sql.SQL(", ").join(map(sql.Identifier, (*_OF_THE_CHUNK, *filled.columns)))
    statement = sql.SQL(query("copy_landed_rows")).format(columns=columns)
    encoded = binary_copy(filled, KINDS, (lease.run_no, chunk.number))
    try:
        with domain_errors(), conn.transaction(), conn.cursor() as cursor:
            if _open(cursor, lease, chunk, extra):
                with cursor.copy(statement) as copy:
                    copy.write(encoded)
                if measured is not None:
                    note_chunk(conn, lease, chunk.number, measured)
    except LeaseLost:
        record_refusal(conn, lease, "land")
        raise


def _ends_elsewhere(frame: "pl.DataFrame") -> "pl.Series":
    """The last line of each record that has more than one, else null."""
    first, last = frame["line_start"], frame["line_end"]
    return last.set(first == last, None)


def _open(cursor: psycopg.Cursor[Any], lease: Lease, chunk: Chunk, extra: Extra) -> bool:
    """Announces the chunk; False when an earlier transaction has landed it."""
    cursor.execute(
        query("open_chunk"),
        {
            "run_id": lease.run_id,
            "attempt": lease.attempt,
            "worker_id": lease.worker_id,
            "chunk_no": chunk.number,
            "byte_start": chunk.start,
            "byte_end": chunk.end,
            "first_row": chunk.first_row,
            "records": chunk.records,
            "digest": chunk.digest,
            "extra_columns": list(extra.columns),
            "extra_separator": extra.separator,
        },
        prepare=False,
    )
    (is_new,) = cursor.fetchone() or (False,)
    return bool(is_new)


def landed_chunks(conn: psycopg.Connection[Any], run_id: UUID) -> frozenset[int]:
    """The numbers of the run's chunks that are landed already."""
    with domain_errors(), conn.cursor() as cursor:
        cursor.execute(query("landed_chunks"), {"run_id": run_id}, prepare=False)
        return frozenset(number for (number,) in cursor)
