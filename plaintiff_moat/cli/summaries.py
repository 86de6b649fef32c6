"""How what became of files is shown: a paragraph for one, a line for each of many, an object of JSON for either."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from plaintiff_moat.cli.output import show_json
from plaintiff_moat.cli.terminal import counted, harmless
from plaintiff_moat.errors import MoatError
from plaintiff_moat.expected import ControlTotals
from plaintiff_moat.folder import Outcome
from plaintiff_moat.redaction import redact
from plaintiff_moat.summary import FIRST_REJECTS, ImportSummary, Reject

__all__ = ["outcomes"]

_COUNTS = ("rows_fetched", "rows_inserted", "rows_skipped", "rows_errored")


@contextmanager
def outcomes(
    paths: Sequence[str], *, is_alone: bool, as_json: bool, empty: Sequence[str] = ()
) -> Iterator[Callable[[Outcome], None]]:
    """A function that shows an outcome; but of a file that `is_alone`, the totals of all `paths` follow at the end.

    `empty` are the folders among them in which there is nothing.
    """
    if is_alone or as_json:
        yield lambda outcome: _show_one(outcome, as_json=as_json)
        return
    ends: Counter[str] = Counter()
    left: list[str] = []
    records: Counter[str] = Counter()

    def show(outcome: Outcome) -> None:
        ends[_show_line(outcome)] += 1
        if outcome.error is not None:
            left.append(harmless(outcome.path.name if len(paths) == 1 else str(outcome.path)))
        if outcome.summary is not None and outcome.summary.claim_status == "claimed":
            records.update({name: getattr(outcome.summary, name) for name in _COUNTS})

    for folder in empty:
        click.echo(f"{harmless(folder)}: no files of a kind that can be imported")
    try:
        yield show
    finally:
        if ends:
            of_what = harmless(paths[0]) if len(paths) == 1 else f"{len(paths)} paths"
            click.echo(f"{of_what}: {', '.join(f'{count:,} {end}' for end, count in sorted(ends.items()))}")
        if records["rows_fetched"]:
            click.echo(f"  {_counted(records, is_dry='dry run' in ends, of='records ')}")
        for name in left:
            click.echo(f"  not imported: {name}")


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
    again = f"  (again: run {summary.predecessor} was rolled back)" if summary.predecessor else ""
    goes_on = f"  (continued by attempt {summary.attempt})" if _goes_on(summary) and not summary.dry_run else ""
    click.echo(f"{end:<12} {summary.filename}  {_counted(asdict(summary), is_dry=summary.dry_run)}{again}{goes_on}")
    _show_drift(summary)
    if summary.control_totals:
        _show_control_totals(summary.control_totals)
    return end


def _goes_on(summary: ImportSummary) -> bool:
    """Whether a run that crashed or failed before is continued."""
    return summary.attempt is not None and summary.attempt > 1


def _counted(counts: Mapping[str, int], *, is_dry: bool, of: str = "") -> str:
    read, inserted, skipped, failed = (counts[name] for name in _COUNTS)
    would = "would be " if is_dry else ""
    return f"{read:,} {of}read, {would}{inserted:,} inserted, {skipped:,} skipped, {failed:,} failed"


def _show_error(path: Path, error: MoatError) -> None:
    said = _said(path, error)
    given = harmless(str(path))
    click.echo(f"moat: {said if said.startswith(given) else f'{given}: {said}'}", err=True)


def _said(path: Path, error: MoatError) -> str:
    """The error's text; where it begins with the file's name, that is the path as it was given."""
    said = harmless(str(error))
    name = harmless(path.name)
    return harmless(str(path)) + said.removeprefix(name) if said.startswith(f"{name}: ") else said


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
    if summary.container:
        click.echo(f"  out of {harmless(summary.container)}")
    click.echo(f"  {_headline(summary)}")
    if summary.claim_status == "claimed":
        if summary.predecessor:
            again = "would be imported again" if summary.dry_run else "imported again"
            reason = harmless(summary.predecessor_undone or "")
            click.echo(f"  {again}: run {summary.predecessor} of the same bytes was rolled back ({reason})")
        _show_counts(summary)
    if summary.control_totals:
        _show_control_totals(summary.control_totals)
    if summary.replaces:
        click.echo(f"  {'would replace' if summary.dry_run else 'replaces'} run {summary.replaces}")
    if summary.replays:
        _show_replay(summary)
    if summary.other_delivery and summary.other_delivery != summary.replaces:
        # a correction stands beside the others, whatever their names: to replace one would undo what it fixed
        advice = "" if summary.replays else f"; --replaces {summary.other_delivery} puts this file in its place"
        click.echo(f"  run {summary.other_delivery} is of the same batch with other bytes, and stays active{advice}")
    click.echo(f"  {summary.seconds:.2f} s")


def _show_replay(summary: ImportSummary) -> None:
    """Whose rejects the file stands for, how they stand now, and the records that stand for none."""
    click.echo(f"  {'would replay' if summary.dry_run else 'replays'} rejects of run {summary.replays}")
    if summary.replayed:
        would = "would be " if summary.dry_run else ""
        fixed = counted(summary.replayed.fixed, "reject")
        click.echo(f"  {fixed} of run {summary.replays} {would}fixed, {summary.replayed.outstanding:,} outstanding")
        if alone := summary.replayed.unreferred:
            stand, are = ("stands", "its reference is") if alone == 1 else ("stand", "their references are")
            click.echo(f"  warning: {counted(alone, 'record')} {stand} for no reject: {are} empty or cannot be read")


def _headline(summary: ImportSummary) -> str:
    dry = "dry run, nothing was written: " if summary.dry_run else ""
    if summary.claim_status == "duplicate":
        if summary.is_mapped_otherwise:
            return (
                f"{dry}duplicate, imported already by run {summary.run_id} under another mapping; roll that one back to"
                " import the file under this one"
            )
        rest = "" if summary.replaces else "; there is nothing to do"
        return f"{dry}duplicate, imported already by run {summary.run_id}{rest}"
    if summary.claim_status == "in_progress":
        return (
            f"{dry}in progress, another worker has run {summary.run_id}; try again later (a worker of this machine that"
            " died is taken over at once, one of another machine when it gave no sign of life for 30 minutes)"
        )
    if dry:
        return f"{dry}--commit {f'continues run {summary.run_id}' if _goes_on(summary) else 'imports it'}"
    before = f", continued by attempt {summary.attempt}: {summary.landed_before:,} records were landed before"
    return f"{summary.status}: run {summary.run_id}{before if _goes_on(summary) else ''}"


def _show_counts(summary: ImportSummary) -> None:
    at = summary.header_line or 1
    header = f"; the header is line {at}, before it are no records" if at > 1 else ""
    click.echo(f"  read as {harmless(str(summary.dialect))}{header}")
    would = "would be " if summary.dry_run else ""
    for label, count in (
        ("read", summary.rows_fetched),
        (f"{would}inserted", summary.rows_inserted),
        (f"{would}skipped", summary.rows_skipped),
        (f"{would}failed", summary.rows_errored),
    ):
        click.echo(f"  {label:<18}{count:>12,}")
    _show_comparison(summary)
    if summary.rows_errored == summary.rows_fetched:
        click.echo("  no record of the file is valid: look at the failed records before anything else")
    unknown = [name for name in summary.unmapped if name not in summary.outdone]
    if unknown:
        click.echo(f"  columns that the mapping does not know, kept in extra: {', '.join(unknown)}")
    if summary.outdone:
        told = ", ".join(f"{name} ({filled} fills it)" for name, filled in summary.outdone.items())
        click.echo(f"  columns in whose place another one is taken, kept in extra: {told}")
    _show_doubts(summary)


def _show_doubts(summary: ImportSummary) -> None:
    """The warnings and the failed records, of a run that was continued those of its last attempt."""
    if summary.landed_before and (summary.warnings or summary.rows_errored):
        read_now = counted(summary.rows_fetched - summary.landed_before, "record")
        click.echo(f"  of the {read_now} that this attempt read (all that failed: moat show RUN --rejects):")
    for code, count in summary.warnings.items():
        click.echo(f"  warning {code:<24}{count:>6,}")
    if summary.landed_before and summary.rows_errored and not summary.first_rejects:
        click.echo("    none failed")
    # of a continued run it is not known how many failed in this attempt: a full list may go on
    may_go_on = not summary.landed_before or len(summary.first_rejects) == FIRST_REJECTS
    more = summary.rows_errored > len(summary.first_rejects) and may_go_on
    if summary.first_rejects:
        for code, count in summary.rejects.items() if more else ():
            click.echo(f"  failed {code:<25}{count:>6,}")
        failed = "" if summary.landed_before else f" of {summary.rows_errored:,}"
        of_how_many = f", the first {len(summary.first_rejects)}{failed}" if more else ""
        where = " (all: moat show RUN --rejects)" if more and not summary.dry_run else ""
        click.echo(f"  failed records{of_how_many}{where}:")
    alike: dict[tuple[str, str], list[str]] = {}
    for reject in summary.first_rejects:
        alike.setdefault((reject.error_code, reject.error_message), []).append(_lines(reject))
    for (code, message), lines in alike.items():
        click.echo(f"    {code:<24}{harmless(message)}")
        one = len(lines) == 1 and "-" not in lines[0]
        of_them = "of them " if more else ""
        click.echo(f"      {len(lines)} {of_them}on {'line' if one else 'lines'} {', '.join(lines)}")


def _show_comparison(summary: ImportSummary) -> None:
    """The sum to hold against the vendor's, and how the file differs from those before it."""
    if summary.total_amount is not None:
        click.echo(
            f"  {'total amount':<18}{summary.total_amount:>15,.2f}  of all records, duplicates and failed ones too"
        )
    _show_drift(summary)


def _show_drift(summary: ImportSummary) -> None:
    for drift in summary.drift:
        if drift.code != "NO_VALID_RECORD":  # which is told next
            where = f" {harmless(drift.column)}:" if drift.column else ""
            click.echo(f"  unlike earlier files, {drift.code}:{where} {drift.message}")


def _show_control_totals(totals: ControlTotals) -> None:
    """What the vendor said; a file of which it does not hold has no summary."""
    said = [
        *([f"{totals.rows:,} records"] if totals.rows is not None else []),
        *([f"total amount {totals.total:,.2f}"] if totals.total is not None else []),
        *(["SHA-256"] if totals.sha256 is not None else []),
    ]
    open_total = totals.total is not None and totals.found_total is None
    click.echo(
        f"  control totals hold: {', '.join(said)}{'; the total amount was not summed up' if open_total else ''}"
    )


def _lines(reject: Reject) -> str:
    start, end = reject.line_start, reject.line_end
    return str(start) if start == end else f"{start}-{end}"


def _show_failure(path: Path, error: MoatError, *, as_json: bool) -> None:
    """One line on stderr, and with JSON an object on stdout too, so that every file has one."""
    click.echo(f"moat: {_said(path, error)}", err=True)
    if as_json:
        absent = dict.fromkeys(ImportSummary.__dataclass_fields__)
        show_json(absent | {"filename": redact(path.name), "error": type(error).__name__, "message": str(error)})
