"""What stands in the ledger is not changed: not by who uses it, and not by its owner while the triggers stand."""

from collections.abc import Iterator

import psycopg
import pytest
from ledger_steps import (
    APPEND_ONLY,
    ILLEGAL_CHANGE,
    LEASE_LOST,
    Connection,
    announce,
    claim,
    copy_rows,
    imported,
    processing,
    refused,
    unchanged,
)
from psycopg import sql

from plaintiff_moat.ledger.embedded import EmbeddedServer
from tests.servers.clusters import Cluster

# Refusals for want of a privilege: of the privilege itself, and of a name that is reserved to superusers.
_NOT_ALLOWED = {"42501", "42939"}

_STATEMENTS = (
    "set session_replication_role = replica",
    "set role moat_owner",
    "set session authorization moat_owner",
    "grant moat_owner to current_user",
    "alter role current_user superuser",
    "alter schema ingest owner to current_user",
    "alter system set fsync = off",
    "create table ingest.mine ()",
    "create or replace function ingest.redact(p_text text) returns text language sql as 'select p_text'",
    "alter function ingest.redact(text) reset all",
    "alter function ingest._require_lease(ingest.import_runs, text, integer) owner to current_user",
    "drop schema ingest cascade",
    "drop owned by moat_owner",
    "reassign owned by moat_owner to current_user",
    "grant all on all tables in schema ingest to current_user",
    "alter default privileges for role moat_owner grant all on tables to current_user",
    "alter type ingest.import_status add value 'approved'",
    "create or replace view ingest.v_plaintiffs as select 1",
    "copy ingest.run_events from program 'true'",
    "copy ingest.landed_rows to '/tmp/stolen'",
    "create function pg_temp.f() returns integer language c as 'libc', 'getpid'",
    "create event trigger mine on ddl_command_end execute function ingest._refuse_change()",
    "select ingest._append_event(gen_random_uuid(), 'completed', null, 1, null)",
    "select ingest._take_keys(gen_random_uuid())",
    "select ingest._complete(gen_random_uuid(), 1, 1, 0)",
    "insert into ingest.landed_rows (run_no) values (null) returning run_no",
    "update ingest.import_runs set status = 'failed'",
    "select from ingest.import_runs for update",
)
_OF_EACH_TABLE = (
    "update {} set {} = {}",
    "delete from {}",
    "truncate {}",
    "copy {} to stdout",
    "do $$ begin lock table {} in access exclusive mode; end $$",
    "alter table {} disable trigger all",
    "alter table {} no force row level security",
    "alter table {} add column mine integer",
    "create trigger mine before insert on {} for each row execute function ingest._refuse_change()",
    "create policy mine on {} using (true)",
    "create rule mine as on insert to {} do instead nothing",
    "comment on table {} is 'mine'",
    "drop table {}",
)
# What a role may do, of the above: read the runs, write landed rows under a lease.
_MAY = {
    "dragonfly_app": set[str](),
    "moat_operator": {"copy ingest.import_runs to stdout"},
    "service_role": {"copy ingest.import_runs to stdout"},
}


@pytest.fixture(params=list(_MAY))
def member(request: pytest.FixtureRequest, conn: Connection, db_url: str) -> Iterator[Connection]:
    """Connection of a login that is a member of one group role and of nothing else."""
    name = sql.Identifier(f"member_{conn.info.dbname}")
    conn.execute(sql.SQL("create role {} login in role {}").format(name, sql.Identifier(request.param)))
    conn.execute(sql.SQL("grant {} to current_user").format(name))  # so that who is no superuser can clear up
    with psycopg.connect(db_url, user=name.as_string().strip('"'), autocommit=True) as connection:
        yield connection
    conn.execute(sql.SQL("drop owned by {}").format(name))
    conn.execute(sql.SQL("drop role {}").format(name))


def tables(conn: Connection) -> dict[str, str]:
    """Return every table with the name of a column of it."""
    statement = """
        select c.relname::text, a.attname::text
        from pg_class as c
        inner join pg_attribute as a on a.attrelid = c.oid and a.attnum = 1
        where c.relnamespace = 'ingest'::regnamespace and c.relkind = 'r'
    """
    return dict(conn.execute(statement.encode()).fetchall())


def test_a_member_changes_nothing(request: pytest.FixtureRequest, conn: Connection, member: Connection) -> None:
    """Importer, operator and service role are refused whatever would change the ledger or their own rights."""
    imported(conn, "a", ["Ada", None])
    role = request.node.callspec.params["member"]
    attempts = list(_STATEMENTS)
    for table, column in tables(conn).items():
        name = f"ingest.{table}"
        attempts += [statement.format(name, column, column) for statement in _OF_EACH_TABLE]
        if table != "landed_rows" or role == "moat_operator":
            attempts.append(f"insert into {name} default values")
    with unchanged(conn):
        for attempt in attempts:
            if attempt in _MAY[role]:
                continue
            with pytest.raises(psycopg.Error) as refusal:
                member.execute(attempt.encode())
            assert refusal.value.sqlstate in _NOT_ALLOWED, (attempt, refusal.value.sqlstate)


def test_a_lease_is_no_way_into_another_run(conn: Connection) -> None:
    """With INSERT on landed_rows nothing lands in a run that ended, under another attempt, or unannounced."""
    done = claim(conn, "a", expected=0)
    conn.execute("select ingest.reconcile_import_run(%s, 0, %s, %s)", (done.run_id, done.worker, done.attempt))
    held = processing(conn, "b", ["Ada"])
    conn.execute("set role dragonfly_app")
    for run, sqlstate in ((done, LEASE_LOST), (held, "ML006")):
        with refused(sqlstate), conn.transaction():
            copy_rows(conn, run, ["Eve"], chunk=7, first_row=8)
    with refused(LEASE_LOST), conn.transaction():
        announce(conn, held, 1, chunk=1, first_row=2, attempt=held.attempt + 1)
    conn.execute("reset role")


# What the owner, or a superuser, is refused as long as he leaves the triggers alone.
_BY_THE_OWNER = (
    ("update ingest.landed_rows set plaintiff_name = 'Eve'", APPEND_ONLY),
    ("delete from ingest.landed_rows", APPEND_ONLY),
    ("truncate ingest.landed_rows", APPEND_ONLY),
    ("update ingest.landed_chunks set digest = 'ff'", APPEND_ONLY),
    ("delete from ingest.landed_chunks", APPEND_ONLY),
    ("update ingest.run_events set actor = 'nobody'", APPEND_ONLY),
    ("delete from ingest.run_events where seq > 1", APPEND_ONLY),
    ("truncate ingest.run_events", APPEND_ONLY),
    ("delete from ingest.plaintiff_keys", APPEND_ONLY),
    ("delete from ingest.import_runs", APPEND_ONLY),
    ("truncate ingest.import_runs", APPEND_ONLY),
    ("insert into ingest.landed_rows select * from ingest.landed_rows", "23505"),
    ("update ingest.import_runs set file_hash = 'ff'", ILLEGAL_CHANGE),
    ("update ingest.import_runs set run_no = default", ILLEGAL_CHANGE),
    ("update ingest.import_runs set attempt = 0", ILLEGAL_CHANGE),
    ("update ingest.import_runs set status = 'processing'", ILLEGAL_CHANGE),
    ("update ingest.import_runs set status = 'rolled_back'", ILLEGAL_CHANGE),
    ("update ingest.import_runs set rows_inserted = 7", ILLEGAL_CHANGE),
    ("update ingest.import_runs set filename = 'b.csv'", ILLEGAL_CHANGE),
    ("update ingest.import_runs set completed_at = completed_at - interval '1 day'", ILLEGAL_CHANGE),
)
# What its functions do, the owner can do by hand: where that leaves no event, verification finds it.
_OWNER_MAY = {
    "update ingest.import_runs set status = 'rolled_back'",
    "update ingest.import_runs set rows_inserted = 7",
    "update ingest.import_runs set filename = 'b.csv'",
    "update ingest.import_runs set completed_at = completed_at - interval '1 day'",
}


@pytest.fixture
def superuser(server: EmbeddedServer | Cluster, conn: Connection) -> Iterator[Connection]:
    """Connection of the server's superuser, to the database of `conn`."""
    if not isinstance(server, Cluster):
        yield conn
        return
    with psycopg.connect(server.url(conn.info.dbname, user=server.superuser), autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("role", ["none", "moat_owner"])
@pytest.mark.parametrize("replication_role", ["origin", "replica"])
def test_the_triggers_hold_for_the_owner(superuser: Connection, role: str, replication_role: str) -> None:
    """Superuser and owner are refused by the triggers, also in a session that silences ordinary ones."""
    imported(superuser, "a", ["Ada", None])
    superuser.execute(f"set session_replication_role = {replication_role}".encode())
    superuser.execute(f"set role {role}".encode())
    with unchanged(superuser):
        for statement, sqlstate in _BY_THE_OWNER:
            if role == "moat_owner" and statement in _OWNER_MAY:
                continue
            with refused(sqlstate):
                superuser.execute(statement.encode())
