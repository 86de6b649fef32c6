"""Rolling back: the active set becomes what it would be if the file had never arrived."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import pytest
from ledger_steps import (
    LEASE_LOST,
    Connection,
    active,
    claim,
    copy_rows,
    counts,
    details_of,
    events,
    fail,
    imported,
    land,
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


def test_undone_records_leave_the_active_set(conn: Connection) -> None:
    """A rollback takes every record out, says how many, and keeps them as rolled_back with time and reason."""
    run_id = imported(conn, "batch-1", ["Ada", "Ada", None])
    assert rollback(conn, run_id, "wrong month") == (True, 3)
    assert active(conn) == {}
    assert outcomes(conn, run_id) == ["rolled_back"] * 3
    row = run(conn, run_id)
    assert (row["status"], row["rollback_reason"]) == ("rolled_back", "wrong month")
    assert row["rolled_back_at"] is not None
    details = details_of(conn, run_id, "rolled_back")
    said_at = datetime.fromisoformat(details.pop("rolled_back_at")).replace(tzinfo=UTC)
    assert said_at == row["rolled_back_at"]
    assert details == {"from_status": "completed", "reason": "wrong month", "withheld": True}


def test_shared_records_pass_to_the_later_file(conn: Connection) -> None:
    """Undoing A hands what B also holds to B, corrects B's counts with an event, and B verifies."""
    first = imported(conn, "a", ["Ada", "Grace", None])
    second = imported(conn, "b", ["Grace", "Mary", "Ada", "Ada"])
    assert counts(conn, second) == (4, 1, 3, 0)
    assert rollback(conn, first) == (True, 3)
    assert active(conn) == {"Grace": (second, 1), "Mary": (second, 2), "Ada": (second, 3)}
    assert counts(conn, second) == (4, 3, 1, 0)
    assert details_of(conn, second, "counts_corrected") == {"rows_inserted": [1, 3], "rows_skipped": [3, 1]}
    assert reconcile(conn, second) == (True, 4, 4, 0)


def test_file_imported_again_skips_what_was_handed_on(conn: Connection) -> None:
    """A again, after its rollback, is claimed; the records that B represents now are skipped, the others inserted."""
    first = imported(conn, "a", ["Ada", "Grace"])
    second = imported(conn, "b", ["Grace", "Mary"])
    rollback(conn, first)
    again = imported(conn, "a", ["Ada", "Grace"])
    assert again != first
    assert counts(conn, again) == (2, 1, 1, 0)
    assert active(conn) == {"Ada": (again, 1), "Grace": (second, 1), "Mary": (second, 2)}
    assert outcomes(conn, first) == ["rolled_back"] * 2


def test_middle_of_three_files(conn: Connection) -> None:
    """Undoing the second of three touches neither the first's records nor the order in which they are handed on."""
    first = imported(conn, "a", ["Ada"])
    second = imported(conn, "b", ["Ada", "Grace", "Mary"])
    third = imported(conn, "c", ["Ada", "Grace", "Joan"])
    rollback(conn, second)
    assert active(conn) == {"Ada": (first, 1), "Grace": (third, 2), "Joan": (third, 3)}
    assert counts(conn, third) == (3, 2, 1, 0)
    rollback(conn, first)
    assert active(conn) == {"Ada": (third, 1), "Grace": (third, 2), "Joan": (third, 3)}


def test_earliest_later_file_inherits(conn: Connection) -> None:
    """Of several files that hold a record, the one published next represents it; the others go on skipping it."""
    first = imported(conn, "a", ["Ada"])
    second, third = imported(conn, "b", ["Mary", "Ada"]), imported(conn, "c", ["Ada"])
    rollback(conn, first)
    assert active(conn)["Ada"] == (second, 2)
    assert events(conn, third) == ["claimed", "completed", "reconciled"]


def test_record_that_nobody_holds_any_more_can_come_again(conn: Connection) -> None:
    """A key left without an owner is taken over by the next file that holds it, in whatever order its rows stand."""
    rollback(conn, imported(conn, "a", ["Ada", "Grace"]))
    later = imported(conn, "b", ["Mary", "Grace", "Grace"])
    assert active(conn) == {"Mary": (later, 1), "Grace": (later, 2)}
    assert value(conn, "select count(*) from ingest.plaintiff_keys") == 3


def test_other_source_systems_are_not_concerned(conn: Connection) -> None:
    """Counts of another source system's runs never change."""
    elsewhere = imported(conn, "a", ["Mary"], system="jbi")
    rollback(conn, imported(conn, "a", ["Ada"]))
    assert set(active(conn, "jbi")) == {"Mary"}
    assert events(conn, elsewhere) == ["claimed", "completed", "reconciled"]


def test_second_rollback_affects_nothing(conn: Connection) -> None:
    """Undoing what is undone succeeds with 0 records and leaves no event; the first reason stays."""
    run_id = imported(conn, "batch-1", ["Ada"])
    rollback(conn, run_id, "first reason")
    with unchanged(conn):
        assert rollback(conn, run_id, "second reason") == (True, 0)


def test_unknown_run_is_no_success(conn: Connection) -> None:
    """An id that no run has is answered with false, not with an error."""
    with unchanged(conn):
        assert rollback(conn, value(conn, "select gen_random_uuid()")) == (False, 0)


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_reason_is_never_missing(conn: Connection, reason: str | None) -> None:
    """Without a reason the run says that none was given."""
    held = claim(conn)
    conn.execute("select ingest.rollback_import_run(%s, %s)", (held.run_id, reason))
    assert run(conn, held.run_id)["rollback_reason"] == "no reason given"


def test_rollback_aborts_the_worker(conn: Connection) -> None:
    """Undoing a run in progress stops its worker at the next chunk; what it had landed is counted."""
    held = processing(conn, "batch-1", ["Ada", "Grace"])
    assert rollback(conn, held.run_id) == (True, 2)
    with unchanged(conn):
        with refused(LEASE_LOST):
            land(conn, held, ["Mary"], chunk=1, first_row=3)
        with refused(LEASE_LOST):
            reconcile(conn, held.run_id, held=held)
        with refused(LEASE_LOST):
            copy_rows(conn, held, ["Mary"], chunk=1, first_row=3)
    assert claim(conn, "batch-1", worker="worker-2").run_id != held.run_id


def test_failed_run_can_be_undone(conn: Connection) -> None:
    """A failed run is undone like any other, and the delivery starts anew."""
    held = processing(conn, "batch-1", ["Ada"])
    fail(conn, held)
    assert rollback(conn, held.run_id) == (True, 1)
    assert counts(conn, imported(conn, "batch-1", ["Ada"])) == (1, 1, 0, 0)


def test_readers_never_see_a_gap(conn: Connection, other: Connection) -> None:
    """A shared record is active at every moment: before the commit by the old run, from it on by the heir."""
    first = imported(conn, "a", ["Ada"])
    second = imported(conn, "b", ["Ada"])
    with conn.transaction():
        rollback(conn, first)
        assert active(other) == {"Ada": (first, 1)}
    assert active(other) == {"Ada": (second, 1)}


def test_publication_waits_for_a_rollback(conn: Connection, other: Connection) -> None:
    """A run published while another is being undone takes over what that one leaves."""
    first = imported(conn, "a", ["Ada"])
    second = processing(conn, "b", ["Ada"])
    with ThreadPoolExecutor(1) as pool, psycopg.connect(conn.info.dsn, autocommit=True) as watcher:
        with conn.transaction():
            rollback(conn, first)
            publishing = pool.submit(reconcile, other, second.run_id, held=second)
            until_blocked(watcher, other)
        assert publishing.result()[0]
    assert active(conn) == {"Ada": (second.run_id, 1)}
    assert counts(conn, second.run_id) == (1, 1, 0, 0)


def test_rollback_waits_for_a_publication(conn: Connection, other: Connection) -> None:
    """A run undone while another is being published hands its records to that one."""
    first = imported(conn, "a", ["Ada"])
    second = processing(conn, "b", ["Ada"])
    with ThreadPoolExecutor(1) as pool, psycopg.connect(conn.info.dsn, autocommit=True) as watcher:
        with conn.transaction():
            reconcile(conn, second.run_id, held=second)
            undoing = pool.submit(rollback, other, first)
            until_blocked(watcher, other)
        assert undoing.result() == (True, 1)
    assert active(conn) == {"Ada": (second.run_id, 1)}
    assert counts(conn, second.run_id) == (1, 1, 0, 0)


def test_rollbacks_at_once_do_not_deadlock(conn: Connection, db_url: str) -> None:
    """Eight runs that hold the same records are undone by eight sessions at once, and nothing is left."""
    runs = [imported(conn, f"batch-{n}", ["Ada", "Grace", f"only {n}"]) for n in range(8)]
    sessions = [psycopg.connect(db_url, autocommit=True) for _ in runs]
    with ThreadPoolExecutor(len(runs)) as pool:
        assert list(pool.map(rollback, sessions, runs)) == [(True, 3)] * len(runs)
    for session in sessions:
        session.close()
    assert active(conn) == {}
