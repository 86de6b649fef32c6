"""How a file becomes published records: scan, claim, land chunk by chunk, reconcile. All of it is `import_file`."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import psycopg

from plaintiff_moat.containers.kinds import content_stem
from plaintiff_moat.errors import RunFailed
from plaintiff_moat.expected import NOTHING, Expected, expected_of
from plaintiff_moat.fingerprint import is_one_of_several
from plaintiff_moat.identify import compute_file_hash
from plaintiff_moat.ledger.claims import ClaimResult, IngestClaimClient
from plaintiff_moat.ledger.connect import Database, resolve
from plaintiff_moat.ledger.connections import Connections
from plaintiff_moat.ledger.leases import Lease
from plaintiff_moat.ledger.migrate import require_migrated
from plaintiff_moat.ledger.patience import PATIENCE_SECONDS
from plaintiff_moat.ledger.rejects import layout_of_export, replayed_rejects, require_replayable
from plaintiff_moat.ledger.runs import (
    beside_delivery,
    completed_of_batch,
    find_run,
    live_run_of_delivery,
    reader_of_delivery,
    run,
)
from plaintiff_moat.ledger.undo import run_to_replace
from plaintiff_moat.ledger.workers import Worker, succeeding
from plaintiff_moat.naming import DEFAULT_SOURCE_SYSTEM, Named, name_delivery, require_name
from plaintiff_moat.rows import mapping_for
from plaintiff_moat.source import AS_IT_IS, Reading
from plaintiff_moat.summary import ImportSummary, Progress, Tally

if TYPE_CHECKING:  # reading is half a second to import, of which a duplicate needs nothing
    from plaintiff_moat.ahead import Opened, ReadAhead
    from plaintiff_moat.delivery import Delivery

__all__ = ["Importer", "Progress", "import_file"]

_log = logging.getLogger(__name__)

DEFAULT_WORKERS = min(4, os.cpu_count() or 1)


def import_file(
    path: str | os.PathLike[str],
    database: Database | str | None = None,
    *,
    source_system: str | None = None,
    batch_id: str | None = None,
    mapping: str | None = None,
    reading: Reading = AS_IT_IS,
    worker_id: str | None = None,
    workers: int = DEFAULT_WORKERS,
    patience: float = PATIENCE_SECONDS,
    on_progress: Callable[[Progress], object] = lambda _: None,
    replaces: UUID | str | None = None,
    replays: UUID | str | None = None,
    unattended: bool = False,
    expected: Expected = NOTHING,
) -> ImportSummary:
    """Takes the file in once and whole: everything of it is published in one commit, or nothing.

    A delivery that is completed already, or that another worker holds, comes back as that `claim_status`. A run that
    crashed or failed before is continued with the chunks that are not landed yet: at once if its worker has the same
    `worker_id`, or was a process of this machine that is dead; else when its lease is stale. `mapping` is a name or a
    path; without one it is the source system's own, else `generic`. Without a source system it is `manual`, or that of
    the run that the file replays. `reading` says what of the file is read and how, as far as that shall not be found
    out. `workers` chunks are landed side by side; `on_progress` is called from the caller's thread. `database` is a
    URL; without one it is MOAT_DATABASE_URL, else the embedded one. Once it has answered, a lost connection, a restart,
    a failover or a deadlock is retried for up to `patience` seconds.

    The commit that publishes the file undoes the run that it `replaces`, named by its id or the beginning of it: the
    active set is then as if that one's file had never come. A corrected export of rejects `replays` the run that it was
    exported from: each record stands for the reject that it names, which counts as fixed while this run is completed
    and the record valid. `unattended` says that nobody decided to take this very file: NotReleased when somebody undid
    its newest run and nobody has released it since.

    What is `expected` of the file, together with what the manifest beside it says, holds or nothing is published:
    ControlTotalMismatch, with nothing written where the scan tells (SHA-256, records), else of a run that is `failed`.
    With `expected.strict` a file that differs from those before it is not published either: Drifted, of a run that is
    `failed`.

    Raises BadInput, BadMapping, DatabaseUnreachable or DatabaseNotMigrated with nothing written, nor for a run that
    cannot be replaced or replayed (NoSuchRun, WrongRun); NotReleased with nothing but an event; SourceChanged when the
    file changed after its claim (the run is `failed`); LeaseLost when somebody took the run over; RunFailed for any
    other end (the run is `failed`, nothing of it is active).
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
            replays=replays,
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
        self._reading_ahead: ReadAhead | None = None
        self._takes_records = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reading_ahead is not None:
            self._reading_ahead.close()
        self._pool.shutdown()
        self._worker.close()
        self._ledger.close()

    def import_file(
        self,
        path: str | os.PathLike[str],
        *,
        source_system: str | None = None,
        batch_id: str | None = None,
        mapping: str | None = None,
        reading: Reading = AS_IT_IS,
        on_progress: Callable[[Progress], object] = lambda _: None,
        replaces: UUID | str | None = None,
        replays: UUID | str | None = None,
        unattended: bool = False,
        expected: Expected = NOTHING,
    ) -> ImportSummary:
        """Takes one file in, with the promise and the errors of the function of this name."""
        started = time.monotonic()
        expected = expected_of(path, expected)
        parent = None if replays is None else self._ledger.do(lambda conn: find_run(conn, str(replays)))
        if parent is not None:
            from plaintiff_moat.source.returned import reading_of_export  # noqa: PLC0415

            layout = self._ledger.do(partial(layout_of_export, run_id=parent["id"]))
            reading = reading_of_export(path, reading, layout)
        if source_system is None:
            source_system = parent["source_system"] if parent else DEFAULT_SOURCE_SYSTEM
        asks_nothing = (mapping, reading, replaces, parent, expected) == (None, AS_IT_IS, None, None, NOTHING)
        if asks_nothing:
            named = name_delivery(path, source_system=source_system, batch_id=batch_id)
            summary = self._known_already(path, named, started)
            if summary is not None:
                return summary
        opened = self._ahead().take(
            path,
            source_system=source_system,
            batch_id=batch_id,
            mapping=mapping,
            reading=reading,
            replays=parent["id"] if parent else None,
        )
        with opened.delivery:
            return self._take_in(opened, expected, started, on_progress, replaces, unattended)

    def _take_in(
        self,
        opened: "Opened",
        expected: Expected,
        started: float,
        on_progress: Callable[[Progress], object],
        replaces: UUID | str | None,
        unattended: bool,
    ) -> ImportSummary:
        from plaintiff_moat.acceptance import Terms  # noqa: PLC0415
        from plaintiff_moat.intake import Intake  # noqa: PLC0415

        delivery = opened.delivery
        _log.info("%s: %s records in %s chunks", delivery.filename, delivery.scan.records, len(delivery.scan.chunks))
        tally = Tally()
        Terms(delivery, expected).check_scan(
            lambda: self._ledger.do(lambda conn: live_run_of_delivery(conn, *delivery.identity))
        )
        self._require_same_part(delivery)
        replaced = None
        if replaces is not None:
            replaced = self._ledger.do(lambda conn: run_to_replace(conn, replaces, *delivery.identity))
        terms = Terms(delivery, expected, replaced)
        rejects = delivery.rejects()
        if (replayed := delivery.replays) is not None:
            self._ledger.do(lambda conn: require_replayable(conn, replayed, *delivery.identity, rejects))
        with self._worker.at_work() as worker_id, self._claimed(delivery, worker_id, unattended) as (claim, lease):
            _log.info("run %s of %s: %s, attempt %s", claim.run_id, delivery.filename, claim.status, claim.attempt)
            if lease is None:
                self._require_same_part(delivery)  # somebody may have been faster with another one
            self._takes_records = lease is not None
            if lease is not None:
                intake = Intake(self._ledger, self._pool, terms, lease, tally)
                drift = intake.complete(opened.rows, on_progress)
            else:
                drift = ()
            reader = None
            if claim.is_duplicate:
                reader = self._ledger.do(lambda conn: reader_of_delivery(conn, *delivery.identity))
            if claim.is_duplicate and claim.run_id is not None and (replaced or replayed):
                self._relate(claim.run_id, replaced, replayed)
        standing = None if claim.run_id is None else self._ledger.do(partial(run, run_id=claim.run_id))
        beside = self._ledger.do(lambda conn: beside_delivery(conn, *delivery.identity))
        unreferred = delivery.scan.records - len(rejects)
        return ImportSummary.of_run(
            delivery,
            claim.status,
            standing,
            tally,
            is_mapped_otherwise=not delivery.is_mapped_as(reader),
            beside=beside,
            control_totals=terms.require(standing, tally.measured),
            drift=drift,
            replayed=self._ledger.do(lambda conn: replayed_rejects(conn, replayed, unreferred)),
            dry_run=False,
            seconds=time.monotonic() - started,
        )

    def _require_same_part(self, delivery: "Delivery") -> None:
        if delivery.content is not None:
            self._ledger.do(lambda conn: delivery.require_same_part(reader_of_delivery(conn, *delivery.identity)))

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
        if content_stem(named.filename) != named.filename:
            reader = self._ledger.do(lambda conn: reader_of_delivery(conn, *batch, file_hash))
            if reader is not None and is_one_of_several(reader["reader_fingerprint"]):
                return None  # whether it was this part, only the container tells
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
        source_system: str | None = None,
        batch_id: str | None = None,
        mapping: str | None = None,
        reading: Reading = AS_IT_IS,
    ) -> None:
        """Begins to read the file that `import_file` is given after the next call of it. Writes nothing, never fails.

        Once a file was not claimed, records are not read ahead: the next is likely to be a duplicate too.
        """
        about = {
            "source_system": DEFAULT_SOURCE_SYSTEM if source_system is None else source_system,
            "batch_id": batch_id,
            "mapping": mapping,
            "reading": reading,
            "replays": None,
        }
        self._ahead().begin(path, with_rows=self._takes_records, **about)

    def _ahead(self) -> "ReadAhead":
        if self._reading_ahead is None:
            from plaintiff_moat.ahead import ReadAhead  # noqa: PLC0415

            self._reading_ahead = ReadAhead()
        return self._reading_ahead

    @contextmanager
    def _claimed(
        self, delivery: "Delivery", worker_id: str, unattended: bool
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

    def _claim_as(self, worker_id: str, delivery: "Delivery", unattended: bool) -> tuple[ClaimResult, Lease | None]:
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

    def _relate(self, run_id: UUID, replaced: UUID | None, replayed: UUID | None) -> None:
        """Puts a run that was completed before in the place of the other, unless it has that place already.

        What it replays was said when it was published: only that it did is looked at.
        """
        result = self._ledger.do(
            lambda conn: IngestClaimClient(conn).reconcile(run_id, replaces=replaced, replays=replayed)
        )
        if not result.is_valid:
            raise RunFailed(f"run {run_id} does not verify and replaced nothing: look at it with `moat show`")
