"""`moat doctor`: what is looked at when something does not work, in the order in which it can be wrong."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from plaintiff_moat.audit import broken_chain
from plaintiff_moat.errors import MoatError, NotPermitted
from plaintiff_moat.ledger import migrate
from plaintiff_moat.ledger.connect import Database, connect, is_local
from plaintiff_moat.ledger.evidence import one, rows
from plaintiff_moat.ledger.faults import domain_errors
from plaintiff_moat.ledger.runs import latest_runs
from plaintiff_moat.redaction import describe_error

__all__ = ["Finding", "examine"]

OLDEST, NEWEST = 15, 18
_POOLER_PORT = 6543  # of Supabase's transaction mode
_SKEW_SECONDS = 5.0
# a million records take about one gigabyte, and the embedded server keeps up to four of its log
_SCARCE_BYTES, _LITTLE_BYTES = 1 << 30, 5 << 30

Level = Literal["ok", "note", "problem"]
_Conn = psycopg.Connection[Any]


@dataclass(frozen=True)
class Finding:
    """What one look found. A note works as it is; a problem needs a hand, and the advice says which."""

    check: str
    level: Level
    found: str
    advice: str | None = None


def examine(database: Database | None) -> Iterator[Finding]:
    """Looks at a database as it is, None being an embedded one that does not exist yet. Writes nothing.

    Takes a second or so whatever the ledger's size: only the chains of the latest runs are verified.
    """
    if database is None:
        yield Finding("connection", "ok", "the embedded database does not exist yet", "the first import makes it")
        return
    try:
        with connect(database) as conn:
            yield Finding("connection", "ok", str(database))
            for look in _LOOKS:
                finding = _guarded(look, conn, database)
                yield finding
                if look is _migrations and finding.level == "problem":
                    return  # there is nothing behind it to look at
    except MoatError as unreachable:
        yield Finding("connection", "problem", str(unreachable), "nothing else can be looked at before this is cured")


def _guarded(look: Callable[[_Conn, Database], Finding], conn: _Conn, database: Database) -> Finding:
    """One look; where it is not permitted or fails, that is what it found."""
    name = look.__name__.strip("_")
    try:
        with domain_errors():
            return look(conn, database)
    except MoatError as refusal:
        return Finding(name, "problem", str(refusal))
    except psycopg.Error as fault:
        return Finding(name, "problem", describe_error(fault), "look at the server's log")


def _server(conn: _Conn, _: Database) -> Finding:
    about = rows(conn, "about_the_session")[0]
    found = f"PostgreSQL {about['version']}"
    if about["major"] < OLDEST:
        return Finding("server", "problem", found, f"versions {OLDEST} to {NEWEST} are supported: upgrade the server")
    if about["is_read_only"]:
        return Finding("server", "problem", f"{found}, read-only", "connect to the primary: a standby takes no imports")
    if about["major"] > NEWEST:
        return Finding("server", "note", found, f"tested are {OLDEST} to {NEWEST}; look for a newer version of moat")
    return Finding("server", "ok", found)


def _migrations(conn: _Conn, _: Database) -> Finding:
    migrate.require_migrated(conn)
    if migrate.pending(conn):
        return Finding("migrations", "note", "the schema is there, its history cannot be read by this user")
    foreign = migrate.foreign(conn)
    if not foreign:
        return Finding("migrations", "ok", "every migration is applied, and no other")
    return Finding(
        "migrations",
        "note",
        f"every migration is applied, and {len(foreign)} that this version does not know, the last {foreign[-1]}",
        "they are another application's, or a newer moat was here: then use that one",
    )


def _roles(conn: _Conn, database: Database) -> Finding:
    about = rows(conn, "about_the_session")[0]
    roles = [row["role"] for row in rows(conn, "memberships")]
    found = f"user {about['user']} with the rights of {', '.join(roles) or 'none of our roles'}"
    if about["is_superuser"] and not database.embedded:
        return Finding("roles", "note", f"{found}, a superuser", "an importer needs no more than dragonfly_app")
    if roles:
        return Finding("roles", "ok", found)
    advice = "as the owner: grant dragonfly_app (to import) or moat_operator (to operate) to this user"
    return Finding("roles", "problem", found, advice)


def _clock(conn: _Conn, _: Database) -> Finding:
    before = time.time()
    server = rows(conn, "clock_and_backend")[0]["seconds"]
    after = time.time()
    skew = server - (before + after) / 2
    found = f"the server is {abs(skew):.1f} s {'ahead' if skew > 0 else 'behind'}"
    if abs(skew) - (after - before) / 2 < _SKEW_SECONDS:
        return Finding("clock", "ok", found)
    return Finding("clock", "note", found, "leases go by the server's clock alone; set this machine's, for its logs")


def _pooler(conn: _Conn, _: Database) -> Finding:
    backends = {rows(conn, "clock_and_backend")[0]["backend"] for _ in range(3)}
    if len(backends) > 1 or conn.info.port == _POOLER_PORT:
        advice = "imports work through it; for `moat db push` and `moat db psql` take the direct or session address"
        return Finding("pooler", "note", "the connection goes through a pooler in transaction mode", advice)
    return Finding("pooler", "ok", "a session of our own")


def _encryption(conn: _Conn, _: Database) -> Finding:
    if is_local(conn.info.host):
        return Finding("encryption", "ok", "the connection does not leave this machine")
    if not conn.pgconn.ssl_in_use:
        advice = "add sslmode=verify-full and sslrootcert to the URL: names and amounts are on the wire"
        return Finding("encryption", "problem", "the connection to another machine is not encrypted", advice)
    options = {option.keyword: option.val for option in conn.pgconn.info}
    if options.get(b"sslmode") == b"verify-full":
        return Finding("encryption", "ok", "TLS, the server's name and certificate verified")
    advice = "add sslmode=verify-full and sslrootcert (a file, or `system`) to the URL"
    return Finding("encryption", "note", "TLS, but whose server it is was not verified", advice)


def _disk(_: _Conn, database: Database) -> Finding:
    if not database.embedded:
        return Finding("disk", "ok", "the server's own affair")
    from plaintiff_moat.ledger.embedded import EmbeddedServer  # noqa: PLC0415 - cannot be imported on Windows

    free = shutil.disk_usage(EmbeddedServer.default().status().data_folder.parent).free
    found = f"{free / (1 << 30):.1f} GB free where the embedded database is"
    if free < _SCARCE_BYTES:
        return Finding("disk", "problem", found, "make room, or move MOAT_HOME: a full disk stops the server")
    if free < _LITTLE_BYTES:
        return Finding("disk", "note", found, "a million records take about one")
    return Finding("disk", "ok", found)


def _runs(conn: _Conn, _: Database) -> Finding:
    stale = rows(conn, "stale_runs")
    if not stale:
        return Finding("runs", "ok", "none is held by a worker that gives no sign of life")
    oldest = stale[0]
    return Finding(
        "runs",
        "problem",
        f"{len(stale)} held by workers without a sign of life, the first {str(oldest['id'])[:8]} of "
        f"{oldest['source_system']} since {oldest['updated_at']:%Y-%m-%d %H:%M %Z}",
        "import the file again, it goes on; or `moat rollback RUN --reason 'worker died'`",
    )


def _events(conn: _Conn, _: Database) -> Finding:
    try:
        broken = broken_chain(conn, [run["id"] for run in latest_runs(conn)])
    except NotPermitted:
        return Finding("events", "note", "not looked at: this user may not read the chains", "ask as the owner")
    if broken is None:
        return Finding("events", "ok", "the chains of the latest runs hold (`moat verify` looks at all, and recounts)")
    return Finding("events", "problem", str(broken), "keep a copy of the database as it is; `moat verify` tells more")


def _guards(conn: _Conn, _: Database) -> Finding:
    missing = one(conn, "missing_guard")
    if missing is None:
        return Finding("guards", "ok", "history cannot be changed: every guard is in place")
    found = (
        f"trigger {missing['name']} on {missing['relation']} is missing, disabled or another: history can be changed"
    )
    return Finding(
        "guards", "problem", found, "as the owner: alter table … enable always trigger …; then `moat verify`"
    )


_LOOKS: tuple[Callable[[_Conn, Database], Finding], ...] = (
    _server,
    _encryption,
    _pooler,
    _clock,
    _disk,
    _roles,
    _migrations,
    _runs,
    _guards,
    _events,
)
