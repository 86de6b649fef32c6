"""Who may do what: the importer its API, the operator what operators read, everybody else nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from ledger_steps import (
    PRIVILEGED,
    Connection,
    active,
    claim,
    fail,
    finalize,
    heartbeat,
    imported,
    land,
    reconcile,
    refused,
    rollback,
    value,
)

from plaintiff_moat.attest import make_certificate, make_checkpoint
from plaintiff_moat.audit import verify
from plaintiff_moat.ledger.evidence import record_origins

_PERSONAL = ("plaintiffs_raw", "v_plaintiffs", "v_rejects")


@contextmanager
def acting_as(conn: Connection, role: str) -> Iterator[None]:
    """Do what is inside as this role."""
    conn.execute(f"set role {role}".encode())
    yield
    conn.execute("reset role")


@contextmanager
def nobody_in_particular(conn: Connection) -> Iterator[None]:
    """Do what is inside as a role that was granted nothing; the role goes with the transaction."""
    with conn.transaction(force_rollback=True):
        conn.execute("create role nobody_in_particular")
        conn.execute("grant nobody_in_particular to current_user")  # who created it may not act as it, since 16
        conn.execute("set local role nobody_in_particular")
        yield


def names(conn: Connection, statement: str) -> set[str]:
    """Return the first column of a query on the catalogue."""
    return {name for (name,) in conn.execute(statement.encode())}


def relations(conn: Connection) -> list[str]:
    """Return every table and view of the schema, read as its owner."""
    statement = "select relname from pg_class where relnamespace = 'ingest'::regnamespace and relkind in ('r', 'v')"
    return sorted(names(conn, statement))


def refused_statement(conn: Connection, statement: str) -> None:
    """Expect that the present role lacks the privilege; a transaction around it goes on."""
    with refused(PRIVILEGED), conn.transaction():
        conn.execute(statement.encode())


def test_importer_can_do_its_whole_work(conn: Connection) -> None:
    """As dragonfly_app a delivery is claimed, kept alive, landed by COPY, published, offered again and undone."""
    with acting_as(conn, "dragonfly_app"):
        held = claim(conn, "a", expected=2)
        assert heartbeat(conn, held.run_id, held=held)
        land(conn, held, ["Ada", None])
        assert finalize(conn, held.run_id, (1, 0, 0, 0), completes=False, held=held) == "processing"
        assert reconcile(conn, held.run_id, 2, held=held)[0]
        assert claim(conn, "a").status == "duplicate"
        fail(conn, claim(conn, "b"))
        again = claim(conn, "b")
        assert finalize(conn, again.run_id, (0, 0, 0, 0), held=again) == "completed"
        assert rollback(conn, again.run_id) == (True, 0)
        assert value(conn, "select count(*) from ingest.v_landed_chunks") == 1
        assert value(conn, "select count(*) from ingest.v_latest_runs") == 2
    assert set(active(conn)) == {"Ada"}


def test_importer_cannot_do_anything_else(conn: Connection) -> None:
    """As dragonfly_app no personal data is read back, and nothing is written by hand but inserts of landed rows."""
    imported(conn, "a", ["Ada"])
    tables = names(conn, "select tablename from pg_tables where schemaname = 'ingest'")
    with acting_as(conn, "dragonfly_app"):
        for relation in (*tables, *_PERSONAL):
            refused_statement(conn, f"select from ingest.{relation}")
        for table in tables:
            refused_statement(conn, f"delete from ingest.{table}")
            refused_statement(conn, f"truncate ingest.{table}")
        for table in tables - {"landed_rows"}:
            refused_statement(conn, f"insert into ingest.{table} default values")
        refused_statement(conn, "update ingest.import_runs set status = 'completed'")
        refused_statement(conn, "update ingest.landed_rows set plaintiff_name = 'Eve'")
        refused_statement(conn, "copy ingest.landed_rows to stdout")
        refused_statement(conn, "insert into ingest.landed_rows (run_no) values (null) returning plaintiff_name")
        refused_statement(conn, "select ingest._append_event(gen_random_uuid(), 'failed', null, 1, null)")
        refused_statement(conn, "create table ingest.mine ()")
        refused_statement(conn, "alter table ingest.landed_rows disable trigger all")


def test_operator_reads_everything_and_undoes(conn: Connection) -> None:
    """As moat_operator every view is read, runs are verified and undone, and nothing is claimed or landed."""
    run_id = imported(conn, "a", ["Ada", None])
    with acting_as(conn, "moat_operator"):
        for view in (*_PERSONAL, "v_runs", "v_run_events", "v_source_system_stats", "v_duplicates_blocked"):
            conn.execute(f"select * from ingest.{view}".encode())
        assert reconcile(conn, run_id) == (True, 2, 2, 0)
        conn.execute("select * from ingest.preview_rollback(%s)", [run_id])
        conn.execute("select * from ingest.diff_runs(%s, %s)", [run_id, run_id])
        assert rollback(conn, run_id) == (True, 2)
        assert value(conn, "select ingest.release_import_run(%s, 'a mistake')", run_id)
        refused_statement(conn, "select from ingest.claim_import_run('simplicity', 'a', 'abc')")
        refused_statement(conn, "insert into ingest.landed_rows default values")
        refused_statement(conn, "update ingest.import_runs set status = 'failed'")


def test_operator_asks_for_evidence(conn: Connection) -> None:
    """As moat_operator everything is verified, checkpoints are taken, runs are certified, records are traced."""
    run_id = imported(conn, "a", ["Ada", None])
    with acting_as(conn, "moat_operator"):
        kept = make_checkpoint(conn)
        assert verify(conn, checkpoint=kept).finding is None
        assert verify(conn, run_id).finding is None
        assert make_certificate(conn, run_id).document["checkpoint"]["root"] == kept.root.hex()
        (traced,) = record_origins(conn, row=(run_id, 1))
        assert record_origins(conn, key=traced["dedupe_key"]) == [traced]
        refused_statement(conn, "delete from ingest.checkpoints")
        refused_statement(conn, "select from ingest.landed_rows")


def test_everybody_else_can_do_nothing(conn: Connection) -> None:
    """A role that was granted nothing cannot read, write or call anything of the schema."""
    imported(conn, "a", ["Ada"])
    all_relations = relations(conn)
    with nobody_in_particular(conn):
        for relation in all_relations:
            refused_statement(conn, f"select from ingest.{relation}")
        refused_statement(conn, "select from ingest.claim_import_run('simplicity', 'a', 'abc')")
        refused_statement(conn, "create table ingest.mine ()")


def test_row_security_hides_rows_from_a_grant_by_mistake(conn: Connection) -> None:
    """A role that somebody gives SELECT on a table sees no row of it, for want of a policy."""
    imported(conn, "a", ["Ada"])
    with conn.transaction(force_rollback=True):
        conn.execute("grant select on ingest.import_runs, ingest.run_events to dragonfly_app")
        conn.execute("set local role dragonfly_app")
        assert value(conn, "select count(*) from ingest.import_runs") == 0
        assert value(conn, "select count(*) from ingest.run_events") == 0
