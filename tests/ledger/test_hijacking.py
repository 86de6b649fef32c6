"""A caller's own objects and settings change nothing of what the functions do, nor run with the owner's rights."""

from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest
from ledger_steps import (
    PRIVILEGED,
    Connection,
    active,
    claim,
    events,
    imported,
    outcomes,
    processing,
    reconcile,
    refused,
    rollback,
    run,
    unchanged,
)
from psycopg import sql

_PATH = "search_path=pg_catalog, pg_temp"

# Settings that any user may choose and that bend how PostgreSQL reads, compares, plans or prints.
_SETTINGS = (
    "search_path = pg_temp, public, ingest",
    "standard_conforming_strings = off",
    "transform_null_equals = on",
    "datestyle = 'Postgres, DMY'",
    "intervalstyle = sql_standard",
    "timezone = 'Pacific/Kiritimati'",
    "bytea_output = escape",
    "extra_float_digits = -15",
    "array_nulls = off",
    "enable_indexscan = off",
    "enable_seqscan = off",
    "work_mem = '64kB'",
    "quote_all_identifiers = on",
    "row_security = on",
)

# What stands in for our tables, and for the types, functions and operators of PostgreSQL that we use.
_TYPES = ("text", "uuid", "jsonb", "bytea", "int4", "int8", "bool", "numeric", "timestamptz", "interval", "date")
_FUNCTIONS = (
    ("clock_timestamp()", "timestamptz", "null"),
    ("current_setting(pg_catalog.text)", "text", "$1"),
    ("lower(pg_catalog.text)", "text", "$1"),
    ("trim(pg_catalog.text)", "text", "$1"),
    ("sha256(pg_catalog.bytea)", "bytea", "$1"),
    ("jsonb_strip_nulls(pg_catalog.jsonb)", "jsonb", "$1"),
)
_OPERATORS = (("=", "uuid"), ("=", "text"), ("<>", "text"), ("<>", "jsonb"), ("=", "int4"), ("||", "jsonb"))

# A call of every function but those of triggers, with a value for each parameter.
_CALLS = """
    select format(
        'select ingest.%%I(%%s)',
        p.proname,
        (
            select string_agg(coalesce(example.value, 'null') || '::' || format('%%I.%%I', n.nspname, t.typname), ', '
                order by a.place)
            from unnest(p.proargtypes) with ordinality as a (kind, place)
            inner join pg_type as t on t.oid = a.kind
            inner join pg_namespace as n on n.oid = t.typnamespace
            left join (
                values ('text', '''simplicity'''), ('int4', '1'), ('int8', '1'), ('bool', 'true'), ('jsonb', '''{}'''),
                    ('uuid', quote_literal(%(run)s)), ('_uuid', format('array[%%L]', %(run)s))
            ) as example (kind, value) on example.kind = t.typname
        )
    )
    from pg_proc as p
    where p.pronamespace = 'ingest'::regnamespace and p.prorettype <> 'trigger'::regtype
    order by 1
"""


@pytest.fixture
def caller(conn: Connection, db_url: str) -> Iterator[Connection]:
    """Connection of a member of all group roles, who may create in public and call every function by itself."""
    name = sql.Identifier(f"caller_{conn.info.dbname}")
    conn.execute(sql.SQL("create role {} login in role dragonfly_app, moat_operator, service_role").format(name))
    conn.execute(sql.SQL("grant {} to current_user").format(name))  # so that who is no superuser can clear up
    conn.execute(sql.SQL("grant create on schema public to {}").format(name))
    conn.execute(sql.SQL("grant execute on all functions in schema ingest to {}").format(name))
    with psycopg.connect(db_url, user=name.as_string().strip('"'), autocommit=True) as connection:
        yield connection
    conn.execute(sql.SQL("drop owned by {} cascade").format(name))
    conn.execute(sql.SQL("drop role {}").format(name))


@pytest.fixture
def caught(conn: Connection, caller: Connection) -> list[str]:
    """Names of those with whose rights a stand-in ran; the caller has one for all that a function could name."""
    users: list[str] = []
    caller.add_notice_handler(lambda notice: users.append(str(notice.message_primary)))
    tables = [name for (name,) in conn.execute("select tablename from pg_tables where schemaname = 'ingest'")]
    for schema in ("public", "pg_temp"):
        for statement in _stand_ins(schema, [*tables, "pg_class", "pg_roles"]):
            caller.execute(statement.encode())
    caller.execute("set search_path = pg_temp, public, pg_catalog")
    return users


def _stand_ins(schema: str, tables: list[str]) -> Iterator[str]:
    report = f"perform {schema}.report()"
    yield (
        f"create function {schema}.report() returns pg_catalog.bool language plpgsql as"
        " $$ begin raise warning '%', current_user; return true; end $$"
    )
    for table in tables:
        yield f"create table {schema}.{table} (id pg_catalog.int4)"
    for call, kind, answer in _FUNCTIONS:
        body = f"$$ begin {report}; return {answer}; end $$"
        yield f"create function {schema}.{call} returns pg_catalog.{kind} language plpgsql as {body}"
    for number, (symbol, kind) in enumerate(_OPERATORS):
        result, answer = ("jsonb", "$1") if symbol == "||" else ("bool", "true")
        named = f"{schema}.operator_{number}"
        yield (
            f"create function {named}(pg_catalog.{kind}, pg_catalog.{kind}) returns pg_catalog.{result}"
            f" language plpgsql as $$ begin {report}; return {answer}; end $$"
        )
        sides = f"leftarg = pg_catalog.{kind}, rightarg = pg_catalog.{kind}"
        yield f"create operator {schema}.{symbol} ({sides}, function = {named})"
    for kind in _TYPES:
        yield f"create domain {schema}.{kind} as pg_catalog.{kind} check ({schema}.report())"


def call_everything(conn: Connection, caller: Connection) -> None:
    """Call every function as it is found in the catalogue; that most refuse what they are given is no matter."""
    run_id = imported(conn, "a", ["Ada", None])
    calls = [call for (call,) in conn.execute(_CALLS.encode(), {"run": str(run_id)})]
    assert len(calls) > 20
    for call in calls:
        with suppress(psycopg.Error):
            caller.execute(call.encode())


def test_stand_ins_never_run_as_the_owner(conn: Connection, caller: Connection, caught: list[str]) -> None:
    """Tables, functions, operators and types of the caller's, in its temporary schema and in public, are not used."""
    call_everything(conn, caller)
    first = imported(caller, "b", ["Ada", "Ben", None])
    second = imported(caller, "c", ["Ben", "Cyd"])
    caller.execute("select ingest.rollback_import_run(%s, 'bad')", [first])
    assert "moat_owner" not in caught
    assert set(active(conn)) == {"Ben", "Cyd"}
    assert outcomes(conn, second) == ["inserted", "inserted"]
    assert conn.execute("select count(*) from public.import_runs").fetchone() == (0,)


def test_stand_ins_would_run_under_an_empty_path(conn: Connection, caller: Connection, caught: list[str]) -> None:
    """The traps are good: with an empty search_path, which looks safe, they run with the owner's rights."""
    for (function,) in conn.execute(
        "select oid::regprocedure::text from pg_proc where pronamespace = 'ingest'::regnamespace and prosecdef"
    ).fetchall():
        conn.execute(f"alter function {function} set search_path = ''".encode())
    call_everything(conn, caller)
    assert "moat_owner" in caught


def test_every_function_says_its_path(conn: Connection) -> None:
    """Each function, whosever rights it has, looks names up in pg_catalog and reads literals as they are written."""
    functions = conn.execute(
        "select oid::regprocedure::text, proconfig from pg_proc where pronamespace = 'ingest'::regnamespace"
    ).fetchall()
    wanted = {_PATH, "standard_conforming_strings=on"}
    assert [name for name, settings in functions if not wanted <= set(settings or ())] == []


@pytest.mark.parametrize("setting", _SETTINGS)
def test_settings_of_the_session_change_nothing(conn: Connection, caller: Connection, setting: str) -> None:
    """Whatever a caller sets, its delivery is the one that it was, its numbers are hidden and its chain holds."""
    imported(conn, "a", ["Ada"])
    caller.execute(f"set {setting}".encode())
    assert claim(caller, "a", system=" SIMPLICITY  ").status == "duplicate"
    held = processing(caller, "b", ["Ada", "Ben", None])
    assert reconcile(caller, held.run_id, 3, held=held) == (True, 3, 3, 0)
    assert outcomes(conn, held.run_id) == ["skipped", "inserted", "failed"]
    assert rollback(caller, held.run_id, "SSN 219-09-9999, card 4111 1111 1111 1111") == (True, 3)
    undone = run(conn, held.run_id)
    assert undone["source_system"] == "simplicity"
    assert undone["rollback_reason"] == "SSN [SSN_REDACTED], card [CARD_REDACTED]"
    assert events(conn, held.run_id) == ["claimed", "completed", "reconciled", "rolled_back"]
    wrong = "select count(*) from ingest.run_events as e where e.hash <> ingest._event_hash(e)"
    assert conn.execute(wrong).fetchone() == (0,)
    assert set(active(conn)) == {"Ada"}


def test_row_security_off_opens_nothing(conn: Connection, caller: Connection) -> None:
    """With row_security off, a caller is refused, rather than served from tables without their policies."""
    imported(conn, "a", ["Ada"])
    caller.execute("set row_security = off")
    with unchanged(conn):
        for statement in (
            "select ingest.claim_import_run('simplicity', 'b', 'c')",
            "select from ingest.plaintiff_keys",
        ):
            with refused(PRIVILEGED):
                caller.execute(statement.encode())
