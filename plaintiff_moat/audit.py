"""Verifying what the ledger says, without trusting it: `verify` recomputes every chain here, and recounts."""

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from plaintiff_moat.attest import recorded_checkpoint, recorded_checkpoints
from plaintiff_moat.evidence import (
    Checkpoint,
    ChunkFacts,
    Event,
    Finding,
    Fixes,
    Opened,
    Recount,
    RunChain,
    RunFacts,
    check_file,
)
from plaintiff_moat.evidence.runs import check_chunks, check_counts, check_fixes, check_landed, check_run
from plaintiff_moat.ledger import evidence as ledger

__all__ = ["Report", "broken_chain", "verify"]

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
    content: Callable[[], Opened | None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Report:
    """Looks at one run, or at everything, as of one moment, and stops at the first thing that does not hold.

    Writes nothing. Memory does not grow with the number of events or records. `file` is the delivery of `run_id`,
    `content` opens it where it is a container; `checkpoint` was kept outside the database. Raises BadInput when the
    file cannot be read, or another part of it was opened than the run was read from.
    """
    started = time.monotonic()
    seen = _Seen()
    with ledger.snapshot(conn), closing(_findings(conn, run_id, file, content, checkpoint, seen)) as findings:
        finding = next(findings, None)
    return Report(seen.runs, seen.events, seen.records, time.monotonic() - started, finding)


def broken_chain(conn: psycopg.Connection[Any], run_ids: Iterable[UUID]) -> Finding | None:
    """The first thing that does not hold about the events of these runs; nothing is recounted, nothing written."""
    with ledger.snapshot(conn):
        for run_id in run_ids:
            pinned = ledger.stream(conn, "pinned_heads", run_id=run_id)
            pins: Pins = {seq: (held, f"checkpoint {number}") for _, seq, held, number in pinned}
            for run, _, *head in ledger.stream(conn, "runs_and_heads", run_id=run_id):
                events = ledger.stream(conn, "event_chain", run_id=run_id)
                finding = next(_chain(RunChain(run), events, pins, (head[0], head[1]), _Seen()), None)
                if finding is not None:
                    return finding
    return None


def _findings(
    conn: psycopg.Connection[Any],
    run_id: UUID | None,
    file: str | os.PathLike[str] | None,
    content: Callable[[], Opened | None] | None,
    checkpoint: Checkpoint | None,
    seen: _Seen,
) -> Generator[Finding]:
    kept = _Kept(checkpoint)
    yield from kept.against_its_record(conn)
    events = _Sorted("event", ledger.stream(conn, "event_chain", run_id=run_id))
    pinned = _Sorted("head of a checkpoint, event", ledger.stream(conn, "pinned_heads", run_id=run_id))
    for run, exists, head_seq, head_hash, *columns in ledger.stream(conn, "runs_and_heads", run_id=run_id):
        yield from events.runless_before(run)
        yield from pinned.runless_before(run)
        if not exists:
            yield Finding("NO_RUN", run, "import_runs", "the run that event_heads names", "none")
        pins: Pins = {seq: (held, f"checkpoint {number}") for _, seq, held, number in pinned.of(run)}
        chain = RunChain(run)
        yield from _chain(chain, events.of(run), pins | kept.pins(run), (head_seq, head_hash), seen)
        facts = RunFacts(run, *columns)
        yield from check_run(facts, chain)
        chunks = [ChunkFacts(**row) for row in ledger.rows(conn, "chunks_of_run", run_id=run)]
        yield from _records(conn, facts, chain, chunks, seen)
        if file is not None:
            yield from filter(None, [check_file(file, facts, chunks, content)])
        seen.runs += 1
    yield from events.runless_before(None)
    yield from pinned.runless_before(None)
    yield from _keys(conn, run_id)
    if run_id is None:
        yield from kept.left_over()
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


def _records(
    conn: psycopg.Connection[Any], facts: RunFacts, chain: RunChain, chunks: Sequence[ChunkFacts], seen: _Seen
) -> Iterator[Finding]:
    yield from check_chunks(facts, chain, chunks)
    yield from check_landed(facts, chunks, ledger.rows(conn, "landed_by_chunk", run_id=facts.run))
    (recounted,) = ledger.rows(conn, "recount_run", run_id=facts.run)
    recount = Recount(**recounted)
    yield from check_counts(facts, recount, chunks)
    (fixes,) = ledger.rows(conn, "fixes_of_run", run_id=facts.run)
    yield from check_fixes(facts, chain, Fixes(**fixes))
    seen.records += recount.landed


def _keys(conn: psycopg.Connection[Any], run_id: UUID | None) -> Iterator[Finding]:
    """Who represents each key: looked at last, because whatever is wrong with one run shows in the keys of others."""
    for (run,) in ledger.stream(conn, "completed_runs", run_id=run_id):
        wrong = ledger.one(conn, "misrepresented_record", run_id=run)
        if wrong is not None:
            owner = f"row {wrong['owner_row_number']} of {wrong['owner_status']} run {wrong['owner_run']}"
            found = "nobody" if wrong["owner_run"] is None else owner
            expected = f"key {wrong['dedupe_key']} represented by this record or an earlier one"
            yield Finding("KEY_OWNER", run, f"row {wrong['row_number']}", expected, found)
    key = ledger.one(conn, "misowned_key", run_id=run_id)
    if key is not None:
        where = f"row {key['owner_row_number']}"
        expected = f"a valid record with key {key['dedupe_key']}, which it represents, in a run that was published"
        found = f"none in a run that is {key['owner_status']}" if key["owner_status"] else "no such run"
        yield Finding("KEY_OWNER", key["owner_run"], where, expected, found)


def _whole_ledger(conn: psycopg.Connection[Any]) -> Iterator[Finding]:
    """What is of no single run."""
    stray = ledger.one(conn, "runless_landing")
    if stray is not None:
        run = str(stray["import_run_id"] or f"number {stray['run_no']}")
        yield Finding("NO_RUN", run, stray["relation"], "rows of a run that exists", "no such run")
    twice = ledger.one(conn, "deliveries_with_two_runs")
    if twice is not None:
        where = f"source system {twice['source_system']}, batch {twice['source_batch_id']}"
        yield Finding("LIVE_RUNS", twice["run"], where, "one run that is not rolled back", str(twice["runs"]))
    for number, checkpoint in enumerate(recorded_checkpoints(conn), 1):
        if checkpoint.number != number:
            found = f"none: checkpoint {checkpoint.number} is next"
            yield Finding("CHECKPOINT", None, f"checkpoint {number} of the ledger", "one for each number", found)
        yield from filter(None, [checkpoint.finding()])
    head = ledger.one(conn, "head_without_checkpoint")
    if head is not None:
        where = f"checkpoint {head['checkpoint_no']} of the ledger"
        yield Finding("CHECKPOINT", head["run"], where, "the checkpoint that checkpoint_heads names", "none")
    guard = ledger.one(conn, "missing_guard")
    if guard is not None:
        where = f"trigger {guard['name']} on {guard['relation']}"
        yield Finding("GUARD", None, where, "enabled always", "missing, disabled or another: history can be changed")


class _Kept:
    """The checkpoint that was kept outside the database, if there is one."""

    def __init__(self, checkpoint: Checkpoint | None) -> None:
        self._checkpoint = checkpoint
        self._source = f"the kept checkpoint {checkpoint.number}" if checkpoint else ""
        self._heads = {head.run: head for head in checkpoint.heads} if checkpoint else {}

    def against_its_record(self, conn: psycopg.Connection[Any]) -> Iterator[Finding]:
        """Whatever makes it another than the one that the ledger took."""
        kept = self._checkpoint
        if kept is None:
            return
        yield from filter(None, [kept.finding()])
        recorded = recorded_checkpoint(conn, kept.number)
        where = f"checkpoint {kept.number} of the ledger"
        if recorded is None:
            yield Finding("CHECKPOINT", None, where, "the checkpoint that the kept file is of", "no such checkpoint")
            return
        for name, expected, found in (
            ("root", kept.root.hex(), recorded.root.hex()),
            ("tree_size", kept.tree_size, recorded.tree_size),
            ("at", kept.at, recorded.at),
            ("actor", kept.actor, recorded.actor),
        ):
            if expected != found:
                said = f"{name} {expected} as the kept file has it"
                yield Finding("CHECKPOINT", None, where, said, f"{name} {found}")

    def pins(self, run: str) -> Pins:
        """The head of the run that it holds."""
        head = self._heads.pop(run, None)
        return {} if head is None else {head.seq: (head.hash, self._source)}

    def left_over(self) -> Iterator[Finding]:
        """The runs that it holds and the ledger has not."""
        for run in self._heads:
            expected = f"the run that {self._source} holds"
            yield Finding("CHECKPOINT_HEAD", run, "import_runs", expected, "none: the run was deleted")


class _Sorted:
    """Rows in the order of their first column, a run's id, taken run by run."""

    def __init__(self, what: str, rows: Iterator[tuple[Any, ...]]) -> None:
        self._what = what
        self._rows = rows
        self._next = next(rows, None)

    def runless_before(self, run: str | None) -> Iterator[Finding]:
        """Tells of a row that stands before any of `run`, with None of any row that is left: no run has it."""
        if self._next is not None and (run is None or self._next[0] < run):
            where = f"{self._what} {self._next[1]}"
            yield Finding("NO_RUN", self._next[0], where, "a run that it is of", "no such run")

    def of(self, run: str) -> Iterator[tuple[Any, ...]]:
        """The rows of `run`."""
        while self._next is not None and self._next[0] == run:
            row = self._next
            self._next = next(self._rows, None)
            yield row
