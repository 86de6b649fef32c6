"""What is said of a run beside its events, as plain data: the run's columns, its chunks, and a recount of its rows."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from plaintiff_moat.evidence.encoding import length_prefixed

__all__ = ["ChunkFacts", "Fixes", "Recount", "RunFacts", "chunks_digest"]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The columns of a run that evidence speaks of, as they are stored.

    Times are UTC, in the form in which jsonb writes them. `error_details` are those of a run that is failed, without
    nulls: of any other they are what its holder reported last, which no event repeats. Amounts are text, such as
    1,234.50.
    """

    run: str
    run_no: int
    source_system: str
    source_batch_id: str
    file_hash: str
    filename: str | None
    import_kind: str
    status: str
    attempt: int
    rows_fetched: int
    rows_inserted: int
    rows_skipped: int
    rows_errored: int
    expected_count: int | None
    publish_seq: int | None
    rollback_reason: str | None
    reader_fingerprint: str | None
    worker_id: str | None
    claimed_at: str | None
    completed_at: str | None
    rolled_back_at: str | None
    withheld: bool
    release_reason: str | None
    replaces: str | None
    replaced_by: str | None
    replays: str | None
    error_details: Any
    control_rows: int | None
    control_total: str | None
    control_sha256: str | None
    found_total: str | None

    @property
    def was_published(self) -> bool:
        """The run was completed once, whether or not it has been undone since."""
        return self.publish_seq is not None


class ChunkFacts(NamedTuple):
    """A row of `landed_chunks`."""

    chunk_no: int
    attempt: int
    byte_start: int
    byte_end: int
    first_row: int
    records: int
    digest: str


@dataclass(frozen=True, slots=True)
class Recount:
    """The landed rows of a run, counted again: all, rejects, the highest row number, those that represent their key.

    `total` is the sum of all its amounts as text, None where the profile of a chunk is missing.
    """

    landed: int
    rejected: int
    last_row: int
    represented: int
    total: str | None


@dataclass(frozen=True, slots=True)
class Fixes:
    """Which records of a run stand for rejects of the run that it replays, seen again.

    `digest` is of all of them, None where there are none; `misplaced_row` is the first that stands for what is no
    reject of that run, row `misplaced_reject`; `is_told_by_the_other` says that an event of that run holds this digest.
    """

    digest: str | None
    misplaced_row: int | None
    misplaced_reject: int | None
    is_told_by_the_other: bool


def chunks_digest(chunks: Iterable[ChunkFacts]) -> str | None:
    """One SHA-256 over all columns of the chunks, in hex; None where there are none. Event `completed` holds it."""
    hasher = hashlib.sha256()
    empty = True
    for chunk in chunks:
        empty = False
        for value in chunk:
            hasher.update(length_prefixed(str(value)))
    return None if empty else hasher.hexdigest()
