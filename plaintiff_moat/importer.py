"""How a file becomes published records: scan, claim, land chunk by chunk, reconcile. All of it is `import_file`."""

import logging
import os
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import psycopg

from plaintiff_moat.delivery import Delivery, open_delivery
from plaintiff_moat.errors import LeaseLost, MoatError, RunFailed, SourceChanged
from plaintiff_moat.ledger.claims import IngestClaimClient, Lease
from plaintiff_moat.ledger.connect import Database, connect, resolve
from plaintiff_moat.ledger.heartbeat import Heartbeat
from plaintiff_moat.ledger.landing import land, landed_chunks
from plaintiff_moat.ledger.migrate import require_migrated
from plaintiff_moat.ledger.runs import run
from plaintiff_moat.redaction import describe_error
from plaintiff_moat.source import Chunk
from plaintiff_moat.summary import ImportSummary, Tally

__all__ = ["Progress", "import_file"]

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
    worker_id: str | None = None,
    workers: int = DEFAULT_WORKERS,
    on_progress: Callable[[Progress], object] = lambda _: None,
) -> ImportSummary:
    """Takes the file in once and whole: everything of it is published in one commit, or nothing.

    A delivery that is completed already, or that another worker holds, comes back as that `claim_status`. A run that
    crashed or failed before is continued with the chunks that are not landed yet. `mapping` is a name or a path;
    without one it is the source system's own, else `generic`. `workers` chunks are landed side by side; `on_progress`
    is called from the caller's thread. `database` is a URL; without one it is MOAT_DATABASE_URL, else the embedded one.

    Raises BadInput, BadMapping, DatabaseUnreachable or DatabaseNotMigrated with nothing written; SourceChanged when
    the file changed after its claim (the run is `failed`); LeaseLost when somebody took the run over; RunFailed for
    any other end (the run is `failed`, nothing of it is active).
    """
    started = time.monotonic()
    database = resolve(database)
    delivery = open_delivery(path, source_system=source_system, batch_id=batch_id, mapping=mapping)
    _log.info("%s: %s records in %s chunks", delivery.filename, delivery.scan.records, len(delivery.scan.chunks))
    with connect(database) as conn:
        require_migrated(conn)
        client = IngestClaimClient(conn, worker_id)
        claim = client.claim(
            delivery.source_system,
            delivery.batch_id,
            delivery.scan.file_hash,
            delivery.filename,
            reader_fingerprint=delivery.reader_fingerprint,
            expected_count=delivery.scan.records,
        )
    _log.info("run %s of %s: %s, attempt %s", claim.run_id, delivery.filename, claim.status, claim.attempt)
    tally = Tally()
    if claim.is_claimed and claim.run_id is not None:
        lease = client.lease(claim.run_id)
        with _end_reported(database, lease):
            _land_missing(delivery, lease, database, workers, tally, on_progress)
            _publish(database, lease, delivery.scan.records)
    with connect(database) as conn:
        standing = None if claim.run_id is None else run(conn, claim.run_id)
    return ImportSummary.of_run(
        delivery, claim.status, standing, tally, dry_run=False, seconds=time.monotonic() - started
    )


def _land_missing(
    delivery: Delivery,
    lease: Lease,
    database: Database,
    workers: int,
    tally: Tally,
    on_progress: Callable[[Progress], object],
) -> None:
    """Lands the chunks that earlier attempts have not landed, telling of each."""
    with connect(database) as conn:
        done = landed_chunks(conn, lease.run_id)
    missing = [chunk for chunk in delivery.scan.chunks if chunk.number not in done]
    before = delivery.scan.records - sum(chunk.records for chunk in missing)
    _log.info("run %s: %s of %s chunks to land", lease.run_id, len(missing), len(delivery.scan.chunks))
    with (
        Heartbeat(database, lease) as heartbeat,
        closing(_land_all(delivery, missing, lease, database, workers)) as landings,
    ):
        for landed in landings:
            heartbeat.progress()
            tally.add(landed)
            on_progress(Progress(before + tally.records, delivery.scan.records))


def _land_all(
    delivery: Delivery, chunks: list[Chunk], lease: Lease, database: Database, workers: int
) -> Generator[Tally]:
    """Lands the chunks, `workers` at a time, each worker with a connection of its own; yields as they get done."""
    with ExitStack() as stack:
        connections: SimpleQueue[psycopg.Connection[Any]] = SimpleQueue()
        for _ in range(min(workers, len(chunks))):
            connections.put(stack.enter_context(connect(database)))
        pool = stack.enter_context(ThreadPoolExecutor(max(1, workers), thread_name_prefix="moat-land"))
        pending: list[Future[Tally]] = [
            pool.submit(_land_chunk, delivery, chunk, lease, connections) for chunk in chunks
        ]
        try:
            for done in as_completed(pending):
                yield done.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _land_chunk(
    delivery: Delivery, chunk: Chunk, lease: Lease, connections: "SimpleQueue[psycopg.Connection[Any]]"
) -> Tally:
    rows = delivery.rows(chunk)
    tally = Tally.of(rows)
    conn = connections.get()
    try:
        land(conn, lease, chunk, rows)
    finally:
        connections.put(conn)
    return tally


def _publish(database: Database, lease: Lease, expected: int) -> None:
    # A connection of its own: one that had waited for the landing could be gone.
    with connect(database) as conn:
        result = IngestClaimClient(conn, lease=lease).reconcile(lease.run_id, expected)
    if not result.is_valid:
        raise RunFailed(
            f"expected {result.expected_count} records, landed {result.actual_count}: nothing of run {lease.run_id} is"
            " active; import the file again, and if that fails too, report it with `moat show`"
        )


@contextmanager
def _end_reported(database: Database, lease: Lease) -> Iterator[None]:
    """Reports a failure to the ledger: the run is `failed` at once, and nobody waits for its lease to go stale."""
    try:
        yield
    except (LeaseLost, RunFailed):
        raise
    except SourceChanged:
        _report(database, lease, "SOURCE_CHANGED")
        raise
    except Exception as fault:
        _report(database, lease, type(fault).__name__, getattr(fault, "sqlstate", None))
        reason = str(fault) if isinstance(fault, MoatError) else describe_error(fault)
        raise RunFailed(
            f"run {lease.run_id} is not complete, nothing of it is active: {reason}; import the file again to go on"
        ) from fault
    except BaseException:
        _report(database, lease, "INTERRUPTED")
        raise


def _report(database: Database, lease: Lease, code: str, sqlstate: str | None = None) -> None:
    # Where even this cannot be said (the server is gone), the lease goes stale and the run is taken over then.
    with suppress(MoatError, psycopg.Error), connect(database) as conn:
        details = {"fatal": True, "code": code, "sqlstate": sqlstate}
        IngestClaimClient(conn, lease=lease).finalize(lease.run_id, 0, 0, 0, 0, details)
