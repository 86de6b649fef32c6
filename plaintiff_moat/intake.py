"""A claimed delivery on its way into the ledger: landed chunk by chunk, held to its terms, published in one commit."""

import logging
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg

from plaintiff_moat.acceptance import Terms
from plaintiff_moat.delivery import Measured
from plaintiff_moat.drift import Drift
from plaintiff_moat.errors import ControlTotalMismatch, Drifted, LeaseLost, MoatError, RunFailed, SourceChanged
from plaintiff_moat.ledger.claims import IngestClaimClient, ReconcileResult
from plaintiff_moat.ledger.connections import Connections
from plaintiff_moat.ledger.early_keys import EarlyKeys
from plaintiff_moat.ledger.heartbeat import Heartbeat
from plaintiff_moat.ledger.landing import land, landed_chunks
from plaintiff_moat.ledger.leases import Lease, record_refusal
from plaintiff_moat.ledger.runs import run
from plaintiff_moat.redaction import describe_error
from plaintiff_moat.source.records import Chunk
from plaintiff_moat.summary import Progress, Tally

__all__ = ["Intake"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Intake:
    """The work under one lease. `tally` grows with each chunk that lands, those of earlier attempts left out."""

    ledger: Connections
    pool: ThreadPoolExecutor
    terms: Terms
    lease: Lease
    tally: Tally

    def complete(self, rows: Measured | None, on_progress: Callable[[Progress], object]) -> tuple[Drift, ...]:
        """Lands what is missing and publishes the run; how the file differs from those before it is returned.

        `rows` are those of the only chunk, where they were read ahead. Raises what `import_file` does once the file is
        claimed; the run is `failed` then, unless it is another's or there is no way to say so.
        """
        with self._end_reported(), self._early_keys() as early_keys:
            self.ledger.do(partial(self.terms.begin, lease=self.lease))
            self._land_missing(rows, early_keys, on_progress)
            return self._publish(early_keys)

    def _early_keys(self) -> EarlyKeys:
        scan = self.terms.delivery.scan
        return EarlyKeys(self.ledger.database, self.lease, chunks=len(scan.chunks), records=scan.records)

    def _land_missing(
        self, rows: Measured | None, early_keys: EarlyKeys, on_progress: Callable[[Progress], object]
    ) -> None:
        """Lands the chunks that earlier attempts have not landed, telling of each; `rows` are those of the only one."""
        delivery, lease = self.terms.delivery, self.lease
        is_first = lease.attempt == 1
        done = frozenset() if is_first else self.ledger.do(lambda conn: landed_chunks(conn, lease.run_id))
        missing = [chunk for chunk in delivery.scan.chunks if chunk.number not in done]
        before = delivery.scan.records - sum(chunk.records for chunk in missing)
        _log.info("run %s: %s of %s chunks to land", lease.run_id, len(missing), len(delivery.scan.chunks))
        with (
            Heartbeat(self.ledger.database, lease) as heartbeat,
            closing(self._land_all(missing, rows)) as landings,
        ):
            early_keys.landed(len(done))
            for number, landed in enumerate(landings, len(done) + 1):
                heartbeat.progress()
                early_keys.landed(number)
                self.tally.add(landed)
                on_progress(Progress(before + self.tally.records, delivery.scan.records))

    def _land_all(self, chunks: list[Chunk], rows: Measured | None) -> Generator[Tally]:
        """Lands the chunks, `workers` at a time; yields as they get done. Ended early, it waits for those under way."""
        pending = [self.pool.submit(self._land_chunk, chunk, rows) for chunk in chunks]
        try:
            for done in as_completed(pending):
                yield done.result()
        except BaseException:
            under_way = [landing for landing in pending if not landing.cancel()]
            with self.ledger.in_a_hurry():
                wait(under_way)
            raise

    def _land_chunk(self, chunk: Chunk, read: Measured | None) -> Tally:
        rows, measured = self.terms.delivery.measured(chunk) if read is None else read
        self.ledger.do(lambda conn: land(conn, self.lease, chunk, rows, measured))
        return Tally.of(rows, measured)

    def _publish(self, early_keys: EarlyKeys) -> tuple[Drift, ...]:
        terms, lease = self.terms, self.lease
        earlier = self.ledger.do(terms.earlier)
        drift = self.ledger.do(partial(terms.judge, lease=lease, earlier=earlier))

        def publish(conn: psycopg.Connection[Any]) -> tuple[ReconcileResult, tuple[Drift, ...]]:
            try:
                # strict: what the publication tells of duplicates may still take it back
                with conn.transaction() if terms.expected.strict else nullcontext():
                    client = IngestClaimClient(conn, lease=lease)
                    result = client.reconcile(
                        lease.run_id,
                        terms.delivery.scan.records,
                        replaces=terms.replaced,
                        replays=terms.delivery.replays,
                    )
                    return result, terms.judge_published(conn, lease, earlier) if result.is_valid else ()
            except LeaseLost:
                if terms.expected.strict:  # within a transaction the client could not
                    record_refusal(conn, lease, "reconcile")
                raise

        def publish_early(conn: psycopg.Connection[Any]) -> tuple[ReconcileResult, tuple[Drift, ...]] | None:
            published = publish(conn)
            return published if published[0].is_valid else None

        result, of_publication = early_keys.publish(publish_early) or self.ledger.do(publish)
        if not result.is_valid:
            standing = self.ledger.do(partial(run, run_id=lease.run_id))
            if standing["status"] == "rolled_back":
                raise RunFailed(
                    f"run {lease.run_id} was rolled back meanwhile, nothing of it is active:"
                    f" {standing['rollback_reason']}"
                )
            self.ledger.do(lambda conn: terms.refused(conn, lease.run_id, self.tally.measured))
            raise RunFailed(
                f"expected {result.expected_count} records, landed {result.actual_count}: nothing of run {lease.run_id}"
                " is active; import the file again, and if that fails too, report it with `moat show`"
            )
        return drift + of_publication

    @contextmanager
    def _end_reported(self) -> Iterator[None]:
        """Reports a failure to the ledger: the run is `failed` at once, and nobody waits for its lease to go stale."""
        try:
            yield
        except (LeaseLost, RunFailed):
            raise
        except SourceChanged:
            self._report("SOURCE_CHANGED")
            raise
        except ControlTotalMismatch:
            self._report("CONTROL_TOTAL_MISMATCH")  # no news where that failed the publication
            raise
        except Drifted as drifted:
            self._report("DRIFT", findings=drifted.findings)
            raise
        except Exception as fault:
            self._report(type(fault).__name__, getattr(fault, "sqlstate", None))
            reason = str(fault) if isinstance(fault, MoatError) else describe_error(fault)
            raise RunFailed(
                f"run {self.lease.run_id} is not complete, nothing of it is active: {reason};"
                " import the file again to go on"
            ) from fault
        except BaseException:
            self._report("INTERRUPTED")
            raise

    def _report(self, code: str, sqlstate: str | None = None, **more: Any) -> None:
        # Where even this cannot be said (the server is gone), the lease goes stale and the run is taken over then.
        details = {"fatal": True, "code": code, "sqlstate": sqlstate, **more}
        with suppress(MoatError, psycopg.Error), self.ledger.in_a_hurry():
            self.ledger.do(
                lambda conn: IngestClaimClient(conn, lease=self.lease).finalize(self.lease.run_id, 0, 0, 0, 0, details)
            )
