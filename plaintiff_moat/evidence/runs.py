"""A run held against its chain, its chunks and a recount of its rows: what invariants I1 to I6 say that can be seen."""

from collections.abc import Iterator, Mapping, Sequence

from plaintiff_moat.evidence.chain import RunChain, details_of
from plaintiff_moat.evidence.facts import ChunkFacts, Fixes, Recount, RunFacts, chunks_digest
from plaintiff_moat.evidence.findings import Finding

__all__ = ["check_chunks", "check_counts", "check_fixes", "check_landed", "check_run"]

_REDACTED = "_REDACTED]"


def check_run(run: RunFacts, chain: RunChain) -> Iterator[Finding]:
    """Whatever the run's own columns say that its events do not."""
    for check, column, said, source in (*_begun(chain), *_ended(chain)):
        stored = getattr(run, column)
        if _differs(stored, said):
            yield Finding(check, run.run, f"column {column}", f"{said} as {source}", str(stored))
    for column, kind, said in (
        ("rollback_reason", "rolled_back", chain.details("rolled_back").get("reason")),
        ("release_reason", "released", chain.details("released").get("reason")),
        ("error_details", "failed", chain.details("failed").get("error_details") if run.status == "failed" else None),
    ):
        if _differs(getattr(run, column), said):
            yield Finding("REASON", run.run, f"column {column}", f"what event {kind} says", "something else")
    if chain.details("completed"):
        yield from _published_counts(run, chain)


def _begun(chain: RunChain) -> Iterator[tuple[str, str, object, str]]:
    """Check, column, what the events say, and which do: of what the run is, and who holds it."""
    first = details_of(chain.first) if chain.first else {}
    for column in ("run_no", "source_system", "source_batch_id", "file_hash", "import_kind", "filename"):
        yield "IDENTITY", column, first.get(column), "event 1 says"
    claim = chain.claim()
    claimed = details_of(claim) if claim else {}
    for column in ("reader_fingerprint", "expected_count", "claimed_at"):
        yield "CLAIM", column, claimed.get(column), "the last claim says"
    yield "CLAIM", "worker_id", claim.worker_id if claim else None, "the last claim says"


def _ended(chain: RunChain) -> Iterator[tuple[str, str, object, str]]:
    """The same of where the run stands, and how it came there."""
    completed, undone = chain.details("completed"), chain.details("rolled_back")
    yield "STATUS", "status", chain.status(), "the events say"
    yield "ATTEMPT", "attempt", chain.attempt, "the events say"
    yield "PUBLISH_SEQ", "publish_seq", completed.get("publish_seq"), "event completed says"
    yield "TIME", "completed_at", completed.get("completed_at"), "event completed says"
    yield "TIME", "rolled_back_at", undone.get("rolled_back_at"), "event rolled_back says"
    yield "REPLACEMENT", "replaced_by", undone.get("replaced_by"), "event rolled_back says"
    yield "REPLACEMENT", "replaces", chain.details("replacement").get("replaces"), "event replacement says"
    yield "REPLAY", "replays", chain.details("replay").get("replays"), "event replay says"
    withheld = undone.get("withheld", False) and "released" not in chain.last_of
    yield "RELEASE", "withheld", withheld, "events rolled_back and released say"
    stated = chain.details("control_totals_stated").get("control_totals", {})
    for column, name in (("control_rows", "rows"), ("control_total", "total_amount"), ("control_sha256", "sha256")):
        yield "CONTROL_TOTALS", column, stated.get(name), "the last event control_totals_stated says"
    yield "CONTROL_TOTALS", "found_total", chain.found_total(), "the last event completed or failed says"


def _differs(stored: object, said: object) -> bool:
    """Whether a column is not what an event says; no event holds what looks like a number of a person or a card."""
    return stored != said and _REDACTED not in str(said)


def _published_counts(run: RunFacts, chain: RunChain) -> Iterator[Finding]:
    said = {name: value for name, value in chain.details("completed").items() if name.startswith("rows_")}
    # the shares of a published run move only with an event, and with its undoing no more; later kinds may move them
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
    yield from _control_totals(run, recount)
    if run.status == "completed" and run.expected_count not in {None, recount.landed}:
        where = "column expected_count"
        yield Finding("RECOUNT", run.run, where, f"{recount.landed} by recount", str(run.expected_count))


def _control_totals(run: RunFacts, recount: Recount) -> Iterator[Finding]:
    if run.found_total is not None and run.found_total != recount.total:
        expected = f"{recount.total} by recount"
        yield Finding("CONTROL_TOTALS", run.run, "column found_total", expected, run.found_total)
    if run.status != "completed":
        return
    for column, stated, found in (
        ("control_rows", run.control_rows, run.rows_fetched),
        ("control_total", run.control_total, run.found_total),
        ("control_sha256", run.control_sha256, run.file_hash),
    ):
        if stated not in {None, found}:
            yield Finding("CONTROL_TOTALS", run.run, f"column {column}", f"{found} as found", str(stated))


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


def check_fixes(run: RunFacts, chain: RunChain, fixes: Fixes) -> Iterator[Finding]:
    """Whatever stands for rejects otherwise than when the run was published."""
    if not run.was_published:
        return
    where, said = "replays_row of landed_rows", chain.details("replay").get("fixes_digest")
    if fixes.digest != said:
        yield Finding("REPLAY", run.run, where, f"SHA-256 {said} as event replay says", str(fixes.digest))
    if fixes.misplaced_row is not None:
        expected = f"a reject of run {run.replays}, which it stands for"
        yield Finding("REPLAY", run.run, f"row {fixes.misplaced_row}", expected, f"its row {fixes.misplaced_reject}")
    if run.replays is not None and not fixes.is_told_by_the_other:
        expected = f"an event replayed of run {run.replays} with SHA-256 {fixes.digest}"
        yield Finding("REPLAY", run.run, where, expected, "none")


def check_landed(run: RunFacts, chunks: Sequence[ChunkFacts], landed: Sequence[Mapping[str, int]]) -> Iterator[Finding]:
    """Whatever of the landed rows is not in the chunk that announced it.

    `landed` are the rows grouped by chunk, with records, first_row and last_row.
    """
    found = {held["chunk_no"]: held for held in landed}
    for chunk in chunks:
        held = found.pop(chunk.chunk_no, None)
        expected = (chunk.records, chunk.first_row, chunk.first_row + chunk.records - 1)
        counted = (held["records"], held["first_row"], held["last_row"]) if held else (0, 0, 0)
        if chunk.records == 0 and held is None:
            continue
        for name, wanted, got in zip(("records", "first row", "last row"), expected, counted, strict=True):
            if wanted != got:
                where = f"landed_rows of chunk {chunk.chunk_no}, {name}"
                yield Finding("LANDED", run.run, where, str(wanted), str(got))
    for number, held in found.items():
        where, stray = f"row {held['first_row']}", f"chunk {number}, which did not"
        yield Finding("LANDED", run.run, where, "a chunk that announced it", stray)
