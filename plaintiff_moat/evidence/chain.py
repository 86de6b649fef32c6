"""The chain of a run's events: each event's hash covers its columns and the hash of the event before it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from plaintiff_moat.evidence.encoding import length_prefixed
from plaintiff_moat.evidence.findings import Finding

__all__ = ["GENESIS", "Event", "RunChain", "event_hash"]

GENESIS = bytes(32)

# What events of one run have in common is encoded once: a third of the time of a hash.
_repeated = lru_cache(maxsize=1024)(length_prefixed)

# The status that an event of each kind leaves its run in; no other kind moves it.
_CLAIMS = ("claimed", "reclaimed", "taken_over")
_BEGINNINGS = {"created": "pending"} | dict.fromkeys(_CLAIMS, "processing")
_STATUS_AFTER = _BEGINNINGS | {ended: ended for ended in ("failed", "completed", "rolled_back")}
# The kinds that are known to move no counts but with a correction.
_KINDS = {
    *_STATUS_AFTER,
    "duplicate_blocked",
    "in_progress_refused",
    "reconciled",
    "reconciliation_failed",
    "counts_corrected",
    "write_refused",
    "replacement",
    "released",
    "unattended_refused",
    "control_totals_stated",
    "drifted",
}


class Event(NamedTuple):
    """An event by the columns that its hash is made of, and that hash.

    `at_us` is in microseconds since 1970 (UTC), None for a time that no clock gives; `details` is the text of the JSON
    as PostgreSQL writes a jsonb.
    """

    run: str
    seq: int
    at_us: int | None
    actor: str
    worker_id: str | None
    attempt: int
    event: str
    details: str
    prev_hash: bytes
    hash: bytes


def event_hash(event: Event) -> bytes:
    """The hash that an event with these columns bears: SHA-256 of `prev_hash` and each column behind its length."""
    return hashlib.sha256(
        event.prev_hash
        + _repeated(event.run)
        + length_prefixed(str(event.seq))
        + length_prefixed(str(event.at_us))
        + _repeated(event.actor)
        + _repeated(event.worker_id)
        + _repeated(str(event.attempt))
        + _repeated(event.event)
        + length_prefixed(event.details)
    ).digest()


@dataclass(slots=True)
class RunChain:
    """A run's chain as it is walked: what the events up to now say. Holds no more than a few of them."""

    run: str
    seq: int = 0
    head: bytes = GENESIS
    attempt: int = 0
    kinds_are_known: bool = True
    first: Event | None = None
    last_of: dict[str, Event] = field(default_factory=dict)

    def add(self, event: Event, pinned: Mapping[int, tuple[bytes, str]] | None = None) -> Finding | None:
        """Takes the next event; what does not hold about it, if anything.

        `pinned` gives, for some seq, the hash that was seen there before and who saw it.
        """
        where = f"event {self.seq + 1}"
        if event.seq != self.seq + 1:
            return Finding("SEQUENCE", self.run, where, f"seq {self.seq + 1}", f"seq {event.seq}")
        if event.prev_hash != self.head:
            return Finding("PREVIOUS_HASH", self.run, where, f"prev_hash {self.head.hex()}", _hex(event.prev_hash))
        computed = event_hash(event)
        if event.hash != computed:
            found = f"{_hex(event.hash)}: a column of the event is not what it was when it was written"
            return Finding("EVENT_HASH", self.run, where, f"hash {computed.hex()} of its columns", found)
        if pinned and event.seq in pinned and pinned[event.seq][0] != event.hash:
            kept, source = pinned[event.seq]
            found = f"{event.hash.hex()}: the run's history was written anew"
            return Finding("CHECKPOINT_HEAD", self.run, where, f"hash {kept.hex()} as {source} holds it", found)
        self._note(event)
        return None

    def end(self, pinned: Mapping[int, tuple[bytes, str]] | None = None) -> Finding | None:
        """What does not hold about the chain's end: a head that was seen must still be in it."""
        for seq, (_, source) in (pinned or {}).items():
            if seq > self.seq:
                found = f"{self.seq} events: the history was cut"
                return Finding("CHECKPOINT_HEAD", self.run, f"event {seq}", f"the event that {source} holds", found)
        return None

    def status(self) -> str | None:
        """The status that the events leave the run in."""
        last = self._last(_STATUS_AFTER)
        return _STATUS_AFTER[last.event] if last else None

    def claim(self) -> Event | None:
        """The run's last claim, or its beginning where nobody claimed it."""
        return self._last(_BEGINNINGS)

    def details(self, kind: str) -> dict[str, Any]:
        """What the run's last event of this kind says; nothing where there is none."""
        return details_of(self.last_of[kind]) if kind in self.last_of else {}

    def found_total(self) -> str | None:
        """What the amounts summed up to when the run was last held against its control totals."""
        last = self._last(("completed", "failed", "control_totals_stated"))
        return details_of(last).get("found_total") if last else None

    def _last(self, kinds: Iterable[str]) -> Event | None:
        said = [self.last_of[kind] for kind in kinds if kind in self.last_of]
        return max(said, key=lambda event: event.seq, default=None)

    def _note(self, event: Event) -> None:
        self.seq, self.head = event.seq, event.hash
        self.attempt = max(self.attempt, event.attempt)
        self.first = self.first or event
        self.last_of[event.event] = event
        self.kinds_are_known = self.kinds_are_known and event.event in _KINDS


def details_of(event: Event) -> dict[str, Any]:
    """The event's details, read."""
    read = json.loads(event.details)
    return read if isinstance(read, dict) else {}


def _hex(value: bytes | None) -> str:
    return "nothing" if value is None else value.hex()
