"""How what became of files is shown: a paragraph for one, a line for each of many, an object of JSON for either."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from plaintiff_moat.cli.output import show_json
from plaintiff_moat.cli.terminal import harmless
from plaintiff_moat.errors import MoatError
from plaintiff_moat.folder import Outcome
from plaintiff_moat.redaction import redact
from plaintiff_moat.summary import ImportSummary

__all__ = ["outcomes"]

_COUNTS = ("rows_fetched", "rows_inserted", "rows_skipped", "rows_errored")


@contextmanager
def outcomes(path: str, *, is_single: bool, as_json: bool) -> Iterator[Callable[[Outcome], None]]:
    """A function that shows an outcome of `path`; of a folder or a pattern, the totals follow at the end."""
    if is_single or as_json:
        yield lambda outcome: _show_one(outcome, as_json=as_json)
        return
    ends: Counter[str] = Counter()
    records: Counter[str] = Counter()

    def show(outcome: Outcome) -> None:
        ends[_show_line(outcome)] += 1
        if outcome.summary is not None and outcome.summary.claim_status == "claimed":
            records.update({name: getattr(outcome.summary, name) for name in _COUNTS})

    try:
        yield show
    finally:
        told = ", ".join(f"{count:,} {end}" for end, count in sorted(ends.items()))
        click.echo(f"{harmless(path)}: {told or 'no .csv files'}")
        if records["rows_fetched"]:
            read, inserted, skipped, failed = (records[name] for name in _COUNTS)
            click.echo(f"  {read:,} records read, {inserted:,} inserted, {skipped:,} skipped, {failed:,} failed")


def _show_line(outcome: Outcome) -> str:
    """One line of many: how it ended, the counts, the file; returns how it ended."""
    if outcome.error is not None:
        _show_error(outcome.path, outcome.error)
        return "not imported"
    summary = outcome.summary
    if summary is None:
        raise AssertionError("an outcome is a summary or an error")
    if summary.claim_status != "claimed":
        click.echo(f"{summary.claim_status.replace('_', ' '):<12} {summary.filename}  (run {summary.run_id})")
        return summary.claim_status.replace("_", " ")
    end = "dry run" if summary.dry_run else summary.status or ""
    click.echo(
        f"{end:<12} {summary.filename}  {summary.rows_fetched:,} read, {summary.rows_inserted:,} inserted,"
        f" {summary.rows_skipped:,} skipped, {summary.rows_errored:,} failed"
    )
    return end


def _show_error(path: Path, error: MoatError) -> None:
    # an error of the file's own begins with its name
    name = harmless(path.name)
    said = harmless(str(error))
    click.echo(f"moat: {said if said.startswith(name) else f'{name}: {said}'}", err=True)


def _show_one(outcome: Outcome, *, as_json: bool) -> None:
    if outcome.error is not None:
        _show_failure(outcome.path, outcome.error, as_json=as_json)
    elif outcome.summary is not None:
        _show_summary(outcome.summary, as_json=as_json)


def _show_summary(summary: ImportSummary, *, as_json: bool) -> None:
    """What became of a file."""
    if as_json:
        show_json(asdict(summary))
        return
    named = f"{summary.source_system}, batch {summary.batch_id}, mapping {summary.mapping}"
    click.echo(f"{summary.filename}  ({harmless(named)})")
    click.echo(f"  {_headline(summary)}")
    if summary.claim_status == "claimed":
        _show_counts(summary)
    if summary.replaces:
        click.echo(f"  {'would replace' if summary.dry_run else 'replaces'} run {summary.replaces}")
    if summary.other_delivery and summary.other_delivery != summary.replaces:
        click.echo(
            f"  run {summary.other_delivery} is of the same batch with other bytes, and stays active;"
            f" --replaces {summary.other_delivery} puts this file in its place"
        )
    click.echo(f"  {summary.seconds:.2f} s")


def _headline(summary: ImportSummary) -> str:
    dry = "dry run, nothing was written: " if summary.dry_run else ""
    if summary.claim_status == "duplicate":
        rest = "" if summary.replaces else "; there is nothing to do"
        return f"{dry}duplicate, imported already by run {summary.run_id}{rest}"
    if summary.claim_status == "in_progress":
        return (
            f"{dry}in progress, another worker has run {summary.run_id}; try again later (a worker of this machine that"
            " died is taken over at once, one of another machine when it gave no sign of life for 30 minutes)"
        )
    return f"{dry}--commit imports it" if dry else f"{summary.status}: run {summary.run_id}"


def _show_counts(summary: ImportSummary) -> None:
    header = f"; the header is line {summary.header_line}, before it are no records" if summary.header_line > 1 else ""
    click.echo(f"  read as {harmless(str(summary.dialect))}{header}")
    would = "would be " if summary.dry_run else ""
    for label, count in (
        ("read", summary.rows_fetched),
        (f"{would}inserted", summary.rows_inserted),
        (f"{would}skipped", summary.rows_skipped),
        (f"{would}failed", summary.rows_errored),
    ):
        click.echo(f"  {label:<18}{count:>12,}")
    if summary.rows_errored == summary.rows_fetched:
        click.echo("  no record of the file is valid: look at the failed records before anything else")
    if summary.unmapped:
        click.echo(f"  columns that the mapping does not know, kept in extra: {', '.join(summary.unmapped)}")
    for code, count in summary.warnings.items():
        click.echo(f"  warning {code:<24}{count:>6,}")
    if summary.first_rejects:
        more = summary.rows_errored > len(summary.first_rejects)
        click.echo(f"  failed records{', the first of them (all: view ingest.v_rejects)' if more else ''}:")
    for reject in summary.first_rejects:
        lines = _lines(reject.line_start, reject.line_end)
        click.echo(f"    {lines:<14}{reject.error_code:<24}{harmless(reject.error_message)}")


def _lines(start: int, end: int) -> str:
    return f"line {start}" if start == end else f"lines {start}-{end}"


def _show_failure(path: Path, error: MoatError, *, as_json: bool) -> None:
    """One line on stderr, and with JSON an object on stdout too, so that every file has one."""
    click.echo(f"moat: {harmless(str(error))}", err=True)
    if as_json:
        absent = dict.fromkeys(ImportSummary.__dataclass_fields__)
        show_json(
            absent | {"filename": redact(path.name), "error": type(error).__name__, "message": redact(str(error))}
        )
