"""What PostgreSQL reports, as this project's errors.

Only messages that our own functions raise (SQLSTATE class ML) are passed on: they hold no data. Every other message may
quote a row, so nothing of it is kept but its code.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as pg

from plaintiff_moat.errors import (
    BadInput,
    ControlTotalMismatch,
    DatabaseAway,
    DatabaseFull,
    DatabaseNotMigrated,
    IdentityRequired,
    LeaseLost,
    MoatError,
    NoSuchRun,
    NotPermitted,
    WrongRun,
)

__all__ = ["domain_errors", "is_passing"]

_OWN_SQLSTATES: dict[str, type[MoatError]] = {
    "ML001": LeaseLost,
    "ML002": IdentityRequired,
    "ML005": NoSuchRun,
    "ML007": BadInput,
    "ML009": WrongRun,
    "ML010": ControlTotalMismatch,
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html
# the session is over: connection exceptions, shutdown, crash, a database dropped, timeouts that end a session
_GONE = {"08000", "08001", "08003", "08004", "08006", "08P01", "25P03", "57P01", "57P02", "57P03", "57P04", "57P05"}
# the session goes on: serialization failure, deadlock, read-only (a failover), too many connections
_PASSING = {"40001", "40P01", "25006", "53300"}
_MISSING_OBJECT = (pg.UndefinedFunction, pg.UndefinedTable, pg.UndefinedColumn, pg.InvalidSchemaName)


@contextmanager
def domain_errors() -> Iterator[None]:
    """Turns a PostgreSQL error raised inside into the error that callers branch on; others pass unchanged."""
    try:
        yield
    except psycopg.Error as fault:
        raised = _domain_error(fault)
        if raised is None:
            raise
        raise raised from None


def _domain_error(fault: psycopg.Error) -> MoatError | None:
    own = _OWN_SQLSTATES.get(fault.sqlstate or "")
    if own is not None:
        return own(fault.diag.message_primary or "")
    if isinstance(fault, _MISSING_OBJECT):
        return DatabaseNotMigrated(
            "the database lacks what this version needs: run `moat db push` with its owner's url, then try again"
        )
    if isinstance(fault, pg.InsufficientPrivilege):
        return NotPermitted(
            "the database user may not do this: use a member of dragonfly_app to import, of moat_operator to operate"
        )
    if isinstance(fault, pg.DiskFull):
        return DatabaseFull("the disk of the database is full: make space on it, then try again")
    if isinstance(fault, psycopg.OperationalError) and (fault.sqlstate is None or fault.sqlstate in _GONE):
        return DatabaseAway("the connection to the database was lost: try again once the server answers")
    return None


def is_passing(fault: BaseException) -> bool:
    """Whether the same operation, said again a little later, may well succeed."""
    return isinstance(fault, DatabaseAway) or (isinstance(fault, psycopg.Error) and fault.sqlstate in _PASSING)
