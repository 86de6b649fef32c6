"""What options of several commands have in common."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from plaintiff_moat.ledger.connections import Connections
    from plaintiff_moat.source import Reading

__all__ = ["not_blank", "opened_ledger", "reading_of", "reading_options", "run_options"]

_Command = TypeVar("_Command", bound=Callable[..., Any])


def not_blank(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The value without white space around it; refused when nothing is left."""
    if value is None or value.strip():
        return value and value.strip()
    raise click.BadParameter("is empty", ctx, param)


def run_options(command: _Command) -> _Command:
    """The options of every command about runs: --db and --json."""
    command = click.option("--db", help="URL of the database; else MOAT_DATABASE_URL; else the embedded one.")(command)
    return click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")(command)


def reading_options(command: _Command) -> _Command:
    """The options that say what of a file is read, and how it is written."""
    for option in (
        click.option("--sheet", callback=not_blank, help="The sheet of a workbook; else the first that is visible."),
        click.option("--member", callback=not_blank, help="The file to take out of a zip archive with several."),
        click.option("--quote", help="double, single, none or a character; else found out."),
        click.option("--encoding", help="utf-8, utf-16, cp1252, latin-1, …; else found out."),
        click.option("--delimiter", help="comma, semicolon, tab, pipe or a character; else found out."),
    ):
        command = option(command)
    return command


def reading_of(options: dict[str, Any]) -> "Reading":
    """Takes the options of `reading_options` out of the others."""
    from plaintiff_moat.source import Reading

    return Reading(**{name: options.pop(name) for name in Reading.__dataclass_fields__})


@contextmanager
def opened_ledger(db: str | None) -> Iterator["Connections"]:
    """Connections to the migrated database of this URL; errors are the project's."""
    from plaintiff_moat.ledger.connect import resolve
    from plaintiff_moat.ledger.connections import Connections
    from plaintiff_moat.ledger.faults import domain_errors
    from plaintiff_moat.ledger.migrate import require_migrated

    with domain_errors(), Connections(resolve(db)) as ledger:
        ledger.do(require_migrated)
        yield ledger
