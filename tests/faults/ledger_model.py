"""What the ledger promises, as a few plain objects: the model that the database is held against.

Each method of `Model` does what its namesake of `IngestClaimClient` promises, and returns the answer or the error.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from plaintiff_moat.errors import IdentityRequired, LeaseLost, MoatError

__all__ = ["Delivery", "Event", "Hand", "Model", "Refusal", "Run"]

Record = str | None
Refusal = type[MoatError]


@dataclass(frozen=True)
class Delivery:
    """A file: its chunks hold names of plaintiffs, which are their identity too; None is a reject."""

    source_system: str
    batch: str
    chunks: tuple[tuple[Record, ...], ...]

    @property
    def file_hash(self) -> str:
        """SHA-256 of what stands for the file's bytes."""
        return sha256(self.batch.encode()).hexdigest()

    @property
    def records(self) -> list[Record]:
        """All records in the file's order."""
        return [record for chunk in self.chunks for record in chunk]

    def first_row(self, chunk: int) -> int:
        """row_number of the chunk's first record."""
        return 1 + sum(len(before) for before in self.chunks[:chunk])


class Event(NamedTuple):
    """An event: `refused_attempt` is only of a refused write."""

    event: str
    worker: str | None
    attempt: int
    refused_attempt: int | None = None


@dataclass
class Run:
    """A run. `landed` has the attempt under which each chunk was landed."""

    delivery: Delivery
    worker: str
    fingerprint: str
    attempt: int = 1
    status: str = "processing"
    is_stale: bool = False
    identity_required: bool = False
    ended_attempt: int | None = None
    mismatched: bool = False
    publish_seq: int | None = None
    withheld: bool = False
    landed: dict[int, int] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether every chunk of the file is landed."""
        return len(self.landed) == len(self.delivery.chunks)

    @property
    def landed_records(self) -> int:
        """How many records are landed."""
        return sum(len(self.delivery.chunks[chunk]) for chunk in self.landed)

    def record(self, event: str) -> None:
        """Leave an event of the holder."""
        self.record_by(self.worker, event)

    def record_by(self, worker: str | None, event: str) -> None:
        """Leave an event of another worker, or of nobody who is one."""
        self.events.append(Event(event, worker, self.attempt))

    def end(self, status: str) -> None:
        """The holder's end of the run."""
        self.status, self.ended_attempt = status, self.attempt
        self.record(status)


@dataclass(frozen=True)
class Hand:
    """A lease that was granted once, and whoever goes on as if it still were; without a worker, an anonymous caller."""

    run: Run
    worker: str | None = None
    attempt: int | None = None

    @property
    def holds(self) -> bool:
        """Whether the lease is the current one, of a run in processing."""
        return self.run.status == "processing" and (self.worker, self.attempt) == (self.run.worker, self.run.attempt)

    def refusal(self) -> Refusal | None:
        """Why the hand may not write."""
        if self.worker is None:
            if self.run.identity_required:
                return IdentityRequired
            return None if self.run.status == "processing" else LeaseLost
        return None if self.holds else LeaseLost

    @property
    def ended_it(self) -> bool:
        """Whether the run was ended under this lease; an anonymous caller is taken for whoever ended it."""
        return self.run.ended_attempt == self.run.attempt and self.attempt in {None, self.run.attempt}


@dataclass
class Model:
    """All runs in the order of their making."""

    runs: list[Run] = field(default_factory=list)

    def claim(self, delivery: Delivery, worker: str, fingerprint: str) -> tuple[str, Run]:
        """The answer, and the run that it is of."""
        live = next((run for run in self.runs if run.delivery == delivery and run.status != "rolled_back"), None)
        if live is None:
            return self._begin(delivery, worker, fingerprint)
        is_same_worker = live.worker == worker
        if live.status == "completed":
            live.record_by(worker, "duplicate_blocked")
            return "duplicate", live
        if live.status == "processing" and not is_same_worker and not live.is_stale:
            live.record_by(worker, "in_progress_refused")
            return "in_progress", live
        if live.fingerprint != fingerprint and live.landed:
            live.status = "rolled_back"
            live.record_by(None, "rolled_back")
            return self._begin(delivery, worker, fingerprint)
        if live.status == "failed":
            event = "claimed"
            live.identity_required |= live.ended_attempt != live.attempt
        else:
            event = "reclaimed" if is_same_worker else "taken_over"
            live.identity_required |= not is_same_worker
        live.status, live.is_stale, live.mismatched = "processing", False, False
        live.worker, live.fingerprint, live.attempt = worker, fingerprint, live.attempt + 1
        live.record(event)
        return "claimed", live

    def _begin(self, delivery: Delivery, worker: str, fingerprint: str) -> tuple[str, Run]:
        for run in self.runs:
            if run.delivery == delivery and run.withheld:
                run.withheld = False
                run.record_by(None, "released")
        self.runs.append(Run(delivery, worker, fingerprint))
        self.runs[-1].record("claimed")
        return "claimed", self.runs[-1]

    def _refused(self, hand: Hand) -> Refusal | None:
        refusal = hand.refusal()
        if refusal is LeaseLost and hand.worker is not None:
            hand.run.events.append(Event("write_refused", hand.worker, hand.run.attempt, hand.attempt))
        return refusal

    def land(self, hand: Hand, chunk: int) -> Refusal | None:
        """A chunk that is landed already stays as it is."""
        if refusal := self._refused(hand):
            return refusal
        hand.run.landed.setdefault(chunk, hand.run.attempt)
        return None

    def heartbeat(self, hand: Hand) -> bool | Refusal:
        """An anonymous caller is told that there is nothing to keep alive; a named one is refused."""
        if hand.worker is None and hand.run.status != "processing":
            return False
        if refusal := self._refused(hand):
            return refusal
        hand.run.is_stale = False
        return True

    def progress(self, hand: Hand) -> str | Refusal:
        """A report of counts that ends nothing."""
        if refusal := self._refused(hand):
            return refusal
        hand.run.is_stale = False
        return "processing"

    def fail(self, hand: Hand) -> str | Refusal:
        """A fatal report; the second of the same kind is acknowledged again."""
        if hand.ended_it and hand.run.status == "failed":
            return "failed"
        if refusal := self._refused(hand):
            return refusal
        hand.run.end("failed")
        return "failed"

    def finalize(self, hand: Hand, *, is_right: bool) -> str | Refusal:
        """A report of completion, with the counts of the whole file or with others."""
        run = hand.run
        if hand.ended_it and (run.status == "completed" or (run.status == "failed" and run.mismatched)):
            return run.status
        if refusal := self._refused(hand):
            return refusal
        if is_right and run.is_whole:
            self._publish(run)
        else:
            self._mismatch(hand)
        return run.status

    def reconcile(self, hand: Hand, expected: int | None) -> tuple[bool, int, int, int] | Refusal:
        """Expected is the count that came with the claim, unless the caller says another."""
        run, records = hand.run, len(hand.run.delivery.records)
        may_verify = run.status != "processing" and (hand.worker is None or hand.ended_it)
        if not may_verify and (refusal := self._refused(hand)):
            return refusal
        expected = records if expected is None else expected
        agrees, before = run.is_whole and expected == records, run.status
        if before == "processing" and not agrees:
            self._mismatch(hand)
        else:
            if before == "processing":
                self._publish(run)
            run.record_by(hand.worker, "reconciled" if agrees else "reconciliation_failed")
        is_valid = agrees and before in {"processing", "completed"}
        return is_valid, expected, run.landed_records, run.landed_records - expected

    def rollback(self, run: Run) -> tuple[bool, int]:
        """Undoes a run; the runs that inherit its keys have their counts corrected."""
        if run.status == "rolled_back":
            return True, 0
        before = self.counts()
        run.status = "rolled_back"
        for index, counts in self.counts().items():
            if counts != before[index]:
                self.runs[index].record_by(None, "counts_corrected")
        run.withheld = True
        run.record_by(None, "rolled_back")
        return True, run.landed_records

    def abort(self, run: Run) -> None:
        """The runbook's update by hand."""
        run.status = "failed"
        run.record("failed")

    def active(self) -> dict[tuple[str, str], tuple[int, int]]:
        """The run and the row that represent each plaintiff of a source system: of the earliest published run."""
        owners: dict[tuple[str, str], tuple[int, int]] = {}
        published = [index for index, run in enumerate(self.runs) if run.status == "completed"]
        for index in sorted(published, key=lambda index: self.runs[index].publish_seq or 0):
            delivery = self.runs[index].delivery
            for row, name in enumerate(delivery.records, 1):
                if name is not None:
                    owners.setdefault((delivery.source_system, name), (index, row))
        return owners

    def counts(self) -> dict[int, tuple[int, int, int, int]]:
        """Fetched, inserted, skipped and errored of each completed run."""
        owners = [index for index, _ in self.active().values()]
        counted = {}
        for index, run in enumerate(self.runs):
            if run.status == "completed":
                records, inserted = run.delivery.records, owners.count(index)
                errored = records.count(None)
                counted[index] = (len(records), inserted, len(records) - inserted - errored, errored)
        return counted

    def _publish(self, run: Run) -> None:
        system = run.delivery.source_system
        run.publish_seq = 1 + max(
            (other.publish_seq or 0 for other in self.runs if other.delivery.source_system == system), default=0
        )
        run.end("completed")

    def _mismatch(self, hand: Hand) -> None:
        hand.run.record_by(hand.worker, "reconciliation_failed")
        hand.run.mismatched = True
        hand.run.end("failed")
