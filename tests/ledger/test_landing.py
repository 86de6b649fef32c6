"""Landing: a chunk under a current lease, whole and once, or nothing of it; and never touched again."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from ledger_steps import (
    APPEND_ONLY,
    LEASE_LOST,
    NO_SUCH_RUN,
    NOT_ANNOUNCED,
    Claim,
    Connection,
    active,
    announce,
    claim,
    copy_rows,
    counts,
    details_of,
    events,
    fail,
    finalize,
    heartbeat,
    imported,
    land,
    make_stale,
    outcomes,
    processing,
    reconcile,
    refused,
    rollback,
    run,
    unchanged,
    until_blocked,
    value,
)

_ABORT = "update ingest.import_runs set status = 'failed' where id = %s"
_UNIQUE_VIOLATION = "23505"
_CHECK_VIOLATION = "23514"


def test_chunks_land_side_by_side(conn: Connection, importer: Connection) -> None:
    """Two open transactions land chunks of one run, in any order, and neither waits for the other."""
    held = claim(conn, expected=3)
    with importer.transaction(), conn.transaction():
        announce(importer, held, 1, chunk=1, first_row=3)
        copy_rows(importer, held, ["Mary"], chunk=1, first_row=3)
        land(conn, held, ["Ada", "Grace"])
    assert reconcile(conn, held.run_id, 3, held=held)[0]


@pytest.mark.parametrize("ended", ["completed", "failed", "aborted", "rolled back", "reclaimed"])
def test_no_landing_without_a_lease(conn: Connection, ended: str) -> None:
    """Once the run has ended, or is at a later attempt, neither an announcement nor rows are taken."""
    held = processing(conn, "batch-1", ["Ada"])
    if ended == "completed":
        reconcile(conn, held.run_id, 1, held=held)
    elif ended == "failed":
        fail(conn, held)
    elif ended == "aborted":
        conn.execute(_ABORT, (held.run_id,))
    elif ended == "rolled back":
        rollback(conn, held.run_id)
    else:
        claim(conn, "batch-1")
    with unchanged(conn):
        with refused(LEASE_LOST):
            announce(conn, held, 1, chunk=1, first_row=2)
        # of a run that goes on, rows by themselves do not tell whose they are: they are not those of any announcement
        with refused(NOT_ANNOUNCED if ended == "reclaimed" else LEASE_LOST):
            copy_rows(conn, held, ["Grace"], chunk=1, first_row=2)


@pytest.mark.parametrize("how", ["taken over", "aborted", "rolled back"])
def test_lease_lost_between_announcement_and_rows(conn: Connection, importer: Connection, how: str) -> None:
    """The guard looks again at the end of the copying: the chunk of a lease lost meanwhile leaves nothing behind."""
    held = claim(conn, "batch-1", worker="worker-1")
    with refused(LEASE_LOST), importer.transaction():
        announce(importer, held, 1)
        if how == "taken over":
            make_stale(conn, held.run_id)
            assert claim(conn, "batch-1", worker="worker-2").status == "claimed"
        elif how == "aborted":
            conn.execute(_ABORT, (held.run_id,))
        else:
            rollback(conn, held.run_id)
        copy_rows(importer, held, ["Ada"])
    assert value(conn, "select count(*) from ingest.landed_rows") == 0
    assert value(conn, "select count(*) from ingest.landed_chunks") == 0


def test_landing_waits_for_a_takeover(conn: Connection, importer: Connection) -> None:
    """Rows that arrive while a takeover is being committed wait for it, and are then refused."""
    held = claim(conn, "batch-1", worker="worker-1")
    make_stale(conn, held.run_id)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(conn.info.dsn, autocommit=True) as watcher:
        with conn.transaction():
            assert claim(conn, "batch-1", worker="worker-2").attempt == 2
            landing = pool.submit(land, importer, held, ["Ada"])
            until_blocked(watcher, importer)
        with refused(LEASE_LOST):
            landing.result()
    assert value(conn, "select count(*) from ingest.landed_chunks") == 0


@pytest.mark.parametrize("change", ["takeover", "manual abort", "rollback", "failure", "publication"])
def test_change_of_owner_or_state_waits_for_a_landing(conn: Connection, importer: Connection, change: str) -> None:
    """Whatever changes the run's holder or state waits until the chunk that passed the guard is committed."""
    held = claim(conn, "batch-1", worker="worker-1", expected=1)
    make_stale(conn, held.run_id)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(conn.info.dsn, autocommit=True) as watcher:
        with importer.transaction():
            announce(importer, held, 1)
            copy_rows(importer, held, ["Ada"])
            changing = pool.submit(_change, conn, held, change)
            until_blocked(watcher, conn)
        changing.result()
    row = run(conn, held.run_id)
    state = (row["status"], row["attempt"], outcomes(conn, held.run_id))
    assert (
        state
        == {
            "takeover": ("processing", 2, ["pending"]),
            "manual abort": ("failed", 1, ["pending"]),
            "rollback": ("rolled_back", 1, ["rolled_back"]),
            "failure": ("failed", 1, ["pending"]),
            "publication": ("completed", 1, ["inserted"]),
        }[change]
    )


def _change(conn: Connection, held: Claim, change: str) -> None:
    if change == "takeover":
        assert claim(conn, "batch-1", worker="worker-2").status == "claimed"
    elif change == "manual abort":
        conn.execute(_ABORT, (held.run_id,))
    elif change == "rollback":
        assert rollback(conn, held.run_id) == (True, 1)
    elif change == "failure":
        fail(conn, held)
    else:
        assert reconcile(conn, held.run_id, held=held)[0]


def test_sign_of_life_does_not_wait_for_a_landing(conn: Connection, importer: Connection) -> None:
    """A heartbeat and a progress report go through while a chunk is being copied."""
    held = claim(conn)
    conn.execute("set statement_timeout = '2s'")
    with importer.transaction():
        announce(importer, held, 1)
        copy_rows(importer, held, ["Ada"])
        assert heartbeat(conn, held.run_id, held=held)
    assert outcomes(conn, held.run_id) == ["pending"]


def test_chunks_of_one_run_do_not_wait_for_its_heartbeat(conn: Connection, importer: Connection) -> None:
    """A chunk lands while a heartbeat's transaction is still open."""
    held = claim(conn)
    importer.execute("set statement_timeout = '2s'")
    with conn.transaction():
        assert heartbeat(conn, held.run_id, held=held)
        land(importer, held, ["Ada"])


def test_rows_without_announcement_are_refused(conn: Connection) -> None:
    """Rows count only as a chunk that open_chunk announced."""
    held = claim(conn)
    with unchanged(conn), refused(NOT_ANNOUNCED):
        copy_rows(conn, held, ["Ada"])


def test_announcement_without_rows_is_refused(conn: Connection) -> None:
    """A transaction that announces a chunk and does not copy it is refused: the chunk would be lost for good."""
    held = claim(conn)
    with unchanged(conn), refused(NOT_ANNOUNCED):
        announce(conn, held, 2)


@pytest.mark.parametrize(
    ("records", "first_row", "chunk"),
    [(1, 1, 0), (3, 1, 0), (2, 2, 0), (2, 1, 1)],
    ids=["more", "fewer", "row", "chunk"],
)
def test_rows_other_than_announced_are_refused(conn: Connection, records: int, first_row: int, chunk: int) -> None:
    """More rows, fewer, other row numbers or another chunk: nothing of it is kept."""
    held = claim(conn)
    with unchanged(conn), refused(NOT_ANNOUNCED), conn.transaction():
        announce(conn, held, records, first_row=first_row, chunk=chunk)
        copy_rows(conn, held, ["Ada", "Grace"])


def test_rows_with_a_gap_are_refused(conn: Connection) -> None:
    """As many rows as announced, up to the last one announced, are still not the rows that were announced."""
    held = claim(conn)
    with unchanged(conn), refused(NOT_ANNOUNCED), conn.transaction():
        announce(conn, held, 2, first_row=2)
        copy_rows(conn, held, ["Ada", "Grace"], numbers=[1, 3])


def test_rows_of_another_attempt_are_refused(conn: Connection) -> None:
    """An announcement made under the former attempt does not cover rows that are copied under the present one."""
    former = claim(conn)
    with refused(LEASE_LOST), conn.transaction():
        announce(conn, former, 1)
        copy_rows(conn, claim(conn), ["Ada"])


def test_chunk_lands_once(conn: Connection) -> None:
    """Announced again, under a later attempt too, a landed chunk is recognised; another one in its place is refused."""
    held = claim(conn, expected=2)
    land(conn, held, ["Ada", "Grace"])
    again = claim(conn, expected=2)
    with unchanged(conn):
        assert not announce(conn, again, 2)
        with refused(NOT_ANNOUNCED):
            announce(conn, again, 3)
        with pytest.raises(psycopg.Error):
            land(conn, again, ["Ada", "Grace"])
    assert reconcile(conn, again.run_id, held=again) == (True, 2, 2, 0)


@pytest.mark.parametrize("ended", ["taken over", "completed"])
def test_an_announcement_without_rows_needs_a_lease_too(conn: Connection, importer: Connection, ended: str) -> None:
    """A chunk of no records is fenced like any other, at the end of its transaction."""
    held = processing(conn, "batch-1", ["Ada"])
    with refused(LEASE_LOST), importer.transaction():
        announce(importer, held, 0, chunk=1, first_row=2)
        if ended == "completed":
            assert reconcile(conn, held.run_id, 1, held=held)[0]
        else:
            make_stale(conn, held.run_id)
            claim(conn, "batch-1", worker="worker-2")
    assert value(conn, "select count(*) from ingest.landed_chunks") == 1


def test_a_digest_is_a_hash_and_nothing_else(conn: Connection) -> None:
    """What stands in a chunk's digest is shown to auditors: no text of a caller's gets there."""
    held = claim(conn)
    with unchanged(conn), refused("22023"):
        conn.execute("select ingest.open_chunk(%s, 1, 0, 0, 9, 1, 1, 'ssn 123-45-6789')", (held.run_id,))


def test_refusal_is_recorded(conn: Connection) -> None:
    """A worker that was refused leaves an event that names its attempt; one that holds the lease leaves none."""
    held = claim(conn, "batch-1", worker="worker-1")
    make_stale(conn, held.run_id)
    successor = claim(conn, "batch-1", worker="worker-2")
    record = "select ingest.record_refusal(%s, 'land', %s, %s)"
    assert value(conn, record, held.run_id, "worker-1", held.attempt) is True
    assert events(conn, held.run_id)[-1] == "write_refused"
    assert details_of(conn, held.run_id, "write_refused") == {
        "operation": "land",
        "attempt": held.attempt,
        "status": "processing",
    }
    with unchanged(conn):
        assert value(conn, record, held.run_id, "worker-2", successor.attempt) is False
        assert value(conn, record, held.run_id, None, None) is False
        assert value(conn, record, uuid4(), "worker-1", 1) is False


def test_row_lands_once(conn: Connection) -> None:
    """Chunks that overlap are refused: a row number belongs to one chunk."""
    held = claim(conn)
    land(conn, held, ["Ada", "Grace"])
    with unchanged(conn), refused(_UNIQUE_VIOLATION):
        land(conn, held, ["Grace", "Mary"], chunk=1, first_row=2)


def test_unknown_run_is_said_to_be_unknown(conn: Connection) -> None:
    """Neither an announcement nor rows are taken for a run that does not exist."""
    nothing = Claim(value(conn, "select gen_random_uuid()"), 0, "claimed", 1, "worker-1")
    with unchanged(conn):
        with refused(NO_SUCH_RUN):
            announce(conn, nothing, 1)
        with refused(NO_SUCH_RUN):
            copy_rows(conn, nothing, ["Ada"])


def test_record_is_valid_or_rejected(conn: Connection) -> None:
    """A record has a key or an error, never both and never neither; without an error it has a name."""
    held = claim(conn)
    for key, error, name in (
        ("gen_random_uuid()", "'BAD'", "'Ada'"),
        ("null", "null", "'Ada'"),
        ("gen_random_uuid()", "null", "null"),
    ):
        with unchanged(conn), refused(_CHECK_VIOLATION), conn.transaction():
            announce(conn, held, 1)
            conn.execute(
                "insert into ingest.landed_rows (run_no, row_number, chunk_no, line_start,"
                f" dedupe_key, error_code, plaintiff_name) values (%s, 1, 0, 2, {key}, {error}, {name})".encode(),
                (held.run_no,),
            )


@pytest.mark.parametrize("role", ["origin", "replica"])
def test_evidence_is_append_only(conn: Connection, role: str) -> None:
    """Nobody, the owner included, updates or deletes landed rows, chunks or events, nor deletes runs or keys."""
    imported(conn, "batch-1", ["Ada", None])
    with unchanged(conn):
        for table, column in (("landed_rows", "city"), ("landed_chunks", "attempt"), ("run_events", "attempt")):
            _refused_as(conn, role, f"update ingest.{table} set {column} = {column}")
        for table in ("landed_rows", "landed_chunks", "run_events", "import_runs", "plaintiff_keys"):
            _refused_as(conn, role, f"delete from ingest.{table}")
            _refused_as(conn, role, f"truncate ingest.{table} cascade")


def _refused_as(conn: Connection, role: str, statement: str) -> None:
    with refused(APPEND_ONLY), conn.transaction():
        conn.execute(f"set local session_replication_role = {role}".encode())
        conn.execute(statement.encode())


def test_guard_also_stands_in_a_replica_session(conn: Connection) -> None:
    """A session that sets session_replication_role is held to lease and announcement like any other."""
    held = claim(conn)
    fail(conn, held)
    with refused(LEASE_LOST), conn.transaction():
        conn.execute("set local session_replication_role = replica")
        copy_rows(conn, held, ["Ada"])


def test_crash_between_chunks_is_continued(conn: Connection) -> None:
    """The next attempt lands only the chunks that are missing; rows of both attempts are published together."""
    held = claim(conn, worker="worker-1", expected=3)
    land(conn, held, ["Ada"])
    make_stale(conn, held.run_id)
    taken = claim(conn, worker="worker-2", expected=3)
    land(conn, taken, ["Grace", None], chunk=1, first_row=2)
    assert reconcile(conn, taken.run_id, 3, held=taken) == (True, 3, 3, 0)
    assert set(active(conn)) == {"Ada", "Grace"}
    assert counts(conn, taken.run_id) == (3, 2, 0, 1)
    assert events(conn, taken.run_id) == ["claimed", "taken_over", "completed", "reconciled"]


def test_missing_chunk_is_not_published(conn: Connection) -> None:
    """A run of which a chunk is missing fails at its end, and completes once the next attempt has landed it."""
    held = claim(conn, expected=2)
    land(conn, held, ["Ada"])
    assert reconcile(conn, held.run_id, 2, held=held) == (False, 2, 1, -1)
    assert active(conn) == {}
    again = claim(conn, expected=2)
    land(conn, again, ["Grace"], chunk=1, first_row=2)
    assert finalize(conn, again.run_id, (2, 2, 0, 0), held=again) == "completed"
