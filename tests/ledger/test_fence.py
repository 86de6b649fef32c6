"""The fence: whoever writes under a lease holds the lock of its run, and sees the run as it is."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from ledger_steps import (
    LEASE_LOST,
    Connection,
    announce,
    claim,
    copy_rows,
    heartbeat,
    make_stale,
    processing,
    refused,
    unchanged,
    until_blocked,
    value,
)


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
@pytest.mark.parametrize("records", [["Eve"], []], ids=["rows", "no rows"])
def test_landing_needs_read_committed(conn: Connection, importer: Connection, level: str, records: list[str]) -> None:
    """A transaction that sees the run as it was before a heartbeat does not see that it was taken over since."""
    held = claim(conn, worker="worker-1")
    with refused("25001"), importer.transaction():
        importer.execute(f"set transaction isolation level {level}".encode())
        assert value(importer, "select ingest.lease_attempt(%s)", held.run_id) == 1
        heartbeat(conn, held.run_id, held=held)
        assert claim(conn, worker="worker-1").attempt == 2
        announce(importer, held, len(records))
        if records:
            copy_rows(importer, held, records)
    assert value(conn, "select count(*) from ingest.landed_chunks") == 0


@pytest.mark.parametrize("call", ["note_chunk(%s, 0, 1, 0, '{1}', 0, 0, 0)", "record_drift(%s, '[]')"])
def test_what_is_noted_under_a_lease_needs_read_committed(conn: Connection, call: str) -> None:
    """The same lock keeps these from a run that was taken over."""
    held = processing(conn, "batch-1", ["Ada"], worker=None)
    with unchanged(conn), refused("25001"), conn.transaction():
        conn.execute("set transaction isolation level repeatable read")
        value(conn, f"select ingest.{call}", held.run_id)
    value(conn, f"select ingest.{call}", held.run_id)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("note_chunk(%s, 0, 1, 0, '{1}', 0, 0, 0, 'worker-1', 1)", id="profile"),
        pytest.param("record_drift(%s, '[]', 'worker-1', 1)", id="drift"),
        pytest.param(f"open_chunk(%s, 1, 1, 10, 20, 2, 0, '{'ab' * 32}', 'worker-1')", id="no rows"),
    ],
)
def test_who_stands_still_at_the_fence_is_fenced(
    conn: Connection, other: Connection, importer: Connection, call: str
) -> None:
    """Whoever gets the lock after a heartbeat and a takeover that it slept through sees both."""
    held = processing(conn, "batch-1", ["Ada"])
    with ThreadPoolExecutor(1) as thread:
        with other.transaction():
            other.execute("select from ingest.import_runs where id = %s for update", [held.run_id])
            late = thread.submit(value, importer, f"select ingest.{call}", held.run_id)
            until_blocked(conn, importer)
            os.kill(importer.info.backend_pid, signal.SIGSTOP)
        try:
            heartbeat(conn, held.run_id, held=held)
            assert claim(conn, "batch-1").attempt == 2
        finally:
            os.kill(importer.info.backend_pid, signal.SIGCONT)
        with refused(LEASE_LOST):
            late.result()


def test_noting_a_chunk_bears_the_mark_of_a_writer(conn: Connection, importer: Connection) -> None:
    """Who notes one and falls silent is found by whoever takes the run over, and is not silent for ever."""
    held = processing(conn, "batch-1", ["Ada"])
    with importer.transaction():
        value(importer, "select ingest.note_chunk(%s, 0, 1, 0, '{1}', 0, 0, 0, 'worker-1', 1)", held.run_id)
        assert value(importer, "show idle_in_transaction_session_timeout") != "0"
        make_stale(conn, held.run_id)
        assert value(conn, "select ingest.outdated_writers(%s)", held.run_id) == importer.info.backend_pid
