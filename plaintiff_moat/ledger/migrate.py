"""The migrations: which there are, which a database has, and how it gets the rest.

What is applied is recorded where the Supabase CLI records it and in its layout (supabase/cli,
pkg/migration/history.go), so that either can carry on where the other stopped.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import scalar_row

from plaintiff_moat.errors import DatabaseNotMigrated
from plaintiff_moat.ledger.faults import domain_errors

__all__ = [
    "Migration",
    "foreign",
    "migrations",
    "migrations_folder",
    "pending",
    "push",
    "require_migrated",
    "to_apply",
]

_FILE_NAME = re.compile(r"(\d{14})_(\w+)\.sql", re.ASCII)
_PUSH_LOCK = 0x6D6F6174  # "moat"

# one push waits for another, but no migration makes the database's users wait long for a lock of its own
_LONGEST_WAIT = "5 s, for another push 120 s"
_WAIT_FOR_OTHER_PUSH = "set local lock_timeout = '120s'"
_WAIT_FOR_USERS = "set local lock_timeout = '5s'"

_CREATE_HISTORY = (
    "create schema if not exists supabase_migrations",
    "create table if not exists supabase_migrations.schema_migrations (version text not null primary key)",
    "alter table supabase_migrations.schema_migrations add column if not exists statements text[]",
    "alter table supabase_migrations.schema_migrations add column if not exists name text",
)
# what PostgreSQL says about names, rights, locks and features, or a migration by `raise`, quotes no row
_SPEAKABLE = ("0A", "25", "3F", "42", "55", "P0")

_RECORD = "insert into supabase_migrations.schema_migrations (version, name, statements) values (%s, %s, %s)"
_RECORDED = "select version from supabase_migrations.schema_migrations"
_HISTORY_IS_READABLE = """
    select coalesce(
        bool_or(has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')), false
    )
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'supabase_migrations' and c.relname = 'schema_migrations'
"""
_API_EXISTS = """
    select exists (
        select from pg_catalog.pg_proc p
        join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'ingest' and p.proname = 'claim_import_run'
    )
"""


@dataclass(frozen=True)
class Migration:
    """One file of the migrations folder."""

    version: str
    name: str
    path: Path


def migrations_folder() -> Path:
    """Return the folder of this version's migrations: the package's own, or in a checkout the repository's."""
    packaged = Path(__file__).with_name("migrations")
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "supabase" / "migrations"


def migrations(folder: Path | None = None) -> list[Migration]:
    """Return the folder's migrations in order; a file that can have no place in that order is refused."""
    found: dict[str, Migration] = {}
    for path in sorted((folder or migrations_folder()).glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise DatabaseNotMigrated(
                f"{path.name} is no name of a migration: expected 14 digits, an underscore, a name and .sql"
            )
        version, name = match.groups()
        if version in found:
            raise DatabaseNotMigrated(f"{path.name} and {found[version].path.name} have one version: rename one")
        found[version] = Migration(version, name, path)
    return list(found.values())


def pending(conn: Connection[Any], folder: Path | None = None) -> list[Migration]:
    """Return the migrations that the database's history lacks: all of them, for a role that cannot read it."""
    recorded = _recorded(conn)
    return [migration for migration in migrations(folder) if migration.version not in recorded]


def to_apply(conn: Connection[Any], folder: Path | None = None) -> list[Migration]:
    """Return what a push would apply. Writes nothing.

    Raises DatabaseNotMigrated where that cannot be told: the schema is there, and no history of it that can be read.
    """
    lacking = pending(conn, folder)
    if lacking and len(lacking) == len(migrations(folder)) and _ask(conn, _API_EXISTS):
        raise DatabaseNotMigrated(
            "the schema is there and its history is not, or this user cannot read it: ask as the database's owner"
        )
    return lacking


def foreign(conn: Connection[Any], folder: Path | None = None) -> list[str]:
    """Return the versions in the database's history that no file here has: another tool's, or a newer version's."""
    return sorted(_recorded(conn) - {migration.version for migration in migrations(folder)})


def push(conn: Connection[Any], folder: Path | None = None) -> list[Migration]:
    """Apply what is pending and return it: each migration in one transaction together with its record.

    Several pushes at once take turns, and the later ones find nothing left to do. When a migration fails, the
    ones before it stay. Raises DatabaseNotMigrated, or ValueError for a connection that is not in autocommit mode.
    """
    if not conn.autocommit:
        raise ValueError("push needs a connection in autocommit mode: found one that opens its own transactions")
    return [migration for migration in pending(conn, folder) if _apply(conn, migration)]


def require_migrated(conn: Connection[Any], folder: Path | None = None) -> None:
    """Raise DatabaseNotMigrated unless the database has what this version needs. Writes nothing.

    Where the history tells nothing of ours, because the role cannot read it or the files were run by hand, the
    claim function has to stand for all of them.
    """
    known = migrations(folder)
    recorded = _recorded(conn)
    missing = [migration for migration in known if migration.version not in recorded]
    if len(missing) == len(known) and _ask(conn, _API_EXISTS):
        return
    if missing:
        raise DatabaseNotMigrated(
            f"the database lacks {len(missing)} of {len(known)} migrations of this version: "
            "apply them with `moat db push` as the database's owner"
        )


def _recorded(conn: Connection[Any]) -> frozenset[str]:
    if not _ask(conn, _HISTORY_IS_READABLE):
        return frozenset()
    with domain_errors(), conn.cursor(row_factory=scalar_row) as cursor:
        return frozenset(cursor.execute(_RECORDED))


def _ask(conn: Connection[Any], question: str) -> bool:
    with domain_errors(), conn.cursor(row_factory=scalar_row) as cursor:
        return bool(cursor.execute(question.encode()).fetchone())


def _apply(conn: Connection[Any], migration: Migration) -> bool:
    """Apply one migration; false if another push has done so meanwhile."""
    text = migration.path.read_text(encoding="utf-8")
    try:
        with conn.transaction():
            conn.execute(_WAIT_FOR_OTHER_PUSH)
            conn.execute("select pg_catalog.pg_advisory_xact_lock(%s)", [_PUSH_LOCK])
            if migration.version in _recorded(conn):
                return False
            conn.execute(_WAIT_FOR_USERS)
            for statement in _CREATE_HISTORY:
                conn.execute(statement)
            conn.execute(text.encode())
            statements = [text.strip().removesuffix(";")]
            conn.execute(_RECORD, [migration.version, migration.name, statements])
    except psycopg.Error as error:
        where, why = _where(error, text), _why(error)
        raise DatabaseNotMigrated(
            f"migration {migration.path.name} failed{where}: {why}; nothing of it was kept"
        ) from None
    return True


def _where(error: psycopg.Error, text: str) -> str:
    position = error.diag.statement_position
    return f" in line {text.count(chr(10), 0, int(position) - 1) + 1}" if position else ""


def _why(error: psycopg.Error) -> str:
    if error.sqlstate is None:
        return "the connection was lost"
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return (
            f"it waited for a lock that somebody else holds, and not longer than {_LONGEST_WAIT}: push again when no "
            "import, publication or other push is at work (SQLSTATE 55P03)"
        )
    if error.sqlstate.startswith(_SPEAKABLE) and error.diag.message_primary:
        return f"{error.diag.message_primary} (SQLSTATE {error.sqlstate})"
    return f"SQLSTATE {error.sqlstate}"
