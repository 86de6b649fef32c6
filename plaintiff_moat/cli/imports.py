"""`moat import`, and the same importer under its documented name."""

import logging
import signal
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import click

from plaintiff_moat.cli.exits import Exit
from plaintiff_moat.cli.main import run
from plaintiff_moat.cli.options import not_blank
from plaintiff_moat.errors import MoatError
from plaintiff_moat.redaction import RedactingFormatter

__all__ = ["import_csv", "import_files", "main"]

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _shared_options(command: _Command) -> _Command:
    for option in reversed(
        (
            click.option(
                "--source-system", default="manual", show_default=True, callback=not_blank, help="The vendor or feed."
            ),
            click.option(
                "--batch-id",
                callback=not_blank,
                help="The vendor's id for the delivery; made from the file's name if absent.",
            ),
            click.option("--commit/--dry-run", "commit", default=False, help="Write; without it nothing is written."),
            click.option("--limit", type=click.IntRange(min=1), help="Look at the first N records only (dry run)."),
            click.option(
                "--mapping", help="Name of a mapping or path of a TOML file; else the source system's or generic."
            ),
            click.option("--db", help="URL of the database; else MOAT_DATABASE_URL; else the embedded one."),
            click.option("--json", "as_json", is_flag=True, help="One JSON object per file on stdout."),
            click.option("--verbose", is_flag=True, help="Say on stderr what is done."),
        )
    ):
        command = option(command)
    return command


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@_shared_options
def import_files(files: Sequence[str], **options: Any) -> int:
    """Take vendor files in, each once and whole. A dry run unless --commit is given."""
    return _import_all(files, **options)


@click.command("plaintiff_importer_moat")
@click.option("--csv", "file", required=True, metavar="FILE", help="The vendor's CSV file.")
@_shared_options
def import_csv(file: str, **options: Any) -> int:
    """Take a vendor's CSV file in, once and whole. A dry run unless --commit is given."""
    return _import_all([file], **options)


def _import_all(
    files: Sequence[str],
    *,
    source_system: str,
    batch_id: str | None,
    commit: bool,
    limit: int | None,
    mapping: str | None,
    db: str | None,
    as_json: bool,
    verbose: bool,
) -> Exit:
    """Imports or previews each file; one bad file stops no other, and the worst exit code is the answer."""
    if commit and limit is not None:
        raise click.UsageError("--limit is for dry runs: a truncated load must never look complete")
    _configure_logging(verbose)

    from plaintiff_moat.cli import output
    from plaintiff_moat.importer import import_file
    from plaintiff_moat.ledger.connect import resolve
    from plaintiff_moat.preview import preview_file

    _end_as_interrupted(signal.SIGTERM, signal.SIGHUP)
    database = resolve(db)
    worst = Exit.DONE
    for file in files:
        try:
            if commit:
                with output.progress(file) as on_progress:
                    summary = import_file(
                        file,
                        database,
                        source_system=source_system,
                        batch_id=batch_id,
                        mapping=mapping,
                        on_progress=on_progress,
                    )
            else:
                summary = preview_file(
                    file, database, source_system=source_system, batch_id=batch_id, mapping=mapping, limit=limit
                )
        except MoatError as error:
            output.show_failure(file, error, as_json=as_json)
            worst = max(worst, Exit.of_error(error))
        else:
            output.show_summary(summary, as_json=as_json)
            worst = max(worst, Exit.of_claim(summary.claim_status))
    return worst


def _end_as_interrupted(*signals: signal.Signals) -> None:
    """Makes these end the process as Ctrl-C does: the run's end is reported. Ignored ones (nohup) stay so."""
    for number in signals:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def _configure_logging(verbose: bool) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("plaintiff_moat")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO if verbose else logging.WARNING)


def main() -> NoReturn:
    """The entry point of `python -m etl.src.plaintiff_importer_moat`."""
    run(import_csv, "python -m etl.src.plaintiff_importer_moat")
