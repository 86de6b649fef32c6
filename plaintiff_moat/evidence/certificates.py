"""Certificates: all that is known of one run in one document that anybody can check without the database.

The JSON is the certificate; a PDF is its rendering, with the JSON attached.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from plaintiff_moat.errors import BadInput
from plaintiff_moat.evidence import merkle
from plaintiff_moat.evidence.chain import Event, RunChain, details_of
from plaintiff_moat.evidence.checkpoints import Checkpoint, Head
from plaintiff_moat.evidence.facts import ChunkFacts, Recount, RunFacts
from plaintiff_moat.evidence.files import Opened, check_file
from plaintiff_moat.evidence.findings import Finding
from plaintiff_moat.evidence.pdf import attached_certificate, check_pages, renderer
from plaintiff_moat.evidence.runs import check_chunks, check_counts, check_run

__all__ = [
    "Certificate",
    "Checked",
    "certificate_of",
    "check_certificate",
    "check_delivery",
    "dumps",
    "not_proved",
    "read_certificate",
]

KIND = "plaintiff-moat certificate"
VERSION = 1
_CLAIMS = {"claimed", "reclaimed", "taken_over"}
_ENDS = {"failed", "completed", "rolled_back"}
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that was read: its JSON, that JSON's text, and the PDF that it was attached to, if one."""

    document: dict[str, Any]
    text: str
    pdf: bytes | None

    @property
    def pages_are_comparable(self) -> bool:
        """The PDF was rendered by what renders here."""
        return self.pdf is not None and self.document["made_by"]["renderer"] == renderer()


@dataclass(frozen=True, slots=True)
class Checked:
    """A certificate's run, the first thing that does not hold, if any, and which statements held before it."""

    run: str
    finding: Finding | None
    holds: tuple[str, ...]


def certificate_of(
    run: RunFacts,
    recount: Recount,
    chunks: Sequence[ChunkFacts],
    events: Sequence[Event],
    checkpoint: Checkpoint,
    *,
    made_at: datetime,
    made_by: dict[str, str],
) -> dict[str, Any]:
    """The certificate of a run as JSON. `checkpoint` holds one of the run's heads; `events` are all of the chain."""
    last = events[-1]
    return {
        "kind": KIND,
        "version": VERSION,
        "made_at": made_at.astimezone(UTC).isoformat(timespec="seconds"),
        "made_by": made_by,
        "run": asdict(run),
        "file": {
            "name": run.filename,
            "sha256": run.file_hash,
            "size": chunks[-1].byte_end if chunks else None,
            "header_bytes": chunks[0].byte_start if chunks else None,
        },
        "counts": {
            "read": run.rows_fetched,
            "inserted": run.rows_inserted,
            "skipped": run.rows_skipped,
            "failed": run.rows_errored,
            "expected": run.expected_count,
            "recounted": asdict(recount),
        },
        "control_totals": _control_totals(events),
        "attempts": _attempts(events),
        "chunks": [chunk._asdict() for chunk in chunks],
        "events": [
            event._asdict() | {"at": _time(event.at_us), "prev_hash": event.prev_hash.hex(), "hash": event.hash.hex()}
            for event in events
        ],
        "head": {"seq": last.seq, "hash": last.hash.hex()},
        "checkpoint": checkpoint.proof(run.run),
    }


def dumps(document: dict[str, Any]) -> str:
    """The certificate as text, the same for the same certificate."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def read_certificate(path: Path) -> Certificate:
    """A certificate from a JSON file, or from a PDF that it is attached to. Raises BadInput."""
    name = path.name
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise BadInput(f"{name}: expected a certificate, found no file that can be read: {fault.strerror}") from None
    pdf = content if content.startswith(b"%PDF-") else None
    if pdf is not None:
        content = attached_certificate(name, pdf)
    try:
        text = content.decode()
        document = json.loads(text)
        is_one = (document["kind"], document["version"]) == (KIND, VERSION)
    except (ValueError, KeyError, TypeError):
        is_one = False
    if not is_one:
        raise BadInput(
            f"{name}: expected a certificate of version {VERSION} by `moat certificate`, found something else"
        )
    return Certificate(document, text, pdf)


def check_certificate(certificate: Certificate, checkpoint: Checkpoint | None = None) -> Checked:
    """Holds a certificate against itself and, where one is given, against a checkpoint. Raises BadInput for no such."""
    held: list[str] = []
    document = certificate.document
    try:
        run = RunFacts(**document["run"])
        for statement, findings in _checks(document, run, checkpoint):
            finding = next(findings, None)
            if finding is not None:
                return Checked(run.run, finding, tuple(held))
            held.append(statement)
        if certificate.pdf is not None and certificate.pages_are_comparable:
            finding = check_pages(run.run, certificate.pdf, certificate.text)
            if finding is not None:
                return Checked(run.run, finding, tuple(held))
            held.append("the pages are the rendering of the attached JSON")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError):
        raise BadInput("expected a certificate with every part it is made with, found one that lacks some") from None
    return Checked(run.run, None, tuple(held))


def check_delivery(
    certificate: Certificate, path: Path, content: Callable[[], Opened | None] | None = None
) -> Finding | None:
    """What of a delivered file is not what the certificate says; `content` opens it where it is a container.

    Raises BadInput when the file cannot be read, or another part of it was opened than the run was read from.
    """
    document = certificate.document
    chunks = [ChunkFacts(**held) for held in document["chunks"]]
    return check_file(path, RunFacts(**document["run"]), chunks, content)


def not_proved(certificate: Certificate, *, checkpoint: Checkpoint | None, has_file: bool) -> list[str]:
    """What checking without the database leaves open."""
    document = certificate.document
    left_open = ["that the ledger says so still: `moat verify` with the database does that"]
    number = document["checkpoint"]["checkpoint_no"] if document["checkpoint"] else "any"
    if checkpoint is None:
        left_open.append(
            "that nobody made up the whole history: compare the root with one that was kept elsewhere when checkpoint"
            f" {number} was taken, or give --checkpoint FILE"
        )
    if document["checkpoint"] and (checkpoint is None or checkpoint.number != number):
        left_open.append(
            f"when checkpoint {number} was taken: give that very checkpoint, which holds its time, by --checkpoint FILE"
        )
    if not has_file:
        left_open.append("that a file which you hold is the one delivered: give --file FILE")
    if certificate.pdf is not None and not certificate.pages_are_comparable:
        left_open.append("that the pages say what the attachment says: they were rendered by another version")
    left_open += ["who asked for the certificate, and when", "what the records say, and whether that is true"]
    return left_open


def _checks(
    document: dict[str, Any], run: RunFacts, checkpoint: Checkpoint | None
) -> Iterator[tuple[str, Iterator[Finding]]]:
    events = [_event(held) for held in document["events"]]
    chunks = [ChunkFacts(**held) for held in document["chunks"]]
    recount = Recount(**document["counts"]["recounted"])
    chain = RunChain(run.run)
    yield f"the chain of {len(events)} events and its head", _chain(document, events, chain)
    yield "the run's columns are what its events say", check_run(run, chain)
    yield "the counts add up and are those of the recount", check_counts(run, recount, chunks)
    yield (
        f"the chunks ({len(chunks)}) tile the file and are those that were published",
        check_chunks(run, chain, chunks),
    )
    yield "what is printed repeats what is proved", _repetitions(document, run, chunks, events)
    if document["checkpoint"] is not None:
        proof = document["checkpoint"]
        statement = f"event {proof['seq']} is under root {proof['root']} of checkpoint {proof['checkpoint_no']}"
        yield statement, _inclusion(run.run, proof, events)
        if checkpoint is not None and checkpoint.number == proof["checkpoint_no"]:
            yield (
                "that root and its time are those of the kept checkpoint",
                _same_checkpoint(run.run, proof, checkpoint),
            )
    if checkpoint is not None:
        yield f"the kept checkpoint {checkpoint.number} holds this history", _kept(run.run, checkpoint, events)


def _chain(document: dict[str, Any], events: Sequence[Event], chain: RunChain) -> Iterator[Finding]:
    for event in events:
        finding = chain.add(event)
        if finding is not None:
            yield finding
            return
    if document["head"] != {"seq": chain.seq, "hash": chain.head.hex()}:
        yield Finding("HEAD", chain.run, "head", f"hash {chain.head.hex()}", str(document["head"].get("hash")))


def _repetitions(
    document: dict[str, Any], run: RunFacts, chunks: Sequence[ChunkFacts], events: Sequence[Event]
) -> Iterator[Finding]:
    """What the certificate says a second time for its readers must be what is checked."""
    counts = {name: document["counts"][name] for name in ("read", "inserted", "skipped", "failed", "expected")}
    for name, expected, found in (
        ("file name", run.filename, document["file"]["name"]),
        ("file SHA-256", run.file_hash, document["file"]["sha256"]),
        ("file size", chunks[-1].byte_end if chunks else None, document["file"]["size"]),
        ("header bytes", chunks[0].byte_start if chunks else None, document["file"]["header_bytes"]),
        (
            "counts",
            [run.rows_fetched, run.rows_inserted, run.rows_skipped, run.rows_errored, run.expected_count],
            list(counts.values()),
        ),
        ("attempts", _attempts(events), document["attempts"]),
        ("control totals", _control_totals(events), document["control_totals"]),
        ("times of the events", [_time(event.at_us) for event in events], [e["at"] for e in document["events"]]),
    ):
        if expected != found:
            yield Finding("REPETITION", run.run, name, str(expected), str(found))


def _inclusion(run: str, proof: dict[str, Any], events: Sequence[Event]) -> Iterator[Finding]:
    where = f"inclusion in checkpoint {proof['checkpoint_no']}"
    seq = int(proof["seq"])
    if not 0 < seq <= len(events):
        yield Finding("INCLUSION", run, where, f"a seq from 1 to {len(events)}", str(seq))
        return
    leaf = Head(run, seq, events[seq - 1].hash).leaf
    path = [bytes.fromhex(step) for step in proof["path"]]
    reached = merkle.root_by_path(leaf, int(proof["leaf_index"]), int(proof["tree_size"]), path)
    if reached is None or reached.hex() != proof["root"]:
        found = "a path of another shape" if reached is None else f"root {reached.hex()}"
        yield Finding("INCLUSION", run, where, f"root {proof['root']}", found)


def _same_checkpoint(run: str, proof: dict[str, Any], checkpoint: Checkpoint) -> Iterator[Finding]:
    kept = {"root": checkpoint.root.hex(), "at": checkpoint.at, "tree_size": checkpoint.tree_size}
    for name, expected in kept.items():
        if proof[name] != expected:
            yield Finding(
                "CHECKPOINT", run, f"{name} of checkpoint {checkpoint.number}", str(expected), str(proof[name])
            )


def _kept(run: str, checkpoint: Checkpoint, events: Sequence[Event]) -> Iterator[Finding]:
    head = next((head for head in checkpoint.heads if head.run == run), None)
    where = f"checkpoint {checkpoint.number}"
    if (broken := checkpoint.finding()) is not None:
        yield broken
    elif head is None:
        yield Finding("CHECKPOINT_HEAD", run, where, "a head of the run", "none: the run began after it")
    elif head.seq > len(events):
        # a certificate that was made before the checkpoint ends earlier, and its end cannot be found in it
        yield Finding(
            "CHECKPOINT_HEAD", run, where, f"{head.seq} events or more", f"{len(events)}: it was made earlier"
        )
    elif events[head.seq - 1].hash != head.hash:
        found = events[head.seq - 1].hash.hex()
        yield Finding("CHECKPOINT_HEAD", run, f"event {head.seq}", f"hash {head.hash.hex()} as {where} holds it", found)


def _event(held: dict[str, Any]) -> Event:
    columns = {name: held[name] for name in Event._fields}
    return Event(**columns | {name: bytes.fromhex(held[name]) for name in ("prev_hash", "hash")})


def _attempts(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Who held the run, from when, and how it ended: read from the events."""
    attempts: list[dict[str, Any]] = []
    for event in events:
        if event.event in _CLAIMS:
            attempts.append(
                {
                    "attempt": event.attempt,
                    "worker_id": event.worker_id,
                    "actor": event.actor,
                    "began": event.event,
                    "began_at": _time(event.at_us),
                    "ended": None,
                    "ended_at": None,
                }
            )
        elif event.event in _ENDS and attempts and attempts[-1]["ended"] is None:
            attempts[-1] |= {"ended": event.event, "ended_at": _time(event.at_us)}
    return attempts


def _control_totals(events: Sequence[Event]) -> Any:
    """The control totals that the last event with any holds."""
    totals = [details_of(event).get("control_totals") for event in events]
    return next((held for held in reversed(totals) if held), None)


def _time(at_us: int | None) -> str | None:
    return None if at_us is None else (_EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="microseconds")
