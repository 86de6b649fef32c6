"""Who may write to a run, and the evidence of who no longer might."""

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus

from plaintiff_moat.ledger.queries import query

__all__ = ["Lease", "record_refusal"]


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may write to a run: plain data that a worker of any kind can be handed."""

    run_id: UUID
    attempt: int
    worker_id: str


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
