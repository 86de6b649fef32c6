"""`moat inspect`: what a file is, before it is imported."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from plaintiff_moat.cli.exits import Exit
from plaintiff_moat.cli.options import not_blank, reading_of, reading_options
from plaintiff_moat.cli.terminal import counted, harmless
from plaintiff_moat.errors import BadInput

if TYPE_CHECKING:
    from plaintiff_moat.inspection import Inspection

__all__ = ["inspect"]


@click.command()
@click.argument("file")
@click.option("--source-system", default="manual", show_default=True, callback=not_blank, help="The vendor or feed.")
@click.option("--mapping", help="Mapping to begin with; else the source system's or generic.")
@reading_options
@click.option("-o", "--output", metavar="FILE", help="Save the proposed mapping there; a file that exists is kept.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def inspect(file: str, *, output: str | None, as_json: bool, **options: Any) -> None:
    """Say how a vendor's file is written, what its columns are and what is wrong with it. Needs no database.

    Writes nothing but the proposed mapping, and that only with -o. Exit code 2 where an import refuses the header.
    """
    from plaintiff_moat.cli.output import show_json
    from plaintiff_moat.inspection import inspect_file

    found = inspect_file(file, reading=reading_of(options), **options)
    if as_json:
        show_json(asdict(found))
    else:
        _show(found, with_mapping=output is None)
    if output is not None:
        _save(Path(output), found.mapping)
    if found.refusal is not None:
        click.get_current_context().exit(Exit.REFUSED)


def _show(found: "Inspection", *, with_mapping: bool) -> None:
    click.echo(f"{found.filename}  ({found.size:,} bytes, SHA-256 {found.file_hash})")
    if found.container:
        click.echo(f"  out of {harmless(found.container)}")
    click.echo(f"  written as {harmless(str(found.dialect))}")
    preamble = ", the lines before it are no records" if found.header_line > 1 else ""
    click.echo(
        f"  {counted(found.records, 'record')} of {counted(len(found.columns), 'column')};"
        f" the header is line {found.header_line}{preamble}"
    )
    width = max(len(column.name) for column in found.columns)
    for column in found.columns:
        sure = "" if column.confidence in {None, 1} else f"  ({column.confidence:.0%} alike: check)"
        click.echo(f"    {column.name:<{width}}  {column.filled:>4.0%} filled  {column.canonical or '-'}{sure}")
    if found.refusal is not None:
        click.echo(f"  problem: an import refuses the file: {harmless(found.refusal)}")
    for code, count in found.problems.items():
        click.echo(f"  problem {code:<24}{count:>10,}")
    for reject in found.first_problems:
        lines = (
            f"line {reject.line_start}"
            if reject.line_start == reject.line_end
            else (f"lines {reject.line_start}-{reject.line_end}")
        )
        click.echo(f"    {lines:<16}{reject.error_code:<24}{harmless(reject.error_message)}")
    if with_mapping:
        click.echo("\n" + _harmless_lines(found.mapping))


def _harmless_lines(text: str) -> str:
    """Each line as a terminal may show it."""
    return "\n".join(harmless(line) for line in text.splitlines())


def _save(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise BadInput(f"{path.name}: expected a new file, found one; name another") from None
    except OSError as fault:
        raise BadInput(f"{path.name}: cannot be written: {fault.strerror}") from None
    click.echo(harmless(f"mapping saved: {path}; check it, then `moat import --mapping {path} FILE`"), err=True)
