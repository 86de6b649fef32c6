"""The migration runner: each migration once, whole, and recorded where the Supabase CLI looks."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection, sql

from plaintiff_moat.errors import DatabaseNotMigrated
from plaintiff_moat.ledger import migrate
from plaintiff_moat.ledger.connect import Database, connect
from plaintiff_moat.ledger.migrate import Migration, foreign, migrations, pending, push, require_migrated, to_apply

WriteFile = Callable[[str, str], Path]
_SSN = "123-45-6789"
_API = "create schema ingest; create function ingest.claim_import_run() returns int language sql as 'select 1';"


@pytest.fixture
def blank(blank_db_url: str) -> Iterator[Connection]:
    """Yield a connection to a database without any migration."""
    with connect(Database(blank_db_url, embedded=True)) as conn:
        yield conn


@pytest.fixture
def write(tmp_path: Path) -> WriteFile:
    """Return a function that writes a file into the migrations folder, `tmp_path`."""

    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


@pytest.fixture
def stranger(blank: Connection, blank_db_url: str) -> Iterator[Connection]:
    """Yield a connection as a role that owns nothing and was granted nothing."""
    role = sql.Identifier(f"stranger_{blank.info.dbname}")
    blank.execute(sql.SQL("create role {} login").format(role))
    with psycopg.connect(blank_db_url, user=role.as_string().strip('"'), autocommit=True) as conn:
        yield conn
    blank.execute(sql.SQL("drop role {}").format(role))


def versions(done: list[Migration]) -> list[str]:
    """Return the last two digits of each version."""
    return [migration.version[-2:] for migration in done]


def column(conn: Connection, query: str) -> list[object]:
    """Return the first column of a query's answer."""
    return [row[0] for row in conn.execute(query.encode())]


def test_push_applies_in_order_and_records(blank: Connection, tmp_path: Path, write: WriteFile) -> None:
    """Migrations run by version, several statements each, and stand in the history with name and text."""
    write("20260101000002_fill.sql", "insert into t values (1);\ninsert into t values (2);\n")
    write("20260101000001_create_t.sql", "-- 100 % ours\ncreate table t (i int);\n")
    write("README.md", "not a migration")
    assert versions(pending(blank, tmp_path)) == ["01", "02"]
    assert versions(push(blank, tmp_path)) == ["01", "02"]
    assert column(blank, "select i from t order by i") == [1, 2]
    assert blank.execute("select * from supabase_migrations.schema_migrations order by version").fetchall() == [
        ("20260101000001", ["-- 100 % ours\ncreate table t (i int)"], "create_t"),
        ("20260101000002", ["insert into t values (1);\ninsert into t values (2)"], "fill"),
    ]
    assert pending(blank, tmp_path) == []
    assert push(blank, tmp_path) == []


def test_history_has_the_layout_of_the_supabase_cli(blank: Connection, tmp_path: Path, write: WriteFile) -> None:
    """The history's columns, types and key are those that the Supabase CLI creates."""
    write("20260101000001_one.sql", "select 1")
    push(blank, tmp_path)
    columns = (
        "select concat(attname, ' ', format_type(atttypid, atttypmod), case when attnotnull then ' not null' end) "
        "from pg_attribute where attrelid = 'supabase_migrations.schema_migrations'::regclass and attnum > 0 "
        "order by attnum"
    )
    assert column(blank, columns) == ["version text not null", "statements text[]", "name text"]
    key = (
        "select pg_get_constraintdef(oid) from pg_constraint "
        "where conrelid = 'supabase_migrations.schema_migrations'::regclass and contype = 'p'"
    )
    assert column(blank, key) == ["PRIMARY KEY (version)"]


def test_push_carries_on_from_the_supabase_cli(blank: Connection, tmp_path: Path, write: WriteFile) -> None:
    """What the CLI has recorded is not applied again, in its oldest layout too, and foreign migrations stay."""
    write("20260101000001_one.sql", "this would fail")
    write("20260101000002_two.sql", "create table two ()")
    blank.execute("create schema supabase_migrations")
    blank.execute("create table supabase_migrations.schema_migrations (version text not null primary key)")
    blank.execute("insert into supabase_migrations.schema_migrations values ('20260101000001'), ('20990101000000')")
    assert versions(push(blank, tmp_path)) == ["02"]
    recorded = column(blank, "select version from supabase_migrations.schema_migrations order by version")
    assert recorded == ["20260101000001", "20260101000002", "20990101000000"]


def test_pushes_at_once_apply_each_migration_once(blank_db_url: str, tmp_path: Path, write: WriteFile) -> None:
    """Of several pushes one applies a migration and the others wait for it and find nothing to do."""
    for number in range(1, 4):
        write(f"2026010100000{number}_n.sql", f"create table t{number} (); select pg_sleep(0.05);")

    def push_once(_: int) -> list[str]:
        with connect(Database(blank_db_url, embedded=True)) as conn:
            return versions(push(conn, tmp_path))

    with ThreadPoolExecutor(3) as pool:
        done = [version for versions in pool.map(push_once, range(3)) for version in versions]
    assert sorted(done) == ["01", "02", "03"]


def test_failed_migration_leaves_nothing_of_itself(blank: Connection, tmp_path: Path, write: WriteFile) -> None:
    """A failure undoes its own migration only, names file and line, and a corrected file carries on."""
    write("20260101000001_good.sql", "create table good ()")
    bad = write("20260101000002_bad.sql", "create table half ();\n\nselect * from nowhere;\n")
    with pytest.raises(
        DatabaseNotMigrated, match=r'_bad\.sql failed in line 3: relation "nowhere" .*42P01.*nothing of it'
    ):
        push(blank, tmp_path)
    assert column(blank, "select to_regclass('half')") == [None]
    assert versions(pending(blank, tmp_path)) == ["02"]
    bad.write_text("create table half ()")
    assert versions(push(blank, tmp_path)) == ["02"]


def test_failure_message_quotes_no_data(blank: Connection, tmp_path: Path, write: WriteFile) -> None:
    """A migration that stumbles over a row is reported by its code, not by the row."""
    write(
        "20260101000001_a.sql",
        f"create table t as select '{_SSN}' as ssn; alter table t alter ssn type int using ssn::int",
    )
    with pytest.raises(DatabaseNotMigrated, match="SQLSTATE 22P02") as raised:
        push(blank, tmp_path)
    assert _SSN not in str(raised.value)
    assert raised.value.__cause__ is None


def test_migration_gives_up_waiting_and_leaves_the_session_alone(
    blank: Connection, tmp_path: Path, write: WriteFile
) -> None:
    """A migration waits seconds for a lock, not for ever, and the setting ends with its transaction."""
    write("20260101000001_a.sql", "create table seen as select current_setting('lock_timeout') as lock_timeout")
    push(blank, tmp_path)
    assert column(blank, "select lock_timeout from seen") == ["5s"]
    assert column(blank, "show lock_timeout") == ["0"]


@pytest.mark.parametrize("patience", ["_WAIT_FOR_USERS", "_WAIT_FOR_OTHER_PUSH"])
def test_a_lock_held_by_others_ends_in_one_clear_line(
    blank: Connection,
    blank_db_url: str,
    tmp_path: Path,
    write: WriteFile,
    monkeypatch: pytest.MonkeyPatch,
    patience: str,
) -> None:
    """A migration that meets a reader of its table, or another push, gives up whole, and the next push succeeds."""
    monkeypatch.setattr(migrate, patience, "set local lock_timeout = '50ms'")
    write("20260101000001_one.sql", "create table t (i int)")
    push(blank, tmp_path)
    write("20260101000002_two.sql", "create table half (); alter table t add column j int")
    with psycopg.connect(blank_db_url) as reader:
        if patience == "_WAIT_FOR_USERS":
            reader.execute("select from t")
        else:
            reader.execute("select pg_advisory_xact_lock(%s)", [migrate._PUSH_LOCK])  # noqa: SLF001
        with pytest.raises(DatabaseNotMigrated, match=r"_two\.sql failed: it waited for a lock .*push again") as raised:
            push(blank, tmp_path)
    assert "\n" not in str(raised.value)
    assert column(blank, "select to_regclass('half')") == [None]
    assert versions(push(blank, tmp_path)) == ["02"]


def test_what_would_be_applied_is_told_or_refused(
    blank: Connection, stranger: Connection, tmp_path: Path, write: WriteFile
) -> None:
    """The plan of a push is what it then does; where the history cannot be read there is none, and that is said."""
    write("20260101000001_api.sql", _API)
    assert versions(to_apply(blank, tmp_path)) == ["01"]
    push(blank, tmp_path)
    assert to_apply(blank, tmp_path) == []
    with pytest.raises(DatabaseNotMigrated, match="ask as the database's owner"):
        to_apply(stranger, tmp_path)
    blank.execute("insert into supabase_migrations.schema_migrations values ('20990101000000')")
    assert foreign(blank, tmp_path) == ["20990101000000"]


def test_push_refuses_a_connection_that_is_not_in_autocommit_mode(blank_db_url: str, tmp_path: Path) -> None:
    """A caller whose open transaction would swallow the migrations is told so."""
    with (
        connect(Database(blank_db_url, embedded=True), autocommit=False) as conn,
        pytest.raises(ValueError, match="autocommit"),
    ):
        push(conn, tmp_path)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["2026_short.sql"], "2026_short.sql is no name of a migration: expected 14 digits"),
        (["20260101000001_a.sql", "20260101000001_b.sql"], "20260101000001_b.sql and 20260101000001_a.sql have one"),
    ],
)
def test_files_without_a_place_in_the_order_are_refused(
    tmp_path: Path, write: WriteFile, names: list[str], complaint: str
) -> None:
    """A file that would be skipped or run in an arbitrary order stops everything instead."""
    for name in names:
        write(name, "select 1")
    with pytest.raises(DatabaseNotMigrated, match=complaint):
        migrations(tmp_path)


def test_this_version_has_migrations() -> None:
    """The project's own folder is found and holds the migration that the runbook names."""
    assert "20260115120000" in [migration.version for migration in migrations()]


def test_missing_migrations_are_counted(blank: Connection, tmp_path: Path, write: WriteFile) -> None:
    """A database that lacks migrations is refused with their number and the cure; a complete one passes."""
    write("20260101000001_one.sql", "select 1")
    with pytest.raises(DatabaseNotMigrated, match=r"lacks 1 of 1 migrations .*`moat db push`"):
        require_migrated(blank, tmp_path)
    push(blank, tmp_path)
    require_migrated(blank, tmp_path)
    write("20260101000002_two.sql", "select 1")
    with pytest.raises(DatabaseNotMigrated, match="lacks 1 of 2 migrations"):
        require_migrated(blank, tmp_path)


def test_role_without_rights_on_the_history_is_served(
    blank: Connection, stranger: Connection, tmp_path: Path, write: WriteFile
) -> None:
    """A role that may not read the history is judged by the API: refused before the migrations, served after."""
    write("20260101000001_api.sql", _API)
    with pytest.raises(DatabaseNotMigrated, match="lacks 1 of 1"):
        require_migrated(stranger, tmp_path)
    push(blank, tmp_path)
    require_migrated(stranger, tmp_path)
    assert versions(pending(stranger, tmp_path)) == ["01"]


def test_push_without_rights_is_explained(stranger: Connection, tmp_path: Path, write: WriteFile) -> None:
    """A role that may not create anything is told which right is missing."""
    write("20260101000001_api.sql", _API)
    with pytest.raises(DatabaseNotMigrated, match="permission denied for database"):
        push(stranger, tmp_path)


def test_files_run_by_hand_count_as_migrated(blank: Connection, tmp_path: Path, write: WriteFile) -> None:
    """A database that got its schema from psql, without any history, is served."""
    write("20260101000001_api.sql", _API)
    blank.execute(_API.encode())
    require_migrated(blank, tmp_path)
