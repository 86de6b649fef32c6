"""The dry run: what an import of a file would do to the live data. Writes nothing, not even a claim."""

import os
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from uuid import UUID

import polars as pl

from plaintiff_moat.acceptance import Terms
from plaintiff_moat.delivery import Delivery, open_delivery
from plaintiff_moat.errors import NotReleased
from plaintiff_moat.expected import NOTHING, Expected, expected_of
from plaintiff_moat.ledger.claims import ClaimStatus
from plaintiff_moat.ledger.connect import Database, connect, resolve
from plaintiff_moat.ledger.migrate import require_migrated
from plaintiff_moat.ledger.rejects import layout_of_export, replayed_rejects, require_replayable
from plaintiff_moat.ledger.runs import (
    beside_delivery,
    count_active_keys,
    find_run,
    live_run_of_delivery,
    reader_of_delivery,
)
from plaintiff_moat.ledger.undo import keys_without_heir, run_to_replace, withheld_run
from plaintiff_moat.naming import DEFAULT_SOURCE_SYSTEM
from plaintiff_moat.rows.measure import Measure
from plaintiff_moat.source import AS_IT_IS, Reading
from plaintiff_moat.source.returned import reading_of_export
from plaintiff_moat.summary import ImportSummary, Tally

__all__ = ["preview_file"]

KEYS_A_QUERY = 50_000


def preview_file(
    path: str | os.PathLike[str],
    database: Database | str | None = None,
    *,
    source_system: str | None = None,
    batch_id: str | None = None,
    mapping: str | None = None,
    reading: Reading = AS_IT_IS,
    limit: int | None = None,
    replaces: UUID | str | None = None,
    replays: UUID | str | None = None,
    unattended: bool = False,
    expected: Expected = NOTHING,
) -> ImportSummary:
    """What `import_file` would insert, skip and reject if it ran now. Writes nothing.

    `claim_status` is the answer that a claim would get now. With `limit`, only the first so many records are read.
    Raises BadInput, BadMapping, DatabaseUnreachable, DatabaseNotMigrated, NoSuchRun, WrongRun, NotReleased,
    ControlTotalMismatch and Drifted as the import would; with `limit` no total amount is known.
    """
    started = time.monotonic()
    database = resolve(database)
    expected = expected_of(path, expected)
    parent = None
    if replays is not None:
        with connect(database) as conn:
            require_migrated(conn)
            parent = find_run(conn, str(replays))
            reading = reading_of_export(path, reading, layout_of_export(conn, parent["id"]))
    if source_system is None:
        source_system = parent["source_system"] if parent else DEFAULT_SOURCE_SYSTEM
    with open_delivery(
        path,
        source_system=source_system,
        batch_id=batch_id,
        mapping=mapping,
        reading=reading,
        replays=parent["id"] if parent else None,
    ) as delivery:
        Terms(delivery, expected).check_scan(partial(_live, delivery, database))
        return _previewed(delivery, expected, database, started, limit, replaces, unattended)


def _live(delivery: Delivery, database: Database) -> Mapping[str, Any] | None:
    """The run of the delivery that is not rolled back."""
    with connect(database) as conn:
        require_migrated(conn)
        return live_run_of_delivery(conn, *delivery.identity)


def _previewed(
    delivery: Delivery,
    expected: Expected,
    database: Database,
    started: float,
    limit: int | None,
    replaces: UUID | str | None,
    unattended: bool,
) -> ImportSummary:
    with connect(database) as conn:
        require_migrated(conn)
        rejects = delivery.rejects()
        if delivery.replays is not None:
            require_replayable(conn, delivery.replays, *delivery.identity, rejects)
        live = live_run_of_delivery(conn, *delivery.identity)
        reader = reader_of_delivery(conn, *delivery.identity)
        delivery.require_same_part(reader)
    tally = Tally()
    keys: list[pl.Series] = []
    fixing: list[int] = []
    is_duplicate = _claim_status(live) is ClaimStatus.DUPLICATE  # of which an import would read no record either
    for rows, measured in _first_rows(delivery, 0 if is_duplicate else limit):
        tally.add(Tally.of(rows, measured))
        keys.append(rows.get_column("dedupe_key").drop_nulls())
        if delivery.replays is not None:
            fixing.extend(rows.filter(pl.col("error_code").is_null()).get_column("replays_row").drop_nulls())
    distinct = pl.concat(keys).unique() if keys else pl.Series("dedupe_key", dtype=pl.String)

    with connect(database) as conn:
        withheld = (
            withheld_run(conn, delivery.source_system, delivery.scan.file_hash) if unattended and live is None else None
        )
        if withheld is not None:
            raise NotReleased(withheld)
        beside = beside_delivery(conn, *delivery.identity)
        replaced = None if replaces is None else run_to_replace(conn, replaces, *delivery.identity)
        unreferred = delivery.scan.records - len(rejects)
        replayed = replayed_rejects(conn, delivery.replays, unreferred, fixing=fixing, without=replaced)
        left = [] if replaced is None else keys_without_heir(conn, replaced)
        held = distinct.filter(~distinct.is_in(pl.Series([key.hex for key in left], dtype=pl.String).implode()))
        known = sum(
            count_active_keys(conn, held.slice(first, KEYS_A_QUERY).to_list())
            for first in range(0, held.len(), KEYS_A_QUERY)
        )
        inserted = distinct.len() - known
        errored = tally.rejects.total()
        terms = Terms(delivery, expected, replaced)
        whole = tally.measured if tally.records == delivery.scan.records else None
        drift = terms.preview(conn, tally.measured, tally.records - errored - inserted) if tally.measured else ()
    counts = (
        dict(live)
        if live and is_duplicate
        else {
            "id": live["id"] if live else None,
            "status": live["status"] if live else None,
            "attempt": live["attempt"] + 1 if live else 1,
            "rows_fetched": tally.records,
            "rows_inserted": inserted,
            "rows_skipped": tally.records - errored - inserted,
            "rows_errored": errored,
            "found_total": whole.total if whole else None,
        }
    )
    counts |= {"replaces": replaced, "replays": delivery.replays}
    return ImportSummary.of_run(
        delivery,
        _claim_status(live),
        counts,
        tally,
        is_mapped_otherwise=is_duplicate and not delivery.is_mapped_as(reader),
        beside=beside,
        control_totals=terms.require(counts, whole),
        drift=drift,
        replayed=replayed,
        dry_run=True,
        seconds=time.monotonic() - started,
    )


def _first_rows(delivery: Delivery, limit: int | None) -> Iterator[tuple[pl.DataFrame, Measure]]:
    left = delivery.scan.records if limit is None else limit
    for chunk in delivery.scan.chunks:
        if left <= 0:
            return
        rows, measured = delivery.measured(chunk, left)
        left -= rows.height
        yield rows, measured


def _claim_status(live: Mapping[str, Any] | None) -> ClaimStatus:
    """What a claim would answer now."""
    if live is None:
        return ClaimStatus.CLAIMED
    if live["status"] == "completed":
        return ClaimStatus.DUPLICATE
    if live["status"] == "processing" and not live["is_stale"]:
        return ClaimStatus.IN_PROGRESS
    return ClaimStatus.CLAIMED
