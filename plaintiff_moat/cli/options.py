"""What options of several commands have in common."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

__all__ = ["connected", "not_blank", "run_options"]

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


@contextmanager
def connected(db: str | None) -> Iterator[Any]:
    """A connection to the migrated database of this URL, whose errors are the project's."""
    from plaintiff_moat.ledger.connect import connect, resolve
    from plaintiff_moat.ledger.faults import domain_errors
    from plaintiff_moat.ledger.migrate import require_migrated

    with domain_errors(), connect(resolve(db)) as conn:
        require_migrated(conn)
        yield conn
