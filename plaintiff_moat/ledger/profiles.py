"""What files look like: kept with each chunk that lands, read of the files before. Holds no cell."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from plaintiff_moat.errors import LeaseLost
from plaintiff_moat.ledger.faults import domain_errors
from plaintiff_moat.ledger.leases import Lease, record_refusal
from plaintiff_moat.ledger.queries import query
from plaintiff_moat.ledger.runs import Row, rows_of

__all__ = [
    "describe_source",
    "earlier_profiles",
    "note_chunk",
    "profile_of_run",
    "record_drift",
    "state_control_totals",
]


class ChunkMeasure(Protocol):
    """What is kept of a chunk: counts and sums, amounts to the cent."""

    @property
    def records(self) -> int: ...
    @property
    def rejected(self) -> int: ...
    @property
    def filled(self) -> tuple[int, ...]: ...
    @property
    def valid_total(self) -> Decimal: ...
    @property
    def rejected_total(self) -> Decimal: ...
    @property
    def unread_amounts(self) -> int: ...


def describe_source(conn: psycopg.Connection[Any], lease: Lease, layout: Mapping[str, Any]) -> None:
    """Keeps how the run's file is laid out: `columns`, redacted as the caller gives them, and how it writes cells.

    Refused, and the refusal recorded, once the lease is lost.
    """
    try:
        _call(conn, "describe_source", lease, layout=Jsonb(layout))
    except LeaseLost:
        record_refusal(conn, lease, "describe_source")
        raise


def note_chunk(conn: psycopg.Connection[Any], lease: Lease, chunk_no: int, measured: ChunkMeasure) -> None:
    """Keeps what a chunk looks like, within the transaction that lands it. Refused once the lease is lost."""
    profile = {
        "chunk_no": chunk_no,
        "records": measured.records,
        "rejected": measured.rejected,
        "filled": list(measured.filled),
        "valid_total": measured.valid_total,
        "rejected_total": measured.rejected_total,
        "unread_amounts": measured.unread_amounts,
    }
    conn.execute(query("note_chunk"), _who(lease) | profile, prepare=False)


def state_control_totals(
    conn: psycopg.Connection[Any], lease: Lease, rows: int | None, total: Decimal | None, sha256: str | None
) -> None:
    """States what the run's file is to hold; None says nothing, and takes back what an earlier attempt said.

    Refused once the lease is lost. ControlTotalMismatch for another SHA-256.
    """
    _call(conn, "state_control_totals", lease, rows=rows, total=total, sha256=sha256)


def record_drift(conn: psycopg.Connection[Any], lease: Lease, findings: Sequence[dict[str, Any]]) -> None:
    """Leaves an event of these findings, once for an attempt. Refused once the lease is lost."""
    _call(conn, "record_drift", lease, findings=Jsonb(list(findings)))


def _call(conn: psycopg.Connection[Any], name: str, lease: Lease, **arguments: Any) -> None:
    with domain_errors(), conn.transaction():
        conn.execute(query(name), _who(lease) | arguments, prepare=False)


def _who(lease: Lease) -> dict[str, Any]:
    return {"run_id": lease.run_id, "worker_id": lease.worker_id, "attempt": lease.attempt}


def profile_of_run(conn: psycopg.Connection[Any], run_id: UUID) -> Row | None:
    """What is kept of the run's file; None for one that was landed without."""
    rows = rows_of(conn, "profile_of_run", run_id=run_id)
    return rows[0] if rows else None


def earlier_profiles(
    conn: psycopg.Connection[Any], source_system: str, files: int, *, replaced: UUID | None
) -> list[Row]:
    """The profiles of the source system's completed runs, the latest first; without the one that is to be replaced."""
    return rows_of(conn, "earlier_profiles", source_system=source_system, files=files, replaced=replaced)
