"""The rejects of a run: listed, and exported to be corrected."""

import io
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from plaintiff_moat.cli.options import not_blank, opened_ledger
from plaintiff_moat.cli.terminal import counted, harmless
from plaintiff_moat.errors import BadInput

if TYPE_CHECKING:
    from plaintiff_moat.ledger.connections import Connections

__all__ = ["rejects", "show_rejects"]

_FILE = click.Path(path_type=Path)
_LINES_NAMED = 20


@click.command()
@click.argument("run")
@click.option("-o", "--output", "target", type=_FILE, help="The file to write, which must be new; else stdout.")
@click.option("--file", type=_FILE, help="The delivered file: export its cells as they were sent (with -o only).")
@click.option("--member", callback=not_blank, help="The file of a zip archive that was imported.")
@click.option("--sheet", callback=not_blank, help="The sheet of a workbook that was imported.")
@click.option("--all", "everything", is_flag=True, help="The fixed ones too; else those that are outstanding.")
@click.option("--db", help="URL of the database; else MOAT_DATABASE_URL; else the embedded one.")
def rejects(
    run: str,
    target: Path | None,
    file: Path | None,
    member: str | None,
    sheet: str | None,
    everything: bool,
    db: str | None,
) -> None:
    """Export the failed records of RUN in the vendor's columns, to be corrected in a spreadsheet.

    Without --file the cells are those that the ledger holds, which are redacted. The corrected file comes back by
    moat import FILE --replays RUN --commit. Where there is nothing to export, no file is written.
    """
    if file is not None and target is None:
        raise click.UsageError("--file exports the cells as they were sent: name the file to write with -o")
    from plaintiff_moat.ledger.rejects import reject_counts
    from plaintiff_moat.ledger.runs import find_run
    from plaintiff_moat.rejects import export_rejects
    from plaintiff_moat.source import Reading

    with opened_ledger(db) as ledger:
        record = ledger.do(partial(find_run, text=run))
        with _opened(target) as writable:
            exported = ledger.do(
                lambda conn: export_rejects(
                    conn,
                    record,
                    writable,
                    file=file,
                    reading=Reading(member=member, sheet=sheet),
                    everything=everything,
                )
            )
        if not exported.records:
            if target is not None:
                target.unlink(missing_ok=True)
            held = ledger.do(partial(reject_counts, run_id=record["id"]))["rejects"]
            none = f"{counted(held, 'reject')}, all fixed: --all exports them" if held else "no rejects"
            click.echo(f"moat: run {record['id']} has {none}{'; no file was written' if target else ''}", err=True)
            return
    click.echo(f"moat: {counted(exported.records, 'reject')} of run {record['id']}", err=True)
    if exported.redacted:
        click.echo(
            f"moat: cells of {counted(exported.redacted, 'record')} are redacted, masked or withheld, and come back so:"
            " --file DELIVERED_FILE exports them as they were sent",
            err=True,
        )


@contextmanager
def _opened(target: Path | None) -> Iterator[BinaryIO]:
    """A new file that only its owner may read, gone again where it was not written to its end; or stdout."""
    if target is None:
        content = io.BytesIO()
        yield content
        _print(content.getvalue())
        return
    try:
        descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise BadInput(f"{target.name}: expected a new file, found one; name another") from None
    except OSError as fault:
        raise BadInput(f"{target.name}: cannot be written: {fault.strerror}") from None
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _print(content: bytes) -> None:
    if sys.stdout.isatty():
        click.echo(harmless(content.decode("utf-8", "replace")), nl=False)
    else:
        click.echo(content, nl=False)


def show_rejects(ledger: "Connections", record: dict[str, Any], *, as_json: bool) -> None:
    """Lists a run's rejects by the rule that they broke, with their lines; as JSON one by one. Shows no cell."""
    from plaintiff_moat.cli import output
    from plaintiff_moat.ledger.rejects import rejects_of_run

    found = ledger.do(partial(rejects_of_run, run_id=record["id"]))
    if as_json:
        output.show_json({"run_id": record["id"], "rejects": found})
        return
    outstanding = sum(reject["fixed_by_run"] is None for reject in found)
    click.echo(f"{harmless(record['filename'] or '-')}  (run {record['id']}, {record['status']})")
    click.echo(f"  {counted(len(found), 'reject')}, {outstanding:,} outstanding")
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for reject in found:
        groups[reject["error_code"], reject["error_message"]].append(reject)
    for (code, message), of_rule in sorted(groups.items(), key=lambda group: -len(group[1])):
        click.echo(f"  {len(of_rule):>8,}  {harmless(f'{code}: {message}')}")
        for fixed, said in ((False, ""), (True, "fixed: ")):
            lines = [_lines(reject) for reject in of_rule if (reject["fixed_by_run"] is not None) is fixed]
            if lines:
                click.echo(f"            {said}{_shortened(lines)}")


def _lines(reject: dict[str, Any]) -> str:
    first, last = reject["line_start"], reject["line_end"]
    return str(first) if first == last else f"{first}-{last}"


def _shortened(lines: Sequence[str]) -> str:
    more = f" and {len(lines) - _LINES_NAMED:,} more (all: --json)" if len(lines) > _LINES_NAMED else ""
    return f"{'line' if len(lines) == 1 and '-' not in lines[0] else 'lines'} {', '.join(lines[:_LINES_NAMED])}{more}"
