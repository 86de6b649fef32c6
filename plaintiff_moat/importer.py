"""How a file becomes published records: scan, claim, land chunk by chunk, reconcile. All of it is `import_file`."""

import logging
import os
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import psycopg

from plaintiff_moat.acceptance import Terms
from plaintiff_moat.ahead import Opened, ReadAhead
from plaintiff_moat.delivery import Delivery, Measured
from plaintiff_moat.drift import Drift
from plaintiff_moat.errors import ControlTotalMismatch, Drifted, LeaseLost, MoatError, RunFailed, SourceChanged
from plaintiff_moat.expected import NOTHING, Expected, expected_of
from plaintiff_moat.identify import compute_file_hash
from plaintiff_moat.ledger.claims import ClaimResult, IngestClaimClient, ReconcileResult
from plaintiff_moat.ledger.connect import Database, resolve
from plaintiff_moat.ledger.connections import Connections
from plaintiff_moat.ledger.heartbeat import Heartbeat
from plaintiff_moat.ledger.landing import land, landed_chunks
from plaintiff_moat.ledger.leases import Lease, record_refusal
from plaintiff_moat.ledger.migrate import require_migrated
from plaintiff_moat.ledger.patience import PATIENCE_SECONDS
from plaintiff_moat.ledger.runs import beside_delivery, completed_of_batch, run
from plaintiff_moat.ledger.undo import run_to_replace
from plaintiff_moat.ledger.workers import Worker, succeeding
from plaintiff_moat.naming import Named, name_delivery, require_name
from plaintiff_moat.redaction import describe_error
from plaintiff_moat.rows import mapping_for
from plaintiff_moat.source import AS_IT_IS, Chunk, Reading
from plaintiff_moat.summary import ImportSummary, Tally

__all__ = ["Importer", "Progress", "import_file"]

_log = logging.getLogger(__name__)

DEFAULT_WORKERS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is: `done` of `total` records have been landed."""

    done: int
    total: int


def import_file(
    path: str | os.PathLike[str],
    database: Database | str | None = None,
    *,
    source_system: str = "manual",
    batch_id: str | None = None,
    mapping: str | None = None,
    reading: Reading = AS_IT_IS,
    worker_id: str | None = None,
    workers: int = DEFAULT_WORKERS,
    patience: float = PATIENCE_SECONDS,
    on_progress: Callable[[Progress], object] = lambda _: None,
    replaces: UUID | str | None = None,
    unattended: bool = False,
    expected: Expected = NOTHING,
) -> ImportSummary:
    """Takes the file in once and whole: everything of it is published in one commit, or nothing.

    A delivery that is completed already, or that another worker holds, comes back as that `claim_status`. A run that
    crashed or failed before is continued with the chunks that are not landed yet: at once if its worker has the same
    `worker_id`, or was a process of this machine that is dead; else when its lease is stale. `mapping` is a name or a
    path; without one it is the source system's own, else `generic`. `reading` says what of the file is read and how, as
    far as that shall not be found out. `workers` chunks are landed side by side; `on_progress` is called from the
    caller's thread. `database` is a URL; without one it is MOAT_DATABASE_URL, else the embedded one. Once it has
    answered, a lost connection, a restart, a failover or a deadlock is retried for up to `patience` seconds.

    The commit that publishes the file undoes the run that it `replaces`, named by its id or the beginning of it: the
    active set is then as if that one's file had never come. `unattended` says that nobody decided to take this very
    file: NotReleased when somebody undid its newest run and nobody has released it since.

    What is `expected` of the file, together with what the manifest beside it says, holds or nothing is published:
    ControlTotalMismatch, with nothing written where the scan tells (SHA-256, records), else of a run that is `failed`.
    With `expected.strict` a file that differs from those before it is not published either: Drifted, of a run that is
    `failed`.

    Raises BadInput, BadMapping, DatabaseUnreachable or DatabaseNotMigrated with nothing written, nor for a run that
    cannot be replaced (NoSuchRun, WrongRun); NotReleased with nothing but an event; SourceChanged when the file changed
    after its claim (the run is `failed`); LeaseLost when somebody took the run over; RunFailed for any other end (the
    run is `failed`, nothing of it is active).
    """
    with Importer(database, worker_id=worker_id, workers=workers, patience=patience) as importer:
        return importer.import_file(
            path,
            source_system=source_system,
            batch_id=batch_id,
            mapping=mapping,
            reading=reading,
            on_progress=on_progress,
            replaces=replaces,
            unattended=unattended,
            expected=expected,
        )


class Importer:
    """Takes files in, one after the other, over the same connections and by the same threads.

    The arguments are those of `import_file`, which is this for a single file.
    """

    def __init__(
        self,
        database: Database | str | None = None,
        *,
        worker_id: str | None = None,
        workers: int = DEFAULT_WORKERS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        if worker_id:
            require_name("worker id", worker_id)
        self._ledger = Connections(resolve(database), patience)
        self._is_migrated = False
        self._worker = Worker(worker_id)
        # kept from file to file: polars keeps its compiled patterns by thread, and a new one pays 11 ms for them
        self._pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix="moat-land")
        self._ahead = ReadAhead()
        self._takes_records = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ahead.close()
        self._pool.shutdown()
        self._worker.close()
        self._ledger.close()

    def import_file(
        self,
        path: str | os.PathLike[str],
        *,
        source_system: str = "manual",
        batch_id: str | None = None,
        mapping: str | None = None,
        reading: Reading = AS_IT_IS,
        on_progress: Callable[[Progress], object] = lambda _: None,
        replaces: UUID | str | None = None,
        unattended: bool = False,
        expected: Expected = NOTHING,
    ) -> ImportSummary:
        """Takes one file in, with the promise and the errors of the function of this name."""
        started = time.monotonic()
        expected = expected_of(path, expected)
        if mapping is None and reading == AS_IT_IS and replaces is None and expected == NOTHING:
            named = name_delivery(path, source_system=source_system, batch_id=batch_id)
            summary = self._known_already(path, named, started)
            if summary is not None:
                return summary
        about = {"source_system": source_system, "batch_id": batch_id, "mapping": mapping, "reading": reading}
        opened = self._ahead.take(path, **about)
        with opened.delivery:
            return self._take_in(opened, expected, started, on_progress, replaces, unattended)

    def _take_in(
        self,
        opened: Opened,
        expected: Expected,
        started: float,
        on_progress: Callable[[Progress], object],
        replaces: UUID | str | None,
        unattended: bool,
    ) -> ImportSummary:
        delivery = opened.delivery
        _log.info("%s: %s records in %s chunks", delivery.filename, delivery.scan.records, len(delivery.scan.chunks))
        tally = Tally()
        Terms(delivery, expected).check_scan()
        replaced = None
        if replaces is not None:
            replaced = self._ledger.do(lambda conn: run_to_replace(conn, replaces, *delivery.identity))
        terms = Terms(delivery, expected, replaced)
        drift: tuple[Drift, ...] = ()
        with self._worker.at_work() as worker_id, self._claimed(delivery, worker_id, unattended) as (claim, lease):
            _log.info("run %s of %s: %s, attempt %s", claim.run_id, delivery.filename, claim.status, claim.attempt)
            self._takes_records = lease is not None
            if lease is not None:
                with self._end_reported(lease):
                    self._ledger.do(partial(terms.begin, lease=lease))
                    self._land_missing(delivery, lease, tally, on_progress, opened.rows)
                    drift = self._publish(lease, terms, tally)
            elif claim.is_duplicate and claim.run_id is not None and replaced is not None:
                self._replace(claim.run_id, replaced)
        standing = None if claim.run_id is None else self._ledger.do(partial(run, run_id=claim.run_id))
        beside = self._ledger.do(lambda conn: beside_delivery(conn, *delivery.identity))
        return ImportSummary.of_run(
            delivery,
            claim.status,
            standing,
            tally,
            beside=beside,
            control_totals=terms.require(standing, tally.measured),
            drift=drift,
            dry_run=False,
            seconds=time.monotonic() - started,
        )

    def _known_already(self, path: str | os.PathLike[str], named: Named, started: float) -> ImportSummary | None:
        """What the claim of a delivery that is completed would lead to, without the file being read; else None.

        A file of a batch of which nothing was ever completed is not even hashed.
        """
        batch = (named.source_system, named.batch_id)
        mapping = mapping_for(named.source_system, None)
        is_file = os.path.isfile(path)  # noqa: PTH113 - unlike Path's it answers for an impossible path too
        if not is_file or self._ledger.do(lambda conn: completed_of_batch(conn, *batch)) is None:
            return None
        try:
            file_hash = compute_file_hash(path)
        except OSError:
            return None  # whoever reads it says why it cannot be read
        with self._worker.at_work() as worker_id:
            known = self._ledger.do(
                lambda conn: IngestClaimClient(conn, worker_id).refuse_duplicate(*batch, file_hash, named.filename)
            )
        if known is None:
            return None
        _log.info("run %s of %s: duplicate", known, named.filename)
        self._takes_records = False
        standing = self._ledger.do(partial(run, run_id=known))
        beside = self._ledger.do(lambda conn: beside_delivery(conn, *batch, file_hash))
        seconds = time.monotonic() - started
        return ImportSummary.of_duplicate(named, standing, mapping=mapping.name, beside=beside, seconds=seconds)

    def read_ahead(
        self,
        path: str | os.PathLike[str],
        *,
        source_system: str = "manual",
        batch_id: str | None = None,
        mapping: str | None = None,
        reading: Reading = AS_IT_IS,
    ) -> None:
        """Begins to read the file that `import_file` is given after the next call of it. Writes nothing, never fails.

        Once a file was not claimed, records are not read ahead: the next is likely to be a duplicate too.
        """
        about = {"source_system": source_system, "batch_id": batch_id, "mapping": mapping, "reading": reading}
        self._ahead.begin(path, with_rows=self._takes_records, **about)

    @contextmanager
    def _claimed(
        self, delivery: Delivery, worker_id: str, unattended: bool
    ) -> Iterator[tuple[ClaimResult, Lease | None]]:
        """The answer to the claim, and the lease where it is granted."""
        claim, lease = self._claim_as(worker_id, delivery, unattended)
        if not claim.is_in_progress or claim.run_id is None:
            yield claim, lease
            return
        holder = self._ledger.do(partial(run, run_id=claim.run_id))["worker_id"]
        with succeeding(holder) as holder_is_dead:
            # under its name the run is claimed at once, and the lock on the name keeps every other successor away
            yield self._claim_as(holder, delivery, unattended) if holder_is_dead else (claim, None)

    def _claim_as(self, worker_id: str, delivery: Delivery, unattended: bool) -> tuple[ClaimResult, Lease | None]:
        def claim(conn: psycopg.Connection[Any]) -> tuple[ClaimResult, Lease | None]:
            if not self._is_migrated:
                require_migrated(conn)
                self._is_migrated = True
            client = IngestClaimClient(conn, worker_id)
            claim = client.claim(
                *delivery.identity,
                delivery.filename,
                reader_fingerprint=delivery.reader_fingerprint,
                expected_count=delivery.scan.records,
                unattended=unattended,
            )
            return claim, client.lease(claim.run_id) if claim.is_claimed and claim.run_id is not None else None

        return self._ledger.do(claim)

    def _land_missing(
        self,
        delivery: Delivery,
        lease: Lease,
        tally: Tally,
        on_progress: Callable[[Progress], object],
        rows: Measured | None,
    ) -> None:
        """Lands the chunks that earlier attempts have not landed, telling of each; `rows` are those of the only one."""
        is_first = lease.attempt == 1
        done = frozenset() if is_first else self._ledger.do(lambda conn: landed_chunks(conn, lease.run_id))
        missing = [chunk for chunk in delivery.scan.chunks if chunk.number not in done]
        before = delivery.scan.records - sum(chunk.records for chunk in missing)
        _log.info("run %s: %s of %s chunks to land", lease.run_id, len(missing), len(delivery.scan.chunks))
        with (
            Heartbeat(self._ledger.database, lease) as heartbeat,
            closing(self._land_all(delivery, missing, lease, rows)) as landings,
        ):
            for landed in landings:
                heartbeat.progress()
                tally.add(landed)
                on_progress(Progress(before + tally.records, delivery.scan.records))

    def _land_all(
        self, delivery: Delivery, chunks: list[Chunk], lease: Lease, rows: Measured | None
    ) -> Generator[Tally]:
        """Lands the chunks, `workers` at a time; yields as they get done. Ended early, it waits for those under way."""
        pending: list[Future[Tally]] = [
            self._pool.submit(self._land_chunk, delivery, chunk, lease, rows) for chunk in chunks
        ]
        try:
            for done in as_completed(pending):
                yield done.result()
        except BaseException:
            under_way = [landing for landing in pending if not landing.cancel()]
            with self._ledger.in_a_hurry():
                wait(under_way)
            raise

    def _land_chunk(self, delivery: Delivery, chunk: Chunk, lease: Lease, read: Measured | None) -> Tally:
        rows, measured = delivery.measured(chunk) if read is None else read
        self._ledger.do(lambda conn: land(conn, lease, chunk, rows, measured))
        return Tally.of(rows, measured)

    def _publish(self, lease: Lease, terms: Terms, tally: Tally) -> tuple[Drift, ...]:
        drift = self._ledger.do(partial(terms.judge, lease=lease))
        earlier = self._ledger.do(terms.earlier)

        def publish(conn: psycopg.Connection[Any]) -> tuple[ReconcileResult, tuple[Drift, ...]]:
            try:
                # strict: what the publication tells of duplicates may still take it back
                with conn.transaction() if terms.expected.strict else nullcontext():
                    client = IngestClaimClient(conn, lease=lease)
                    result = client.reconcile(lease.run_id, terms.delivery.scan.records, replaces=terms.replaced)
                    return result, terms.judge_published(conn, lease, earlier) if result.is_valid else ()
            except LeaseLost:
                if terms.expected.strict:  # within a transaction the client could not
                    record_refusal(conn, lease, "reconcile")
                raise

        result, of_publication = self._ledger.do(publish)
        if not result.is_valid:
            standing = self._ledger.do(partial(run, run_id=lease.run_id))
            if standing["status"] == "rolled_back":
                raise RunFailed(
                    f"run {lease.run_id} was rolled back meanwhile, nothing of it is active:"
                    f" {standing['rollback_reason']}"
                )
            self._ledger.do(lambda conn: terms.refused(conn, lease.run_id, tally.measured))
            raise RunFailed(
                f"expected {result.expected_count} records, landed {result.actual_count}: nothing of run {lease.run_id}"
                " is active; import the file again, and if that fails too, report it with `moat show`"
            )
        return drift + of_publication

    def _replace(self, run_id: UUID, replaced: UUID) -> None:
        """Puts a run that was completed before in the place of the other, unless it has that place already."""
        result = self._ledger.do(lambda conn: IngestClaimClient(conn).reconcile(run_id, replaces=replaced))
        if not result.is_valid:
            raise RunFailed(f"run {run_id} does not verify and replaced nothing: look at it with `moat show`")

    @contextmanager
    def _end_reported(self, lease: Lease) -> Iterator[None]:
        """Reports a failure to the ledger: the run is `failed` at once, and nobody waits for its lease to go stale."""
        try:
            yield
        except (LeaseLost, RunFailed):
            raise
        except SourceChanged:
            self._report(lease, "SOURCE_CHANGED")
            raise
        except ControlTotalMismatch:
            self._report(lease, "CONTROL_TOTAL_MISMATCH")  # no news where that failed the publication
            raise
        except Drifted as drifted:
            self._report(lease, "DRIFT", findings=drifted.findings)
            raise
        except Exception as fault:
            self._report(lease, type(fault).__name__, getattr(fault, "sqlstate", None))
            reason = str(fault) if isinstance(fault, MoatError) else describe_error(fault)
            raise RunFailed(
                f"run {lease.run_id} is not complete, nothing of it is active: {reason}; import the file again to go on"
            ) from fault
        except BaseException:
            self._report(lease, "INTERRUPTED")
            raise

    def _report(self, lease: Lease, code: str, sqlstate: str | None = None, **more: Any) -> None:
        # Where even this cannot be said (the server is gone), the lease goes stale and the run is taken over then.
        details = {"fatal": True, "code": code, "sqlstate": sqlstate, **more}
        with suppress(MoatError, psycopg.Error), self._ledger.in_a_hurry():
            self._ledger.do(
                lambda conn: IngestClaimClient(conn, lease=lease).finalize(lease.run_id, 0, 0, 0, 0, details)
            )
