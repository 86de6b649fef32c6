"""Who may write to a run, and the evidence of who no longer might."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus

from plaintiff_moat.ledger.queries import query

__all__ = ["Lease", "end_outdated_writers", "record_refusal"]


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may write to a run: plain data that a worker of any kind can be handed."""

    run_id: UUID
    run_no: int
    attempt: int
    worker_id: str


def end_outdated_writers(conn: psycopg.Connection[Any], run_id: UUID) -> int:
    """Ends the server sessions of workers that fell silent while they wrote to a run no longer theirs; how many.

    What they have locked their successor would wait for. Sessions that the caller's database user may not end stay.
    """
    with suppress(psycopg.Error), conn.transaction():
        (ended,) = conn.execute(query("end_outdated_writers"), {"run_id": run_id}, prepare=False).fetchone() or (0,)
        return int(ended)
    return 0


def record_refusal(conn: psycopg.Connection, lease: Lease, operation: str) -> None:
    """Leaves an event `write_refused` of an operation that was refused with LeaseLost.

    The refusal took back its own transaction and every trace in it, so this is a statement of its own; within a
    transaction that the caller still has open, or on a connection that is gone, nothing is recorded.
    """
    if conn.info.transaction_status is not TransactionStatus.IDLE:
        return
    with suppress(psycopg.Error), conn.transaction():
        conn.execute(
            query("record_refusal"),
            {
                "run_id": lease.run_id,
                "operation": operation,
                "worker_id": lease.worker_id,
                "attempt": lease.attempt,
            },
            prepare=False,
        )
