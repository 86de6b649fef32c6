"""What several commands have in common: their options, and the connection that these lead to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

__all__ = ["connected", "database_options", "not_blank"]

_Command = TypeVar("_Command", bound=Callable[..., Any])


def database_options(command: _Command) -> _Command:
    """--db and --json."""
    command = click.option("--db", help="URL of the database; else MOAT_DATABASE_URL; else the embedded one.")(command)
    return click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")(command)


@contextmanager
def connected(db: str | None) -> Iterator[Any]:
    """A connection to the migrated database; what it reports comes as an error of ours."""
    from plaintiff_moat.ledger.connect import connect, resolve
    from plaintiff_moat.ledger.faults import domain_errors
    from plaintiff_moat.ledger.migrate import require_migrated

    with domain_errors(), connect(resolve(db)) as conn:
        require_migrated(conn)
        yield conn


def not_blank(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The value without white space around it; refused when nothing is left."""
    if value is None or value.strip():
        return value and value.strip()
    raise click.BadParameter("is empty", ctx, param)
