"""Taking a file out again: compare two deliveries, roll a run back, release one."""

from collections import Counter
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from plaintiff_moat.cli.options import not_blank, opened_ledger, run_options
from plaintiff_moat.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plaintiff_moat.ledger.differences import Difference, RunDiff, Side
    from plaintiff_moat.ledger.undo import RollbackPreview

__all__ = ["diff", "release", "rollback"]


@click.command()
@click.argument("run")
@click.option("--reason", callback=not_blank, help="Why; it is kept with the run for good. Required without --dry-run.")
@click.option("--dry-run", is_flag=True, help="Say what it would do; nothing is written.")
@run_options
def rollback(run: str, reason: str | None, dry_run: bool, db: str | None, as_json: bool) -> None:
    """Undo a run: its records go, records that other files share stay with these, the history is kept.

    No unattended import takes its file in again before `moat release`.
    """
    from plaintiff_moat.cli import output
    from plaintiff_moat.ledger.runs import find_run
    from plaintiff_moat.ledger.undo import preview_rollback, roll_back

    if not dry_run and reason is None:
        raise click.UsageError("--reason is missing: say why, it is kept with the run (or look first with --dry-run)")
    with opened_ledger(db) as ledger:
        record = ledger.do(partial(find_run, text=run))
        if dry_run:
            preview = ledger.do(partial(preview_rollback, run_id=record["id"]))
            if as_json:
                output.show_json({"run_id": record["id"], "dry_run": True, **asdict(preview)})
            else:
                _show_preview(record["id"], preview)
                _show_corrections(preview.corrections)
            _show_undone(record)
            return
        undone = ledger.do(lambda conn: roll_back(conn, record["id"], reason))
    # by another call than this one, which may have been said twice because its first answer was lost
    if record["status"] == "rolled_back":
        _show_undone(record)
        undone = replace(undone, rows_affected=0)
    if as_json:
        passed = {str(heir): records for heir, records in undone.passed.items()}
        output.show_json({"run_id": record["id"], **asdict(undone), "passed": passed})
    else:
        output.show_record({"run_id": record["id"], "success": undone.success, "rows_affected": undone.rows_affected})
        if undone.rows_gone is not None:
            output.show_record({"rows_gone": undone.rows_gone, "rows_passed": sum(undone.passed.values())})
        for heir, records in undone.passed.items():
            click.echo(f"  {records:,} passed to run {heir}")
        _show_corrections(undone.corrections)
        if not record["replaced_by"]:
            click.echo(
                "no import of a folder takes its file in again before `moat release`; one of the file itself does"
            )


@click.command()
@click.argument("run")
@click.option("--reason", required=True, callback=not_blank, help="Why; it is kept with the run for good.")
@run_options
def release(run: str, reason: str, db: str | None, as_json: bool) -> None:
    """Let unattended imports take the file of a rolled-back run in again."""
    from plaintiff_moat.cli import output
    from plaintiff_moat.ledger.claims import IngestClaimClient
    from plaintiff_moat.ledger.runs import find_run

    with opened_ledger(db) as ledger:
        record = ledger.do(partial(find_run, text=run))
        released = ledger.do(lambda conn: IngestClaimClient(conn).release(record["id"], reason))
    if not released:
        click.echo("moat: nothing kept the file from being taken in: nothing has changed", err=True)
    if as_json:
        output.show_json({"run_id": record["id"], "released": released})
    else:
        output.show_record({"run_id": record["id"], "released": released})


@click.command()
@click.argument("run_a")
@click.argument("run_b")
@click.option("--values", is_flag=True, help="Show the cells as well: personal data.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Name so many records of each kind."
)
@run_options
def diff(run_a: str, run_b: str, values: bool, limit: int, db: str | None, as_json: bool) -> None:
    """Compare two deliveries: what RUN_B adds, lacks and changes against RUN_A."""
    from plaintiff_moat.cli import output
    from plaintiff_moat.ledger.differences import diff_runs
    from plaintiff_moat.ledger.runs import find_run

    with opened_ledger(db) as ledger:
        a, b = (ledger.do(partial(find_run, text=text))["id"] for text in (run_a, run_b))
        found = ledger.do(lambda conn: diff_runs(conn, a, b, limit=limit, values=values))
    if as_json:
        output.show_json(asdict(found))
    else:
        _show_diff(found)


def _show_preview(run_id: UUID, preview: "RollbackPreview") -> None:
    click.echo(f"dry run, nothing was written: a rollback of run {run_id} would")
    click.echo(f"  roll back         {preview.rows_affected:>12,}")
    click.echo(f"  take out          {preview.rows_gone:>12,}")
    click.echo(f"  pass on           {preview.rows_passed:>12,}")
    for heir in preview.heirs:
        click.echo(
            f"  to run {heir.run_id}: {heir.records:,}"
            f" (inserted {heir.rows_inserted:,} -> {heir.rows_inserted_after:,},"
            f" skipped {heir.rows_skipped:,} -> {heir.rows_skipped_after:,})"
        )
    for reference in preview.referenced_by:
        of_whom = f"of {reference.relation} ({reference.column_name})"
        if reference.records is None:
            click.echo(f"  rows {of_whom} cannot be counted: this user may not see all of them")
        else:
            click.echo(f"  {reference.records:,} rows {of_whom} would refer to a plaintiff without a record")


def _show_corrections(corrections: "Sequence[UUID]") -> None:
    for correction in corrections:
        click.echo(
            f"  run {correction} corrects rejects of it and stays published: `moat rollback` undoes that one too"
        )


def _show_undone(record: "Mapping[str, Any]") -> None:
    """Says of a run that was rolled back before that it was, and of one that was replaced by which."""
    if record["status"] != "rolled_back":
        return
    place = f" when run {record['replaced_by']} took its place" if record["replaced_by"] else ""
    click.echo(f"moat: the run was rolled back before{place}: nothing has changed", err=True)


def _show_diff(found: "RunDiff") -> None:
    for letter, side in (("a", found.a), ("b", found.b)):
        click.echo(f"{letter}: {redact(side.filename or '-')}  (run {side.run_id}, {side.status}) {_counts(side)}")
    for change in ("added", "gone", "changed", "unchanged"):
        click.echo(f"  {change:<18}{getattr(found, change):>12,}")
    for column, records in found.changed_columns.items():
        click.echo(f"    {redact(column):<24}{records:>6,}")
    named = Counter(record.change for record in found.records)
    for record in found.records:
        click.echo(f"  {record.change:<8} {_place(record)}{redact(', '.join(record.columns))}")
        for column, (in_a, in_b) in (record.values or {}).items():
            click.echo(f"    {redact(f'{column}: {_cell(in_a)} -> {_cell(in_b)}')}")
    for change in ("added", "gone", "changed"):
        if more := getattr(found, change) - named[change]:
            click.echo(f"  … and {more:,} more {change}: --limit names them")


def _counts(side: "Side") -> str:
    repeated = side.records - side.rejected - side.keys
    return f"{side.records:,} records, {side.rejected:,} failed, {repeated:,} repeat another of the file"


def _place(record: "Difference") -> str:
    lines = (("a", record.line_a), ("b", record.line_b))
    return "".join(f"{letter} line {line:<8} " for letter, line in lines if line is not None)


def _cell(value: object) -> str:
    return "nothing" if value is None else repr(str(value))
