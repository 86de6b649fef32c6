"""The client of the functions that change a run: claim, heartbeat, finalize, reconcile, rollback, release."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from plaintiff_moat.errors import LeaseLost, NotReleased
from plaintiff_moat.ledger.faults import domain_errors
from plaintiff_moat.ledger.leases import Lease, end_outdated_writers, record_refusal
from plaintiff_moat.ledger.queries import query
from plaintiff_moat.ledger.workers import default_worker_id
from plaintiff_moat.redaction import redact, redact_dict

__all__ = [
    "ClaimResult",
    "ClaimStatus",
    "IngestClaimClient",
    "ReconcileResult",
    "RollbackResult",
]


class ClaimStatus(StrEnum):
    """The three answers to a claim."""

    CLAIMED = "claimed"
    DUPLICATE = "duplicate"
    IN_PROGRESS = "in_progress"


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """The answer to a claim. `attempt` is the run's attempt now: with `claimed`, the caller's fencing token.

    `run_id` is None only when the run is being made by a claim that is not committed yet.
    """

    run_id: UUID | None
    status: ClaimStatus
    attempt: int | None

    @property
    def is_claimed(self) -> bool:
        """The caller holds the lease and goes on."""
        return self.status is ClaimStatus.CLAIMED

    @property
    def is_duplicate(self) -> bool:
        """The delivery is completed already; there is nothing to do."""
        return self.status is ClaimStatus.DUPLICATE

    @property
    def is_in_progress(self) -> bool:
        """Another worker holds the lease; try again later."""
        return self.status is ClaimStatus.IN_PROGRESS


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """Expected and recounted records; `delta` is actual less expected."""

    is_valid: bool
    expected_count: int
    actual_count: int
    delta: int


@dataclass(frozen=True, slots=True)
class RollbackResult:
    """`success` is False for an unknown run; `rows_affected` counts the records that became rolled_back."""

    success: bool
    rows_affected: int


class IngestClaimClient:
    """Calls the functions of schema `ingest` over a connection of the caller's.

    Each call commits on its own unless the caller has a transaction open, in which case it becomes part of that. The
    client remembers the leases that it was granted (or the `lease` it is given) and names the attempt in every later
    call, so that the database refuses it with LeaseLost once somebody else has taken the run over. The refusal is
    recorded as an event `write_refused`, unless the caller's own transaction is open.

    Every method raises LeaseLost, IdentityRequired, NoSuchRun, WrongRun, DatabaseNotMigrated or DatabaseUnreachable
    where its promise cannot be kept for that reason, and psycopg.Error otherwise. `claim` raises BadInput when what
    names the delivery holds a number: it cannot be redacted without being another delivery's.
    """

    def __init__(
        self,
        conn: psycopg.Connection[Any],
        worker_id: str | None = None,
        *,
        lease: Lease | None = None,
    ) -> None:
        self._conn = conn
        self.worker_id = lease.worker_id if lease else redact(worker_id) or default_worker_id()
        self._leases = {lease.run_id: lease} if lease else {}

    def claim(
        self,
        source_system: str,
        source_batch_id: str,
        file_hash: str,
        filename: str | None = None,
        import_kind: str = "plaintiff",
        *,
        reader_fingerprint: str | None = None,
        expected_count: int | None = None,
        unattended: bool = False,
    ) -> ClaimResult:
        """Claims the delivery, or says who was first; the answer is recorded as an event.

        `expected_count` is the independent count of the file's records, against which `reconcile` holds the landed.
        `unattended` says that nobody decided to take this very file: NotReleased when somebody undid its newest run and
        nobody has released it since.
        """
        delivery = {
            "source_system": source_system,
            "source_batch_id": source_batch_id,
            "file_hash": file_hash,
            "filename": redact(filename),
            "import_kind": redact(import_kind),
            "reader_fingerprint": reader_fingerprint,
            "expected_count": expected_count,
            "unattended": unattended,
        }
        result, lease = self._claim(delivery)
        if result.run_id is not None and (result.is_in_progress or (result.is_claimed and result.attempt != 1)):
            ended = end_outdated_writers(self._conn, result.run_id)
            if ended and result.is_in_progress:
                result, lease = self._claim(delivery)
        if lease is not None:
            self._leases[lease.run_id] = lease
        return result

    def _claim(self, delivery: Mapping[str, Any]) -> tuple[ClaimResult, Lease | None]:
        run_id, status, run_no, attempt = self._call("claim", worker_id=self.worker_id, **delivery)
        if status == "not_released":
            raise NotReleased(run_id)
        result = ClaimResult(run_id=run_id, status=ClaimStatus(status), attempt=attempt)
        return result, Lease(run_id, run_no, attempt, self.worker_id) if result.is_claimed else None

    def refuse_duplicate(
        self, source_system: str, source_batch_id: str, file_hash: str, filename: str | None = None
    ) -> UUID | None:
        """The run that has completed exactly this delivery, recorded as its claim would be; else None.

        Grants nothing, whatever the answer: a delivery that is not completed is to be claimed.
        """
        (run_id,) = self._call(
            "refuse_duplicate",
            source_system=source_system,
            source_batch_id=source_batch_id,
            file_hash=file_hash,
            filename=redact(filename),
            worker_id=self.worker_id,
        )
        return None if run_id is None else UUID(str(run_id))

    def lease(self, run_id: UUID) -> Lease:
        """The lease that this client was granted. Raises KeyError when it was not."""
        return self._leases[run_id]

    def heartbeat(self, run_id: UUID | str) -> bool:
        """Keeps the lease alive; False when the run is no longer processing and this client never claimed it."""
        row = self._call_as_holder("heartbeat", run_id)
        return bool(row[0])

    def finalize(
        self,
        run_id: UUID | str,
        rows_fetched: int,
        rows_inserted: int,
        rows_skipped: int,
        rows_errored: int,
        error_details: Mapping[str, Any] | None = None,
        mark_completed: bool = True,
        *,
        replaces: UUID | str | None = None,
        replays: UUID | str | None = None,
    ) -> str:
        """Ends the run with these counts and returns its status: `completed`, or `failed`.

        It fails with `"fatal": True` in error_details, and when the counts contradict the landed rows. With
        `mark_completed=False` it records progress and the run stays `processing`. error_details are redacted first.
        Completing undoes the run that it `replaces` in the same commit, and makes the records stand for rejects of the
        run that it `replays`; WrongRun, and nothing is done, where it cannot.
        """
        row = self._call_as_holder(
            "finalize",
            run_id,
            rows_fetched=rows_fetched,
            rows_inserted=rows_inserted,
            rows_skipped=rows_skipped,
            rows_errored=rows_errored,
            error_details=None if error_details is None else Jsonb(redact_dict(dict(error_details))),
            mark_completed=mark_completed,
            replaces=replaces,
            replays=replays,
        )
        return str(row[0])

    def reconcile(
        self,
        run_id: UUID | str,
        expected_count: int | None = None,
        *,
        replaces: UUID | str | None = None,
        replays: UUID | str | None = None,
    ) -> ReconcileResult:
        """Recounts the landed rows; publishes a processing run when they are as many as expected, fails it when not.

        A valid run undoes the run that it `replaces` in the same commit, also when it was completed before;
        one that is published makes its records stand for rejects of the run that it `replays`. WrongRun, and nothing is
        done, where that cannot be. Asked again, it has been done.
        """
        row = self._call_as_holder(
            "reconcile", run_id, expected_count=expected_count, replaces=replaces, replays=replays
        )
        return ReconcileResult(*row)

    def rollback(self, run_id: UUID | str, reason: str | None = None) -> RollbackResult:
        """Undoes the run, keeping its history; undoing it twice succeeds and affects nothing."""
        return RollbackResult(*self._call("rollback", run_id=run_id, reason=redact(reason)))

    def release(self, run_id: UUID | str, reason: str | None = None) -> bool:
        """Lets unattended imports take the undone run's file again; False when nothing kept them from it."""
        return bool(self._call("release", run_id=run_id, reason=redact(reason))[0])

    def _call_as_holder(self, name: str, run_id: UUID | str, **arguments: Any) -> tuple[Any, ...]:
        lease = self._leases.get(UUID(str(run_id)))
        attempt, worker_id = (lease.attempt, lease.worker_id) if lease else (None, None)
        try:
            return self._call(name, run_id=run_id, attempt=attempt, worker_id=worker_id, **arguments)
        except LeaseLost:
            if lease is not None:
                record_refusal(self._conn, lease, name)
            raise

    def _call(self, name: str, **arguments: Any) -> tuple[Any, ...]:
        with (
            domain_errors(),
            self._conn.transaction(),
            # unprepared: behind a pooler the next statement may meet another server session
            self._conn.cursor(row_factory=tuple_row) as cursor,
        ):
            cursor.execute(query(name), arguments, prepare=False)
            row = cursor.fetchone()
        if row is None:
            raise AssertionError(f"{name} answered without a row")
        return row
