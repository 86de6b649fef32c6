"""What an operator asks of runs: list, show, reconcile, roll back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from plaintiff_moat.cli.exits import Exit
from plaintiff_moat.cli.options import not_blank

if TYPE_CHECKING:
    from plaintiff_moat.ledger.connections import Connections

__all__ = ["reconcile", "rollback", "runs", "show"]

_Command = TypeVar("_Command", bound=Callable[..., Any])

_COLUMNS_OF_A_LIST = {
    "id": "run",
    "source_system": "source",
    "filename": "file",
    "status": "status",
    "rows_fetched": "read",
    "rows_inserted": "inserted",
    "rows_skipped": "skipped",
    "rows_errored": "failed",
    "created_at": "claimed at",
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


def _options(command: _Command) -> _Command:
    command = click.option("--db", help="URL of the database; else MOAT_DATABASE_URL; else the embedded one.")(command)
    return click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")(command)


@contextmanager
def _ledger(db: str | None) -> Iterator["Connections"]:
    from plaintiff_moat.ledger.connect import resolve
    from plaintiff_moat.ledger.connections import Connections
    from plaintiff_moat.ledger.faults import domain_errors
    from plaintiff_moat.ledger.migrate import require_migrated

    with domain_errors(), Connections(resolve(db)) as ledger:
        ledger.do(require_migrated)
        yield ledger


@click.command()
@_options
def runs(db: str | None, as_json: bool) -> None:
    """List the 20 latest runs."""
    from plaintiff_moat.cli import output
    from plaintiff_moat.ledger.runs import latest_runs

    with _ledger(db) as ledger:
        rows = ledger.do(latest_runs)
    if as_json:
        output.show_json(rows)
    else:
        output.show_table(rows, _COLUMNS_OF_A_LIST, empty="no runs yet: `moat import FILE --commit` makes the first")


@click.command()
@click.argument("run")
@_options
def show(run: str, db: str | None, as_json: bool) -> None:
    """Show a run and its history. RUN is its id or the beginning of it."""
    from plaintiff_moat.cli import output
    from plaintiff_moat.ledger.runs import find_run, run_events

    with _ledger(db) as ledger:
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
@_options
def reconcile(run: str, expected: int | None, db: str | None, as_json: bool) -> int:
    """Recount a run's records; complete or fail it if its worker is gone, verify it if it has ended."""
    from plaintiff_moat.cli import output
    from plaintiff_moat.ledger.claims import IngestClaimClient
    from plaintiff_moat.ledger.runs import find_run

    with _ledger(db) as ledger:
        record = ledger.do(partial(find_run, text=run))
        if record["status"] == "processing" and not record["is_stale"]:
            click.echo(
                f"moat: worker {record['worker_id']} is at work on run {record['id']}: try again later", err=True
            )
            return Exit.IN_PROGRESS
        result = ledger.do(lambda conn: IngestClaimClient(conn).reconcile(record["id"], expected))
    if as_json:
        output.show_json({"run_id": record["id"], **asdict(result)})
    else:
        output.show_record({"run_id": record["id"], **asdict(result)})
    return Exit.DONE if result.is_valid else Exit.FAILED


@click.command()
@click.argument("run")
@click.option("--reason", required=True, callback=not_blank, help="Why; it is kept with the run for good.")
@_options
def rollback(run: str, reason: str, db: str | None, as_json: bool) -> None:
    """Undo a run: its records go, records that other files share stay with these, the history is kept."""
    from plaintiff_moat.cli import output
    from plaintiff_moat.ledger.claims import IngestClaimClient
    from plaintiff_moat.ledger.runs import find_run, rows_rolled_back

    with _ledger(db) as ledger:
        record = ledger.do(partial(find_run, text=run))
        result = ledger.do(lambda conn: IngestClaimClient(conn).rollback(record["id"], reason))
        if record["status"] == "rolled_back":
            click.echo("moat: the run was rolled back before: nothing has changed", err=True)
        elif result.rows_affected == 0:
            # said again because the first answer was lost: what it did stands in the ledger
            result = replace(result, rows_affected=ledger.do(partial(rows_rolled_back, run_id=record["id"])))
    if as_json:
        output.show_json({"run_id": record["id"], **asdict(result)})
    else:
        output.show_record({"run_id": record["id"], **asdict(result)})
