"""Verifying what the ledger says, without trusting it: `verify` recomputes every chain here, and recounts."""

import os
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from plaintiff_moat.attest import recorded_checkpoints
from plaintiff_moat.evidence import Checkpoint, ChunkFacts, Event, Finding, Recount, RunChain, RunFacts, check_file
from plaintiff_moat.evidence.runs import check_chunks, check_counts, check_landed, check_run
from plaintiff_moat.ledger import evidence as ledger

__all__ = ["Report", "verify"]

Pins = dict[int, tuple[bytes, str]]


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at until `finding`, the first thing that does not hold; None when all of it does."""

    runs: int
    events: int
    records: int
    seconds: float
    finding: Finding | None

    @property
    def holds(self) -> bool:
        """Nothing was found."""
        return self.finding is None


@dataclass(slots=True)
class _Seen:
    runs: int = 0
    events: int = 0
    records: int = 0


def verify(
    conn: psycopg.Connection[Any],
    run_id: UUID | None = None,
    *,
    file: str | os.PathLike[str] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Report:
    """Looks at one run, or at everything, as of one moment, and stops at the first thing that does not hold.

    Writes nothing. Memory does not grow with the number of events or records. `file` is the delivery of `run_id`;
    `checkpoint` was kept outside the database. Raises BadInput when the file cannot be read.
    """
    started = time.monotonic()
    seen = _Seen()
    with ledger.snapshot(conn):
        with closing(_findings(conn, run_id, file, checkpoint, seen)) as findings:
            finding = next(findings, None)
    return Report(seen.runs, seen.events, seen.records, time.monotonic() - started, finding)


def _findings(
    conn: psycopg.Connection[Any],
    run_id: UUID | None,
    file: str | os.PathLike[str] | None,
    checkpoint: Checkpoint | None,
    seen: _Seen,
) -> Generator[Finding]:
    if checkpoint is not None:
        yield from _kept_checkpoint(conn, checkpoint)
    kept = {head.run: head for head in checkpoint.heads} if checkpoint else {}
    source = f"the kept checkpoint {checkpoint.number}" if checkpoint else ""
    events = _Sorted(ledger.stream(conn, "event_chain", run_id=run_id))
    pinned = _Sorted(ledger.stream(conn, "pinned_heads", run_id=run_id))
    for subject in ledger.stream(conn, "runs_and_heads", run_id=run_id):
        run, exists, head_seq, head_hash, *columns = subject
        for strays, what in ((events, "event"), (pinned, "head of a checkpoint")):
            yield from _runless(strays.first_before(run), what)
        if not exists:
            yield Finding("NO_RUN", run, "import_runs", "the run that event_heads names", "none")
        facts = RunFacts(run, *columns)
        pins: Pins = {seq: (held, f"checkpoint {number}") for _, seq, held, number in pinned.of(run)}
        if run in kept:
            head = kept.pop(run)
            pins[head.seq] = (head.hash, source)
        chain = RunChain(run)
        yield from _chain(chain, events.of(run), pins, (head_seq, head_hash), seen)
        yield from check_run(facts, chain)
        yield from _records(conn, facts, chain, seen)
        if run_id is not None:
            yield from _misowned(conn, run_id)
            if file is not None:
                chunks = [ChunkFacts(**row) for row in ledger.rows(conn, "chunks_of_run", run_id=run)]
                yield from filter(None, [check_file(file, run, facts.file_hash, chunks)])
        seen.runs += 1
    for strays, what in ((events, "event"), (pinned, "head of a checkpoint")):
        yield from _runless(strays.first_before(None), what)
    if run_id is None:
        for run in kept:
            yield Finding("CHECKPOINT_HEAD", run, "import_runs", f"the run that {source} holds", "none: it was deleted")
        yield from _whole_ledger(conn)


def _chain(
    chain: RunChain, events: Iterable[tuple[Any, ...]], pins: Pins, head: tuple[int | None, bytes | None], seen: _Seen
) -> Iterator[Finding]:
    for columns in events:
        finding = chain.add(Event._make(columns), pins)
        if finding is not None:
            yield finding
            return
        seen.events += 1
    yield from filter(None, [chain.end(pins)])
    if chain.seq == 0:
        yield Finding("NO_EVENTS", chain.run, "run_events", "at least the event of the run's beginning", "none")
    elif head != (chain.seq, chain.head):
        seq, hash_ = head
        found = "none" if hash_ is None else f"event {seq} with hash {hash_.hex()}"
        yield Finding("HEAD", chain.run, "event_heads", f"event {chain.seq} with hash {chain.head.hex()}", found)


def _records(conn: psycopg.Connection[Any], facts: RunFacts, chain: RunChain, seen: _Seen) -> Iterator[Finding]:
    chunks = [ChunkFacts(**row) for row in ledger.rows(conn, "chunks_of_run", run_id=facts.run)]
    yield from check_chunks(facts, chain, chunks)
    yield from check_landed(facts, chunks, ledger.rows(conn, "landed_by_chunk", run_id=facts.run))
    (recounted,) = ledger.rows(conn, "recount_run", run_id=facts.run)
    recount = Recount(**recounted)
    yield from check_counts(facts, recount)
    wrong = ledger.one(conn, "misrepresented_record", run_id=facts.run)
    if wrong is not None:
        owner = f"row {wrong['owner_row_number']} of {wrong['owner_status']} run {wrong['owner_run_id']}"
        found = "nobody" if wrong["owner_run_id"] is None else owner
        expected = f"key {wrong['dedupe_key']} represented by this record or an earlier one"
        yield Finding("KEY_OWNER", facts.run, f"row {wrong['row_number']}", expected, found)
    seen.records += recount.landed


def _misowned(conn: psycopg.Connection[Any], run_id: UUID | None) -> Iterator[Finding]:
    key = ledger.one(conn, "misowned_key", run_id=run_id)
    if key is not None:
        where = f"row {key['owner_row_number']}"
        expected = f"a valid record with key {key['dedupe_key']}, which it represents, in a run that was published"
        found = f"none in a run that is {key['owner_status']}" if key["owner_status"] else "no such run"
        yield Finding("KEY_OWNER", str(key["owner_run_id"]), where, expected, found)


def _whole_ledger(conn: psycopg.Connection[Any]) -> Iterator[Finding]:
    """What is of no single run."""
    yield from _misowned(conn, None)
    stray = ledger.one(conn, "runless_landing")
    if stray is not None:
        yield Finding("NO_RUN", str(stray["import_run_id"]), stray["relation"], "rows of a run that exists", "no such run")
    twice = ledger.one(conn, "deliveries_with_two_runs")
    if twice is not None:
        where = f"source system {twice['source_system']}, batch {twice['source_batch_id']}"
        yield Finding("LIVE_RUNS", twice["run"], where, "one run that is not rolled back", str(twice["runs"]))
    for checkpoint in recorded_checkpoints(conn):
        yield from filter(None, [checkpoint.finding()])
    guard = ledger.one(conn, "missing_guard")
    if guard is not None:
        where = f"trigger {guard['name']} on {guard['relation']}"
        yield Finding("GUARD", None, where, "enabled always", "missing or disabled: history can be changed")


def _kept_checkpoint(conn: psycopg.Connection[Any], kept: Checkpoint) -> Iterator[Finding]:
    yield from filter(None, [kept.finding()])
    recorded = ledger.one(conn, "checkpoints", checkpoint_no=kept.number)
    where = f"checkpoint {kept.number}"
    if recorded is None:
        yield Finding("CHECKPOINT", None, where, f"root {kept.root.hex()} as the kept file has it", "no such checkpoint")
    elif recorded["root"] != kept.root:
        expected = f"root {kept.root.hex()} as the kept file has it"
        yield Finding("CHECKPOINT", None, where, expected, recorded["root"].hex())


def _runless(row: tuple[Any, ...] | None, what: str) -> Iterator[Finding]:
    if row is not None:
        yield Finding("NO_RUN", row[0], f"{what} {row[1]}", "a run that it is of", "no such run")


class _Sorted:
    """Rows in the order of their first column, a run's id, taken run by run."""

    def __init__(self, rows: Iterator[tuple[Any, ...]]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def first_before(self, run: str | None) -> tuple[Any, ...] | None:
        """The row that stands before any of `run`; with None, any row that is left."""
        if self._next is None or (run is not None and self._next[0] >= run):
            return None
        return self._next

    def of(self, run: str) -> Iterator[tuple[Any, ...]]:
        """The rows of `run`."""
        while self._next is not None and self._next[0] == run:
            row = self._next
            self._next = next(self._rows, None)
            yield row
