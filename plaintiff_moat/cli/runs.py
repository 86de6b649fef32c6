"""What an operator asks of runs: list, show, reconcile."""

from dataclasses import asdict, replace
from functools import partial

import click

from plaintiff_moat.cli.exits import Exit
from plaintiff_moat.cli.options import opened_ledger, run_options

__all__ = ["reconcile", "runs", "show"]

_COLUMNS_OF_A_LIST = {
    "id": "run",
    "source_system": "source",
    "filename": "file",
    "status": "status",
    "rows_fetched": "read",
    "rows_inserted": "inserted",
    "rows_skipped": "skipped",
    "rows_errored": "failed",
    "claimed_at": "claimed at",
}
_COLUMNS_OF_HISTORY = {
    "seq": "no",
    "at": "at",
    "event": "event",
    "actor": "actor",
    "worker_id": "worker",
    "attempt": "attempt",
    "details": "details",
}


@click.command()
@run_options
def runs(db: str | None, as_json: bool) -> None:
    """List the 20 latest runs."""
    from plaintiff_moat.cli import output
    from plaintiff_moat.ledger.runs import latest_runs

    with opened_ledger(db) as ledger:
        rows = ledger.do(latest_runs)
    if as_json:
        output.show_json(rows)
    else:
        output.show_table(rows, _COLUMNS_OF_A_LIST, empty="no runs yet: `moat import FILE --commit` makes the first")


@click.command()
@click.argument("run")
@run_options
def show(run: str, db: str | None, as_json: bool) -> None:
    """Show a run and its history. RUN is its id or the beginning of it."""
    from plaintiff_moat.cli import output
    from plaintiff_moat.ledger.runs import find_run, run_events

    with opened_ledger(db) as ledger:
        record = ledger.do(partial(find_run, text=run))
        events = ledger.do(partial(run_events, run_id=record["id"]))
    if as_json:
        output.show_json(record | {"events": events})
    else:
        output.show_record(record)
        output.show_table(events, _COLUMNS_OF_HISTORY, empty="no events")


@click.command()
@click.argument("run")
@click.option(
    "--expected", type=click.IntRange(min=0), help="Records expected; else the count that came with the claim."
)
@run_options
def reconcile(run: str, expected: int | None, db: str | None, as_json: bool) -> int:
    """Recount a run's records; complete or fail it if its worker is gone, verify it if it has ended."""
    from plaintiff_moat.cli import output
    from plaintiff_moat.ledger.claims import IngestClaimClient
    from plaintiff_moat.ledger.runs import find_run

    with opened_ledger(db) as ledger:
        record = ledger.do(partial(find_run, text=run))
        if record["status"] == "processing" and not record["is_stale"]:
            click.echo(
                f"moat: worker {record['worker_id']} is at work on run {record['id']}: try again later", err=True
            )
            return Exit.IN_PROGRESS
        # a run that has ended is verified by its own count: another expectation leaves no mark of a failure on it
        asked = expected if record["status"] == "processing" else None
        result = ledger.do(lambda conn: IngestClaimClient(conn).reconcile(record["id"], asked))
        if asked != expected and expected is not None and result.actual_count != expected:
            found = f"run {record['id']} is {record['status']} with {result.actual_count:,} records landed"
            claimed = f"of {result.expected_count:,} that it was to have"
            click.echo(
                f"moat: --expected {expected:,}, found otherwise: {found} {claimed}; nothing was changed", err=True
            )
            delta = result.actual_count - expected
            result = replace(result, is_valid=False, expected_count=expected, delta=delta)
    if as_json:
        output.show_json({"run_id": record["id"], **asdict(result)})
    else:
        output.show_record({"run_id": record["id"], **asdict(result)})
    return Exit.DONE if result.is_valid else Exit.FAILED
