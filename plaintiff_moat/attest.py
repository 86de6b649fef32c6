"""Making evidence to keep outside the database: checkpoints of everything, certificates of one run."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from plaintiff_moat import __version__
from plaintiff_moat.errors import EvidenceBroken
from plaintiff_moat.evidence import (
    Certificate,
    Checkpoint,
    ChunkFacts,
    Event,
    Head,
    Recount,
    RunFacts,
    certificate_of,
    check_certificate,
)
from plaintiff_moat.evidence.certificates import dumps
from plaintiff_moat.evidence.pdf import renderer
from plaintiff_moat.ledger import evidence as ledger

__all__ = ["make_certificate", "make_checkpoint", "recorded_checkpoint", "recorded_checkpoints"]


def make_checkpoint(conn: psycopg.Connection[Any], *, since: int | None = None) -> Checkpoint:
    """Puts the heads of all chains under one root, keeps it in the ledger and returns it with the heads.

    One that was taken after checkpoint `since` is returned instead: so the question can be asked again when the answer
    was lost. Raises EvidenceBroken when the ledger's root is not the one that is computed here.
    """
    newest = ledger.newest_checkpoint(conn) if since is not None else 0
    number = newest if since is not None and newest > since else ledger.take_checkpoint(conn)
    with ledger.snapshot(conn):
        checkpoint = _checkpoint(conn, number)
    _require_root(checkpoint)
    return checkpoint


def make_certificate(conn: psycopg.Connection[Any], run_id: UUID) -> Certificate:
    """The certificate of a run. Takes a checkpoint when none holds the run's head.

    Raises EvidenceBroken when the certificate would not pass its own check.
    """
    covering = ledger.rows(conn, "checkpoint_of_head", run_id=run_id)[0]["checkpoint_no"]
    number = ledger.take_checkpoint(conn) if covering is None else covering
    with ledger.snapshot(conn):
        ((run, _, _, _, *columns),) = ledger.stream(conn, "runs_and_heads", run_id=run_id)
        checkpoint = _checkpoint(conn, number)
        _require_root(checkpoint)
        (recounted,) = ledger.rows(conn, "recount_run", run_id=run_id)
        (session,) = ledger.rows(conn, "session_actor")
        events = [Event._make(row) for row in ledger.stream(conn, "event_chain", run_id=run_id)]
        if not events:
            raise EvidenceBroken(f"run {run_id} has no event left: see `moat verify`")
        document = certificate_of(
            RunFacts(run, *columns),
            Recount(**recounted),
            [ChunkFacts(**row) for row in ledger.rows(conn, "chunks_of_run", run_id=run_id)],
            events,
            checkpoint,
            made_at=session["at"].astimezone(UTC),
            made_by={
                "actor": session["actor"],
                "software": f"plaintiff-moat {__version__}",
                "renderer": renderer() or "",
            },
        )
    certificate = Certificate(document, dumps(document), None)
    checked = check_certificate(certificate)
    if checked.finding is not None:
        raise EvidenceBroken(f"no certificate is made of what does not hold ({checked.finding}); see `moat verify`")
    return certificate


def recorded_checkpoints(conn: psycopg.Connection[Any]) -> Iterator[Checkpoint]:
    """Every checkpoint of the ledger, in order, with its heads. Inside a snapshot only."""
    moved = ledger.stream(conn, "heads_by_checkpoint")
    upcoming = next(moved, None)
    heads: dict[str, Head] = {}
    for row in ledger.rows(conn, "checkpoints", checkpoint_no=None):
        while upcoming is not None and upcoming[0] <= row["checkpoint_no"]:
            heads[upcoming[1]] = Head._make(upcoming[1:])
            upcoming = next(moved, None)
        yield _with_heads(row, tuple(heads[run] for run in sorted(heads)))


def recorded_checkpoint(conn: psycopg.Connection[Any], number: int) -> Checkpoint | None:
    """A checkpoint of the ledger with its heads; None when it has none of that number. Inside a snapshot only."""
    row = ledger.one(conn, "checkpoints", checkpoint_no=number)
    if row is None:
        return None
    heads = ledger.stream(conn, "heads_of_checkpoint", checkpoint_no=number)
    return _with_heads(row, tuple(Head._make(head) for head in heads))


def _checkpoint(conn: psycopg.Connection[Any], number: int) -> Checkpoint:
    checkpoint = recorded_checkpoint(conn, number)
    if checkpoint is None:
        raise EvidenceBroken(f"the ledger has no checkpoint {number}; see `moat verify`")
    return checkpoint


def _with_heads(row: dict[str, Any], heads: tuple[Head, ...]) -> Checkpoint:
    at: datetime = row["at"]
    moment = at.replace(tzinfo=UTC).isoformat(timespec="microseconds")
    return Checkpoint(row["checkpoint_no"], moment, row["actor"], row["tree_size"], row["root"], heads)


def _require_root(checkpoint: Checkpoint) -> None:
    finding = checkpoint.finding()
    if finding is not None:
        raise EvidenceBroken(f"the ledger's own checkpoint does not hold: {finding}")
