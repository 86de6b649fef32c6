"""A run held against its chain, its chunks and a recount of its rows: what invariants I1 to I6 say that can be seen."""

from collections.abc import Iterator, Mapping, Sequence

from plaintiff_moat.evidence.chain import RunChain, details_of
from plaintiff_moat.evidence.facts import ChunkFacts, Recount, RunFacts, chunks_digest
from plaintiff_moat.evidence.findings import Finding

__all__ = ["check_chunks", "check_counts", "check_landed", "check_run"]

_REDACTED = "_REDACTED]"


def check_run(run: RunFacts, chain: RunChain) -> Iterator[Finding]:
    """Whatever the run's own columns say that its events do not."""
    first = details_of(chain.first) if chain.first else {}
    for column in ("source_system", "source_batch_id", "file_hash", "import_kind", "filename"):
        stored, said = getattr(run, column), first.get(column)
        if _differs(stored, said):
            yield Finding("IDENTITY", run.run, f"column {column}", f"{said} as event 1 says", str(stored))
    claim = chain.claim()
    claimed = details_of(claim) if claim else {}
    claimed["worker_id"] = claim.worker_id if claim else None
    for column in ("reader_fingerprint", "expected_count", "claimed_at", "worker_id"):
        stored, said = getattr(run, column), claimed.get(column)
        if _differs(stored, said):
            yield Finding("CLAIM", run.run, f"column {column}", f"{said} as the last claim says", str(stored))
    status = chain.status()
    if run.status != status:
        yield Finding("STATUS", run.run, "column status", f"{status} as the events say", run.status)
    if run.attempt != chain.attempt:
        yield Finding("ATTEMPT", run.run, "column attempt", f"{chain.attempt} as the events say", str(run.attempt))
    published = chain.details("completed")
    if _differs(run.publish_seq, published.get("publish_seq")):
        expected = f"{published.get('publish_seq')} as event completed says"
        yield Finding("PUBLISH_SEQ", run.run, "column publish_seq", expected, str(run.publish_seq))
    if run.rollback_reason != chain.details("rolled_back").get("reason"):
        yield Finding("REASON", run.run, "column rollback_reason", "what event rolled_back says", "another text")
    for check, column, kind, said in _ends(chain):
        stored = getattr(run, column)
        if _differs(stored, said):
            yield Finding(check, run.run, f"column {column}", f"{said} as event {kind} says", str(stored))
    failure = chain.details("failed").get("error_details") if run.status == "failed" else None
    if _differs(run.error_details, failure):
        yield Finding("REASON", run.run, "column error_details", "what event failed says", "something else")
    if published:
        yield from _published_counts(run, chain)


def _ends(chain: RunChain) -> Iterator[tuple[str, str, str, object]]:
    """Each column that tells how the run ended, with the kind of event that says it, and what that says."""
    undone = chain.details("rolled_back")
    yield "TIME", "completed_at", "completed", chain.details("completed").get("completed_at")
    yield "TIME", "rolled_back_at", "rolled_back", undone.get("rolled_back_at")
    yield "REPLACEMENT", "replaced_by", "rolled_back", undone.get("replaced_by")
    yield "REPLACEMENT", "replaces", "replacement", chain.details("replacement").get("replaces")
    withheld = undone.get("withheld", False) and "released" not in chain.last_of
    yield "RELEASE", "withheld", "rolled_back or released", withheld
    yield "RELEASE", "release_reason", "released", chain.details("released").get("reason")


def _differs(stored: object, said: object) -> bool:
    """Whether a column is not what an event says; no event holds what looks like a number of a person or a card."""
    return stored != said and _REDACTED not in str(said)


def _published_counts(run: RunFacts, chain: RunChain) -> Iterator[Finding]:
    said = {name: value for name, value in chain.details("completed").items() if name.startswith("rows_")}
    # the shares of a published run move only with an event, and with its undoing no more; kinds made later may move them
    if not chain.kinds_are_known:
        said = {name: said.get(name) for name in ("rows_fetched", "rows_errored")}
    else:
        corrected = chain.details("counts_corrected")
        said |= {name: corrected[name][1] for name in said if name in corrected}
    for name, value in said.items():
        if _differs(getattr(run, name), value):
            yield Finding("COUNTS", run.run, f"column {name}", f"{value} as the events say", str(getattr(run, name)))


def check_counts(run: RunFacts, recount: Recount, chunks: Sequence[ChunkFacts]) -> Iterator[Finding]:
    """Whatever of the counts is not what the landed rows give."""
    if run.status == "completed" or run.was_published:
        outcomes = run.rows_inserted + run.rows_skipped + run.rows_errored
        if run.rows_fetched != outcomes:
            expected = f"{run.rows_fetched} read"
            yield Finding("ARITHMETIC", run.run, "inserted + skipped + failed", expected, str(outcomes))
    # chunks land side by side: until all of them are there, a later one may stand without those before it
    ends = (chunk.first_row + chunk.records - 1 for chunk in chunks if chunk.records)
    last_row = recount.landed if run.was_published else max(ends, default=0)
    if recount.last_row != last_row:
        where = "row numbers of landed_rows"
        yield Finding("ROW_NUMBERS", run.run, where, f"up to {last_row}", f"the highest is {recount.last_row}")
    announced = sum(chunk.records for chunk in chunks)
    if not run.was_published and recount.landed != announced:
        yield Finding("RECOUNT", run.run, "records of the chunks", f"{recount.landed} by recount", str(announced))
    if not run.was_published or (recount.landed == 0 and run.expected_count is None):
        return  # nothing was published, or its records are kept elsewhere
    counted = {"rows_fetched": recount.landed, "rows_errored": recount.rejected}
    if run.status == "completed":
        counted["rows_inserted"] = recount.represented
    for name, value in counted.items():
        if getattr(run, name) != value:
            yield Finding("RECOUNT", run.run, f"column {name}", f"{value} by recount", str(getattr(run, name)))
    if run.status == "completed" and run.expected_count not in {None, recount.landed}:
        where = "column expected_count"
        yield Finding("RECOUNT", run.run, where, f"{recount.landed} by recount", str(run.expected_count))


def check_chunks(run: RunFacts, chain: RunChain, chunks: Sequence[ChunkFacts]) -> Iterator[Finding]:
    """Whatever keeps the chunks of a published run from tiling its file, each where its event saw it."""
    if not run.was_published:
        return
    row, start = 1, chunks[0].byte_start if chunks else 0
    for number, chunk in enumerate(chunks):
        for name, expected in (("chunk_no", number), ("byte_start", start), ("first_row", row)):
            found = getattr(chunk, name)
            if found != expected:
                yield Finding("CHUNKS", run.run, f"chunk {number}, column {name}", str(expected), str(found))
        row, start = chunk.first_row + chunk.records, chunk.byte_end
    digest, said = chunks_digest(chunks), chain.details("completed").get("chunks_digest")
    if digest != said:
        yield Finding("CHUNKS", run.run, "the chunks together", f"SHA-256 {said} as event completed says", str(digest))
    if chunks and row - 1 != run.rows_fetched:
        yield Finding("CHUNKS", run.run, "records of the chunks", f"{run.rows_fetched} read", str(row - 1))


def check_landed(run: RunFacts, chunks: Sequence[ChunkFacts], landed: Sequence[Mapping[str, int]]) -> Iterator[Finding]:
    """Whatever of the landed rows is not in the chunk that announced it.

    `landed` are the rows grouped by chunk and attempt, with records, first_row and last_row.
    """
    found = {(held["chunk_no"], held["attempt"]): held for held in landed}
    for chunk in chunks:
        held = found.pop((chunk.chunk_no, chunk.attempt), None)
        expected = (chunk.records, chunk.first_row, chunk.first_row + chunk.records - 1)
        counted = (held["records"], held["first_row"], held["last_row"]) if held else (0, 0, 0)
        if chunk.records == 0 and held is None:
            continue
        for name, wanted, got in zip(("records", "first row", "last row"), expected, counted, strict=True):
            if wanted != got:
                where = f"landed_rows of chunk {chunk.chunk_no}, {name}"
                yield Finding("LANDED", run.run, where, str(wanted), str(got))
    for (number, attempt), held in found.items():
        where, stray = f"row {held['first_row']}", f"chunk {number} of attempt {attempt}, which did not"
        yield Finding("LANDED", run.run, where, "a chunk that announced it", stray)
