"""`moat import`, and the same importer under its documented name."""

import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from plaintiff_moat.cli.exits import Exit
from plaintiff_moat.cli.main import run
from plaintiff_moat.cli.options import not_blank, reading_of, reading_options
from plaintiff_moat.ledger.patience import PATIENCE_SECONDS
from plaintiff_moat.redaction import RedactingFormatter

if TYPE_CHECKING:
    from plaintiff_moat.folder import Outcome
    from plaintiff_moat.summary import ImportSummary

__all__ = ["import_csv", "import_files", "main"]

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _shared_options(command: _Command) -> _Command:
    for option in reversed(
        (
            click.option(
                "--source-system",
                callback=not_blank,
                show_default="manual, or that of the run it replays",
                help="The vendor or feed.",
            ),
            click.option(
                "--batch-id",
                callback=not_blank,
                help="The vendor's id for the delivery; made from the file's name if absent.",
            ),
            click.option("--commit/--dry-run", "commit", default=False, help="Write; without it nothing is written."),
            click.option(
                "--replaces",
                metavar="RUN",
                callback=not_blank,
                help="Undo this run in the same commit: the file takes its place.",
            ),
            click.option(
                "--replays",
                metavar="RUN",
                callback=not_blank,
                help="The file holds rejects of this run, corrected: moat rejects exports them.",
            ),
            click.option(
                "--expect-rows",
                type=click.IntRange(min=0),
                metavar="N",
                help="Take the file only if it has N records; see FILE.manifest.json in the runbook.",
            ),
            click.option(
                "--expect-total",
                metavar="AMOUNT",
                callback=not_blank,
                help="Take the file only if the judgment amounts of all its records sum up to this, to the cent.",
            ),
            click.option("--strict", is_flag=True, help="Refuse a file that differs from those before it."),
            click.option("--limit", type=click.IntRange(min=1), help="Look at the first N records only (dry run)."),
            click.option(
                "--mapping", help="Name of a mapping or path of a TOML file; else the source system's or generic."
            ),
            reading_options,
            click.option("--worker-id", callback=not_blank, help="Who imports: the same again goes on at once."),
            click.option(
                "--patience",
                type=click.FloatRange(min=0),
                default=PATIENCE_SECONDS,
                show_default=True,
                help="Seconds to wait for a database that went away.",
            ),
            click.option("--db", help="URL of the database; else MOAT_DATABASE_URL; else the embedded one."),
            click.option("--json", "as_json", is_flag=True, help="One JSON object per file on stdout."),
            click.option("--verbose", is_flag=True, help="Say on stderr what is done."),
        )
    ):
        command = option(command)
    return command


@click.command("import")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@_shared_options
def import_files(paths: Sequence[str], **options: Any) -> int:
    """Take vendor files in, each once and whole. A dry run unless --commit is given.

    A file is CSV text, or a container of it: .gz, .zst, .bz2, .zip, an Excel workbook (.xlsx), a parquet file.

    A PATH is a file, a folder (its files of a kind that can be imported, by name), or a pattern in quotes such as
    'incoming/*.csv'. A file whose run was rolled back is taken again when it is given alone, or once the run is
    released (moat release).
    """
    return _import_all(paths, **options)


@click.command("plaintiff_importer_moat")
@click.option("--csv", "file", required=True, metavar="FILE", help="The vendor's CSV file.")
@_shared_options
def import_csv(file: str, **options: Any) -> int:
    """Take a vendor's CSV file in, once and whole. A dry run unless --commit is given."""
    return _import_all([file], **options)


def _import_all(
    paths: Sequence[str],
    *,
    commit: bool,
    limit: int | None,
    db: str | None,
    worker_id: str | None,
    patience: float,
    as_json: bool,
    verbose: bool,
    expect_rows: int | None,
    expect_total: str | None,
    strict: bool,
    **about_the_file: Any,
) -> Exit:
    """Imports or previews each file; one bad file stops no other, and the worst exit code is the answer."""
    if commit and limit is not None:
        raise click.UsageError("--limit is for dry runs: a truncated load must never look complete")
    _configure_logging(verbose)

    from plaintiff_moat.cli.output import progress
    from plaintiff_moat.cli.summaries import outcomes
    from plaintiff_moat.expected import Expected, amount_of
    from plaintiff_moat.folder import files_at, take_each
    from plaintiff_moat.importer import Importer
    from plaintiff_moat.ledger.connect import resolve

    total = None if expect_total is None else amount_of(expect_total)
    about_the_file["reading"] = reading_of(about_the_file)
    about_the_file["expected"] = Expected(rows=expect_rows, total=total, strict=strict)
    given = [(path, files_at(path)) for path in paths]
    files = [file for path, found in given for file in ([Path(path)] if found is None else found)]
    # a file given alone is somebody's decision, one of many is not
    is_alone = len(given) == 1 and given[0][1] is None
    if not is_alone:
        _require_nothing_of_one(about_the_file, are_named=all(found is None for _, found in given))
    _end_as_interrupted(signal.SIGTERM, signal.SIGHUP)
    database = resolve(db)
    worst = Exit.DONE
    with Importer(database, worker_id=worker_id, patience=patience) as importer:

        def take(file: Path) -> "ImportSummary":
            if not commit:
                from plaintiff_moat.preview import preview_file

                return preview_file(file, database, limit=limit, unattended=not is_alone, **about_the_file)
            with progress(file.name) as on_progress:
                return importer.import_file(file, on_progress=on_progress, unattended=not is_alone, **about_the_file)

        ahead = partial(
            importer.read_ahead,
            **{name: about_the_file[name] for name in ("source_system", "batch_id", "mapping", "reading")},
        )
        empty = [path for path, found in given if found == []]
        with outcomes(paths, is_alone=is_alone, as_json=as_json, empty=empty) as show:
            for outcome in take_each(files, take, ahead if commit else lambda _: None):
                show(outcome)
                worst = max(worst, _exit_of(outcome))
    return worst


def _require_nothing_of_one(about_the_file: Mapping[str, Any], *, are_named: bool) -> None:
    """Refuses what can be said of one file only; files that `are_named` one by one may be of one batch."""
    if about_the_file["replaces"]:
        raise click.UsageError("--replaces is for one file: a run has one successor")
    if about_the_file["replays"]:
        raise click.UsageError("--replays is for one file: the corrected export of that run")
    if about_the_file["batch_id"] and not are_named:
        raise click.UsageError("--batch-id names one delivery: give a file, not a folder or a pattern")
    if about_the_file["expected"].says_something:
        raise click.UsageError("--expect-rows and --expect-total are of one file: put a manifest beside each")


def _exit_of(outcome: "Outcome") -> Exit:
    if outcome.error is not None:
        return Exit.of_error(outcome.error)
    return Exit.of_claim(outcome.summary.claim_status) if outcome.summary else Exit.DONE


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
