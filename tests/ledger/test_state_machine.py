"""The state machine of a run: enforced for every writer, the owner's hand included."""

from collections.abc import Callable
from itertools import product
from uuid import UUID

import psycopg
import pytest
from ledger_steps import (
    ILLEGAL_CHANGE,
    LEASE_LOST,
    Connection,
    claim,
    counts,
    events,
    fail,
    heartbeat,
    imported,
    refused,
    rollback,
    run,
    unchanged,
    value,
)

from plaintiff_moat.audit import verify

_LEGAL = {
    ("pending", "processing"),
    ("pending", "failed"),
    ("pending", "rolled_back"),
    ("processing", "completed"),
    ("processing", "failed"),
    ("processing", "rolled_back"),
    ("failed", "processing"),
    ("failed", "rolled_back"),
    ("completed", "rolled_back"),
}
_STATES = ("pending", "processing", "completed", "failed", "rolled_back")
_CHECK_VIOLATION = "23514"

# what each state needs beside its name
_CHANGES = {
    "pending": "status = 'pending'",
    "processing": "status = 'processing', attempt = attempt + 1, claimed_at = clock_timestamp()",
    "completed": "status = 'completed', publish_seq = 99, completed_at = clock_timestamp()",
    "failed": "status = 'failed'",
    "rolled_back": "status = 'rolled_back'",
}


def _pending(conn: Connection) -> UUID:
    run_id: UUID = value(
        conn,
        "insert into ingest.import_runs (source_system, source_batch_id, file_hash)"
        " values ('simplicity', 'batch-1', 'abc') returning id",
    )
    return run_id


def _failed(conn: Connection) -> UUID:
    held = claim(conn)
    fail(conn, held)
    return held.run_id


def _rolled_back(conn: Connection) -> UUID:
    held = claim(conn)
    rollback(conn, held.run_id)
    return held.run_id


_A_RUN: dict[str, Callable[[Connection], UUID]] = {
    "pending": _pending,
    "processing": lambda conn: claim(conn).run_id,
    "completed": lambda conn: imported(conn, "batch-1", []),
    "failed": _failed,
    "rolled_back": _rolled_back,
}


def test_only_the_legal_transitions(conn: Connection) -> None:
    """Of all pairs of states, the functions can take a run along the nine that stand on the type, and no other."""
    allowed = set()
    for state, target in product(_STATES, _STATES):
        with conn.transaction(force_rollback=True):
            run_id = _A_RUN[state](conn)
            change = f"update ingest.import_runs set {_CHANGES[target]} where id = %s".encode()
            conn.execute("set local role moat_owner")  # as the functions do
            if (state, target) in _LEGAL:
                conn.execute(change, (run_id,))
                assert run(conn, run_id)["status"] == target
                allowed.add((state, target))
            elif state != target:
                with refused(ILLEGAL_CHANGE), conn.transaction():
                    conn.execute(change, (run_id,))
    assert allowed == _LEGAL


@pytest.mark.parametrize(("state", "target"), [("processing", "completed"), ("completed", "rolled_back")])
def test_what_moves_records_is_not_done_by_hand(conn: Connection, state: str, target: str) -> None:
    """An UPDATE cannot publish or undo a run, because it would not publish or undo its records."""
    run_id = _A_RUN[state](conn)
    with unchanged(conn), refused(ILLEGAL_CHANGE):
        conn.execute(f"update ingest.import_runs set {_CHANGES[target]} where id = %s".encode(), (run_id,))


@pytest.mark.parametrize("status", ["completed", "failed", "rolled_back"])
def test_run_begins_pending_or_processing(conn: Connection, status: str) -> None:
    """A run cannot be born ended."""
    with unchanged(conn), refused(ILLEGAL_CHANGE):
        conn.execute(
            "insert into ingest.import_runs (source_system, source_batch_id, file_hash, status)"
            " values ('simplicity', 'batch-1', 'abc', %s)",
            (status,),
        )


def test_illegal_changes_are_refused(conn: Connection) -> None:
    """What a run is of never changes; attempts only rise, and only by a claim; a worker does not change within one."""
    run_id = imported(conn, "batch-1", ["Ada"])
    held = claim(conn, "batch-2")
    for changed, change in (
        (run_id, "source_system = 'jbi'"),
        (run_id, "source_batch_id = 'batch-3'"),
        (run_id, "file_hash = 'def'"),
        (run_id, "import_kind = 'defendant'"),
        (run_id, "id = gen_random_uuid()"),
        (run_id, "run_no = default"),
        (run_id, "created_at = created_at - interval '1 day'"),
        (run_id, "attempt = attempt + 1"),
        (held.run_id, "attempt = attempt - 1"),
        (held.run_id, "worker_id = 'worker-2'"),
        (held.run_id, "worker_id = null"),
        (held.run_id, "status = 'failed', attempt = attempt + 1"),
    ):
        with unchanged(conn), refused(ILLEGAL_CHANGE):
            conn.execute(f"update ingest.import_runs set {change} where id = %s".encode(), (changed,))


def test_nothing_of_a_run_changes_by_hand_without_an_event(conn: Connection) -> None:
    """Of every column, a superuser's UPDATE is refused, or leaves an event, or moves the last sign of life."""
    completed = imported(conn, "batch-1", ["Ada", "Ada", None])
    failed = claim(conn, "batch-2")
    fail(conn, failed)
    held = claim(conn, "batch-3", worker="worker-1").run_id
    values = {"integer": "7", "text": "'x'", "uuid": "gen_random_uuid()", "boolean": "not {0}", "bigint": "7"}
    values["numeric"] = "7"
    special = {"status": "'failed'", "run_no": "default"}
    values |= {"jsonb": """'{"code": "X"}'""", "timestamp with time zone": "clock_timestamp()"}
    columns = conn.execute("""select attname::text, format_type(atttypid, null) from pg_attribute
        where attrelid = 'ingest.import_runs'::regclass and attnum > 0 and not attisdropped""").fetchall()
    done, refusals = set(), set()
    for run_id, (column, kind) in product((completed, failed.run_id, held), columns):
        change = special.get(column) or values[kind].replace("{0}", column)
        before = len(events(conn, run_id))
        try:
            with conn.transaction():
                conn.execute(f"update ingest.import_runs set {column} = {change} where id = %s".encode(), (run_id,))
        except psycopg.Error as refusal:
            refusals.add(refusal.sqlstate)
        else:
            done.add((run_id, column))
            assert len(events(conn, run_id)) == before + 1 or column == "updated_at" or change == "'failed'"
    assert done == {
        *((run_id, "updated_at") for run_id in (completed, failed.run_id, held)),
        *((run_id, "status") for run_id in (failed.run_id, held)),
        *((run_id, "error_details") for run_id in (failed.run_id, held)),
    }
    assert refusals == {ILLEGAL_CHANGE}
    assert verify(conn).finding is None


def test_replica_session_is_no_way_around(conn: Connection) -> None:
    """The guard and the record of events also work in a session that sets session_replication_role."""
    held = claim(conn)
    with conn.transaction():
        conn.execute("set local session_replication_role = replica")
        with refused(ILLEGAL_CHANGE), conn.transaction():
            conn.execute("update ingest.import_runs set status = 'pending'")
        conn.execute("update ingest.import_runs set status = 'failed'")
    assert events(conn, held.run_id) == ["claimed", "failed"]


@pytest.mark.parametrize("change", ["rows_inserted = 2", "rows_fetched = 4", "rows_errored = -1", "publish_seq = null"])
def test_impossible_completed_run_cannot_be_stored(conn: Connection, change: str) -> None:
    """Fetched is inserted, skipped and errored together on every completed run; and it has its order."""
    run_id = imported(conn, "batch-1", ["Ada", "Ada", None])
    assert counts(conn, run_id) == (3, 1, 1, 1)
    with unchanged(conn), refused(_CHECK_VIOLATION), conn.transaction():
        conn.execute("set local role moat_owner")
        conn.execute(f"update ingest.import_runs set {change} where id = %s".encode(), (run_id,))


def test_impossible_open_run_cannot_be_stored(conn: Connection) -> None:
    """No run is completed by hand whose counts do not add up, none is held without a lease, none is of nothing."""
    held = claim(conn, expected=5)
    miscounted = _CHANGES["completed"] + ", rows_fetched = 5"
    for change in (miscounted, "claimed_at = null", "rolled_back_at = clock_timestamp()"):
        with unchanged(conn), refused(_CHECK_VIOLATION), conn.transaction():
            conn.execute("set local role moat_owner")
            conn.execute(f"update ingest.import_runs set {change} where id = %s".encode(), (held.run_id,))
    with unchanged(conn), refused(_CHECK_VIOLATION):
        conn.execute("insert into ingest.import_runs (source_system, source_batch_id, file_hash) values ('', 'b', 'c')")


def test_second_live_run_of_a_delivery_cannot_be_stored(conn: Connection) -> None:
    """One delivery has one run that is not rolled back, whoever writes; undone ones it may have many of."""
    insert = (
        "insert into ingest.import_runs (source_system, source_batch_id, file_hash) values ('s', 'b', 'h') returning id"
    )
    for _ in range(2):
        run_id = value(conn, insert)
        with unchanged(conn), refused("23505"):
            conn.execute(insert)
        rollback(conn, run_id)


def test_manual_abort_fences_the_worker(conn: Connection) -> None:
    """After the runbook's UPDATE the worker's next call is refused and the run can be claimed."""
    held = claim(conn, worker="worker-1")
    before = run(conn, held.run_id)["updated_at"]
    conn.execute("update ingest.import_runs set status = 'failed' where id = %s", (held.run_id,))
    assert run(conn, held.run_id)["updated_at"] > before
    with refused(LEASE_LOST):
        heartbeat(conn, held.run_id, held=held)
    assert claim(conn, worker="worker-2").attempt == 2


def test_legal_transitions_stand_on_the_type(conn: Connection) -> None:
    """In psql one sees the state machine: the type's comment names every legal transition."""
    comment = value(conn, "select obj_description('ingest.import_status'::regtype, 'pg_type')")
    named = {
        (line.split(" -> ")[0].strip(), target.strip().split(" ")[0])
        for line in comment.removeprefix("State of a run: ").split(";")
        if " -> " in line
        for target in line.split(" -> ")[1].split("|")
    }
    assert named - {("processing", "processing")} == _LEGAL
