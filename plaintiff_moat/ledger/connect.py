"""Which database, and a connection to it: `--db`, else `MOAT_DATABASE_URL`, else the embedded server.

No message of this module holds a password or a connection string: psycopg's own texts can quote either.
"""

import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from plaintiff_moat.errors import DatabaseAway, DatabaseUnreachable
from plaintiff_moat.ledger import migrate

if TYPE_CHECKING:
    from plaintiff_moat.ledger.embedded import EmbeddedServer

__all__ = [
    "Database",
    "connect",
    "embedded_database",
    "is_local",
    "libpq_environment",
    "psql",
    "resolve",
    "resolve_as_it_is",
]

# Seconds. A server that has vanished without a word is noticed within a minute, where the system would take two hours.
# No tcp_user_timeout: it also ends a connection whose server is alive and does not read, because it waits for a lock.
_NETWORK = {"connect_timeout": "10", "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}
_SHOWABLE = {
    "user": re.compile(r"[\w.-]*", re.ASCII),
    "host": re.compile(r"[\w.,:/-]*", re.ASCII),
    "port": re.compile(r"[\d,]*", re.ASCII),
    "dbname": re.compile(r"[\w.-]*", re.ASCII),
}

# a server that says so is there, and will answer again
_PASSING = {"too many connections", "the server is starting or ending", "the connection was closed"}

# libpq reports a failed connection as text alone, without an SQLSTATE; the first pattern that fits wins
_REASONS = (
    (r"database .*does not exist", "no such database"),
    (r"certificate verify failed|server certificate for|root certificate", "the server's certificate is not trusted"),
    (r"definition of service|service file|syntax error in service", "the service is not defined"),
    (r"authentication|password|pg_hba|role .*does not exist|user not found|peer", "authentication failed"),
    (r"translate host|resolve host|not known", "unknown host"),
    (r"timeout|timed out", "timeout"),
    (r"connection refused", "connection refused"),
    (r"no such file", "no server listens on this socket"),
    (r"unreachable|no route", "network unreachable"),
    (r"too many|slots|max client", "too many connections"),
    (r"ssl|tls|certificate", "no agreement on encryption"),
    (r"starting up|shutting down|recovery", "the server is starting or ending"),
    (r"closed the connection|reset by peer", "the connection was closed"),
    (r"invalid", "a connection option is invalid"),
)


@dataclass(frozen=True)
class Database:
    """Where the ledger is; safe to print, because its URL is not."""

    url: str = field(repr=False)
    embedded: bool

    def __str__(self) -> str:
        """Name database and host if all that the URL says looks as it should: else a part may be of its password.

        What follows a character that is not percent-encoded ends up as a host, a port or a database.
        """
        parts = _parts(self.url) or {}
        if not all(shape.fullmatch(str(parts.get(name) or "")) for name, shape in _SHOWABLE.items()):
            return "the database"
        named = f"database {parts['dbname']}" if parts.get("dbname") else "the database"
        return f"{named} on {parts['host']}" if parts.get("host") else named


def resolve(db: Database | str | None = None) -> Database:
    """Return the database to use: `db`, `MOAT_DATABASE_URL`, or the embedded one, started and migrated."""
    return _named(db) or embedded_database()


def resolve_as_it_is(db: str | None = None) -> Database | None:
    """Return the database that `resolve` would, not migrated; None for an embedded one that does not exist yet.

    An embedded server that was stopped is started: nothing else can be asked of it.
    """
    named = _named(db)
    if named is None and _embedded_server().status().data_folder.exists():
        return Database(_embedded_server().start(), embedded=True)
    return named


def embedded_database() -> Database:
    """Return the embedded database, started and migrated."""
    database = Database(_embedded_server().start(), embedded=True)
    with connect(database) as conn:
        migrate.push(conn)
    return database


def connect(
    database: Database, *, autocommit: bool = True, application_name: str = "plaintiff-moat"
) -> psycopg.Connection:
    """Return an open connection that a transaction-mode pooler can serve: nothing prepared, nothing set.

    What the URL does not say comes from the service that it names, the PG* variables and the password file, as libpq
    has it. https://www.postgresql.org/docs/current/libpq-envars.html
    """
    given = {*(_parts(database.url) or ()), *(["connect_timeout"] if "PGCONNECT_TIMEOUT" in os.environ else ())}
    options = {option: value for option, value in _NETWORK.items() if option not in given}
    try:
        url = make_conninfo(database.url, application_name=application_name, client_encoding="utf8", **options)
        conn = psycopg.connect(url, autocommit=autocommit, prepare_threshold=None)
    except psycopg.Error as error:
        reason = _reason(str(error))
    else:
        # said with each BEGIN: whatever the database's default is, a publication sees what it waited for
        conn.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        return conn
    kind = DatabaseAway if reason in _PASSING else DatabaseUnreachable
    raise kind(f"no connection to {database}: {reason}{_cure(database)}")


def is_local(host: str) -> bool:
    """Whether what is sent to this host, a socket's folder or nothing (the default socket) stays on this machine."""
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def psql(database: Database) -> str:
    """Return the psql to open on the database: the machine's own, or the one that the embedded server came with.

    Raises DatabaseUnreachable where the latter is all there is and another machine is to be spoken to: it knows no TLS.
    """
    from plaintiff_moat.ledger.embedded import psql_binary  # noqa: PLC0415 - cannot be imported on Windows

    own = shutil.which("psql")
    if own is not None and not database.embedded:
        return own
    given = _parts(database.url) or {}
    host = str(given.get("host") or given.get("hostaddr") or os.environ.get("PGHOST") or "")
    if database.embedded or (is_local(host) and "service" not in given and "PGSERVICE" not in os.environ):
        return str(psql_binary())
    raise DatabaseUnreachable(
        "there is no psql on the PATH, and the one that comes with moat knows no TLS: install PostgreSQL's client"
    )


def libpq_environment(database: Database) -> dict[str, str]:
    """Return the connection as the environment variables that psql and every other libpq program read.

    Raises DatabaseUnreachable for a service with options beside it: as variables these would give way to the service.
    """
    given = conninfo_to_dict(database.url)
    if "service" in given and len(given) > 1:
        raise DatabaseUnreachable(
            "psql is told of a service or of options, not of both: put the options into the service file"
        )
    variables = {option.keyword.decode(): option.envvar.decode() for option in Conninfo.get_defaults() if option.envvar}
    return {variables[keyword]: str(value) for keyword, value in given.items() if keyword in variables}


def _named(db: Database | str | None) -> Database | None:
    if isinstance(db, Database):
        return db
    if db is not None:
        return _configured(db, "--db")
    if url := os.environ.get("MOAT_DATABASE_URL"):
        return _configured(url, "MOAT_DATABASE_URL")
    return None


def _embedded_server() -> "EmbeddedServer":
    if sys.platform == "win32":
        raise DatabaseUnreachable("the embedded server needs Linux or macOS: name a database by MOAT_DATABASE_URL")

    from plaintiff_moat.ledger.embedded import EmbeddedServer  # noqa: PLC0415 - cannot be imported on Windows

    return EmbeddedServer.default()


def _configured(url: str, source: str) -> Database:
    # `postgresql://` alone is one: everything comes from the PG* variables
    if not url.strip() or _parts(url) is None:
        raise DatabaseUnreachable(
            f"{source} is not a connection URL: expected the form postgresql://user@host:5432/database, "
            "with special characters of a password percent-encoded"
        )
    return Database(url, embedded=False)


def _parts(url: str) -> Mapping[str, object] | None:
    """Return what a connection string says, None if it cannot be read."""
    try:
        return conninfo_to_dict(url)
    except psycopg.Error:
        return None


def _reason(text: str) -> str:
    """Class the failure, by the words that are libpq's or the server's own and not by a quoted name."""
    unquoted = re.sub(r""""[^"]*"|'[^']*'""", "", text)
    for pattern, reason in _REASONS:
        if re.search(pattern, unquoted, re.IGNORECASE):
            return reason
    return "refused by the server"


def _cure(database: Database) -> str:
    if database.embedded:
        return "; `moat db status` tells how the embedded server is"
    return "; check --db or MOAT_DATABASE_URL"
