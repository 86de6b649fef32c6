"""Privileges are those of privileges.txt, on a bare server and on one prepared as Supabase's."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from ledger_steps import Connection
from psycopg import sql

from plaintiff_moat.ledger import migrate
from plaintiff_moat.ledger.embedded import EmbeddedServer

_ROLES = ("PUBLIC", "dragonfly_app", "moat_operator", "service_role")
_OURS = ("moat_owner", "dragonfly_app", "moat_operator", "service_role")
_LETTERS = {"USAGE": "U", "SELECT": "r", "INSERT": "a", "EXECUTE": "x", "CONNECT": "C", "TEMPORARY": "T"}

# Supabase's roles and the default privileges of its databases, those for every schema: more than Supabase gives.
_AS_ON_SUPABASE = """
    create role anon nologin noinherit;
    create role authenticated nologin noinherit;
    create role service_role nologin noinherit bypassrls;
    create role migrator login createrole createdb bypassrls;
    grant anon, authenticated, service_role to migrator with admin option;
    create database prepared owner migrator;
    set session authorization migrator;
"""
_DEFAULT_PRIVILEGES = """
    alter default privileges grant all on tables to anon, authenticated, service_role;
    alter default privileges grant all on sequences to anon, authenticated, service_role;
    alter default privileges grant all on functions to anon, authenticated, service_role;
    alter default privileges grant all on types to anon, authenticated, service_role;
"""

# Every object of the schema with its owner and access list; an empty one means PostgreSQL's defaults.
_OBJECTS = """
    with objects (what, owner, acl) as (
        select
            case c.relkind
                when 'r' then 'table ' when 'v' then 'view ' when 'S' then 'sequence ' else 'relation '
            end || c.relname,
            c.relowner,
            coalesce(c.relacl, acldefault('r', c.relowner))
        from pg_class as c
        where c.relnamespace = 'ingest'::regnamespace and c.relkind not in ('i', 'c')
        union all
        select
            'function ' || p.proname
            || case when count(*) over (partition by p.proname) > 1 then '(' || oidvectortypes(p.proargtypes) || ')'
                    else '' end,
            p.proowner,
            coalesce(p.proacl, acldefault('f', p.proowner))
        from pg_proc as p
        where p.pronamespace = 'ingest'::regnamespace
        union all
        select
            case when coalesce(c.relkind, 'c') = 'c' then 'type ' || t.typname else 'row types' end,
            t.typowner,
            coalesce(t.typacl, acldefault('T', t.typowner))
        from pg_type as t
        left join pg_class as c on c.oid = t.typrelid
        where t.typnamespace = 'ingest'::regnamespace and t.typcategory <> 'A'
        union all
        select 'schema ' || n.nspname, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner))
        from pg_namespace as n
        where n.nspname in ('ingest', 'supabase_migrations')
        union all
        select 'database', d.datdba, coalesce(d.datacl, acldefault('d', d.datdba))
        from pg_database as d
        where d.datname = current_database()
    )
"""
_GRANTED = (
    _OBJECTS
    + """
    select what, case given.grantee when 0 then 'PUBLIC' else given.grantee::regrole::text end, given.privilege_type
    from objects
    left join aclexplode(acl) as given on given.grantee <> owner
    """
)
_GIVEN_AWAY = (
    _OBJECTS
    + """
    select what from objects, aclexplode(acl) as given
    where given.grantee <> owner and (given.is_grantable or given.grantor <> owner)
    """
)
_GRANTED_COLUMNS = """
    select a.attrelid::regclass::text, a.attname::text
    from pg_attribute as a
    inner join pg_class as c on c.oid = a.attrelid
    where a.attacl is not null and c.relnamespace = 'ingest'::regnamespace
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL, for the superuser, of a database with Supabase's roles, migrated by somebody who is no superuser."""
    embedded = EmbeddedServer(tmp_path_factory.mktemp("prepared") / "moat")
    try:
        with psycopg.connect(embedded.start(), autocommit=True) as conn:
            for statement in _AS_ON_SUPABASE.strip().split("\n"):
                conn.execute(statement.encode())
        with psycopg.connect(embedded.url("prepared"), user="migrator", autocommit=True) as conn:
            conn.execute(_DEFAULT_PRIVILEGES.encode())
            migrate.push(conn)
        yield embedded.url("prepared")
    finally:
        embedded.destroy()


@pytest.fixture(params=["bare", "prepared"])
def migrated(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """Connection of a superuser to a migrated database on each of the two servers."""
    url = request.getfixturevalue("db_url" if request.param == "bare" else "prepared")
    with psycopg.connect(url, autocommit=True) as conn:
        yield conn


def rows(conn: Connection, statement: str, *parameters: object) -> list[tuple[object, ...]]:
    """Return what a query on the catalogue finds."""
    return conn.execute(statement.encode(), parameters or None).fetchall()


def allowed() -> dict[str, dict[str, str]]:
    """Read privileges.txt: what each role may do with each object."""
    lines = (Path(__file__).parent / "privileges.txt").read_text(encoding="utf-8").splitlines()
    table = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    assert tuple(table[0][1:]) == _ROLES
    objects = {" ".join(cells[:-4]): dict(zip(_ROLES, cells[-4:], strict=True)) for cells in table[1:]}
    assert len(objects) == len(table) - 1
    return objects


def granted(conn: Connection) -> dict[str, dict[str, str]]:
    """Read the access lists: what each role may do with each object, further roles and privileges by their names."""
    objects: dict[str, dict[str, set[str]]] = {}
    for what, grantee, privilege in rows(conn, _GRANTED):
        held = objects.setdefault(str(what), {role: set() for role in _ROLES})
        if grantee is not None:
            held.setdefault(str(grantee), set()).add(_LETTERS.get(str(privilege), f"<{privilege}>"))
    return {
        what: {role: "".join(sorted(letters)) or "-" for role, letters in held.items()}
        for what, held in objects.items()
    }


def test_privileges_are_those_of_the_table(migrated: Connection) -> None:
    """Each object has exactly the privileges of its line; none is without a line, no line without an object."""
    found, expected = granted(migrated), allowed()
    assert {what: found[what] for what in found if found[what] != expected.get(what)} == {}
    assert expected.keys() - found.keys() == set()


def test_nothing_is_given_on(migrated: Connection) -> None:
    """Nobody may grant on what was granted; no column is granted by itself, nothing by default."""
    assert rows(migrated, _GIVEN_AWAY) == []
    columns = (
        "select attrelid::regclass::text, attname::text from pg_attribute where attacl is not null and attrelid in"
    )
    assert rows(migrated, columns + " (select oid from pg_class where relnamespace = 'ingest'::regnamespace)") == []
    assert rows(migrated, "select from pg_default_acl where defaclnamespace = 'ingest'::regnamespace") == []


def test_nobody_becomes_another(migrated: Connection) -> None:
    """None of the four roles is a member of any, and of theirs no role is that does not log in.

    A login is what somebody granted them to: the one that migrated, PostgREST's on Supabase, those of other tests.
    """
    mine = "select roleid::regrole::text from pg_auth_members where member = any (%s::regrole[])"
    assert rows(migrated, mine, list(_OURS)) == []
    theirs = """
        select m.member::regrole::text from pg_auth_members as m inner join pg_roles as r on r.oid = m.member
        where m.roleid = any (%s::regrole[]) and not r.rolcanlogin
    """
    assert rows(migrated, theirs, list(_OURS)) == []


def test_the_roles_can_nothing_of_themselves(migrated: Connection) -> None:
    """The roles that the migrations make do not log in, and have no attribute that opens anything."""
    attributes = """
        select rolname::text from pg_roles
        where rolname = any (%s)
            and (rolcanlogin or rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)
    """
    made = [role for role in _OURS if role != "service_role"]
    assert rows(migrated, attributes, made) == []


def test_everything_is_the_owners(migrated: Connection) -> None:
    """moat_owner owns every object of the schema and no other object."""
    owned = """
        select distinct d.refobjid::regrole::text, d.deptype::text, n.nspname::text
        from pg_shdepend as d
        left join pg_class as c on d.classid = 'pg_class'::regclass and c.oid = d.objid
        left join pg_proc as p on d.classid = 'pg_proc'::regclass and p.oid = d.objid
        left join pg_type as t on d.classid = 'pg_type'::regclass and t.oid = d.objid
        left join pg_namespace as n on n.oid = coalesce(
            c.relnamespace,
            p.pronamespace,
            t.typnamespace,
            case d.classid when 'pg_namespace'::regclass then d.objid end
        )
        where d.deptype = 'o'
            and (select oid from pg_database where datname = current_database()) = d.dbid
            and (n.nspname = 'ingest' or d.refobjid = 'moat_owner'::regrole)
    """
    assert rows(migrated, owned) == [("moat_owner", "o", "ingest")]


def test_row_security_and_its_policies(migrated: Connection) -> None:
    """Every table but landed_rows, which COPY could not fill with it, forces row-level security, by these policies."""
    tables = "select relname::text from pg_class where relnamespace = 'ingest'::regnamespace and relkind = 'r'"
    names = {str(name) for (name,) in rows(migrated, tables)}
    forced = {str(name) for (name,) in rows(migrated, tables + " and relrowsecurity and relforcerowsecurity")}
    assert names - forced == {"landed_rows"}
    policies = "select tablename::text, cmd, roles::text[], permissive, qual, with_check from pg_policies"
    for_owner = {(table, "ALL", ("moat_owner",), "PERMISSIVE", "true", "true") for table in forced}
    for_operators = ("import_runs", "SELECT", ("moat_operator", "service_role"), "PERMISSIVE", "true", None)
    assert {
        (table, command, tuple(sorted(roles)), kind, using, check)
        for table, command, roles, kind, using, check in rows(migrated, policies)
    } == {*for_owner, for_operators}


def test_triggers_fire_in_every_session(migrated: Connection) -> None:
    """No trigger is silenced by session_replication_role."""
    triggers = """
        select tgname::text from pg_trigger
        where tgrelid in (select oid from pg_class where relnamespace = 'ingest'::regnamespace)
            and not tgisinternal and tgenabled <> 'A'
    """
    assert rows(migrated, triggers) == []


def test_a_new_object_needs_a_line(conn: Connection) -> None:
    """A table, a function, a type or a grant that privileges.txt does not know is found."""
    before = allowed()
    for statement in (
        "create table ingest.one_more (id integer)",
        "create sequence ingest.numbers",
        "create function ingest.one_more() returns integer language sql as 'select 1'",
        "create type ingest.one_more_kind as enum ('a')",
        "grant update on ingest.import_runs to moat_operator",
        "grant select on ingest.v_plaintiffs to dragonfly_app",
        "grant create on schema ingest to dragonfly_app",
    ):
        with conn.transaction(force_rollback=True):
            conn.execute(statement.encode())
            assert granted(conn) != before, statement
    with conn.transaction(force_rollback=True):
        conn.execute(sql.SQL("grant select (id) on ingest.import_runs to dragonfly_app"))
        assert rows(
            conn, "select from pg_attribute where attacl is not null and attrelid = 'ingest.import_runs'::regclass"
        )
