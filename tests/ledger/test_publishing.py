"""Publishing: nothing of a run is seen before it completes, then all of it; and the counts are true."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from ledger_steps import (
    LEASE_LOST,
    NO_SUCH_RUN,
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


@pytest.fixture
def reader(db_url: str) -> Iterator[Connection]:
    """Yield the connection of somebody who reads plaintiffs."""
    with psycopg.connect(db_url, autocommit=True) as connection:
        yield connection


def test_nothing_is_visible_before_completion_and_all_after(conn: Connection, reader: Connection) -> None:
    """A landed run shows no plaintiff; its publication shows all of them at the commit and not earlier."""
    held = claim(conn, expected=4)
    land(conn, held, ["Ada", None])
    land(conn, held, ["Grace", "Ada"], chunk=1, first_row=3)
    assert active(reader) == {}
    assert outcomes(reader, held.run_id) == ["pending", "failed", "pending", "pending"]
    with conn.transaction():
        assert reconcile(conn, held.run_id, 4, held=held) == (True, 4, 4, 0)
        assert active(reader) == {}
    assert active(reader) == {"Ada": (held.run_id, 1), "Grace": (held.run_id, 3)}
    assert outcomes(reader, held.run_id) == ["inserted", "failed", "inserted", "skipped"]
    assert counts(reader, held.run_id) == (4, 2, 1, 1)


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 8])
def test_keys_are_taken_in_parts(conn: Connection, at_once: int) -> None:
    """However many records are looked at together, the first of a key represents it, wherever the others stand."""
    taking = value(conn, "select pg_get_functiondef('ingest._take_fresh_keys(uuid, integer, integer)'::regprocedure)")
    assert taking.count("1000000") == 1, taking
    conn.execute(taking.replace("1000000", str(at_once)).encode())
    before = imported(conn, "batch-1", ["Ada"])
    held = claim(conn, "batch-2", expected=7)
    land(conn, held, ["Grace", None, "Edsger", "Grace", "Ada", "Edsger", "Barbara"])
    assert reconcile(conn, held.run_id, 7, held=held)[0]
    run_id = held.run_id
    assert active(conn) == {"Ada": (before, 1), "Grace": (run_id, 1), "Edsger": (run_id, 3), "Barbara": (run_id, 7)}
    assert outcomes(conn, run_id) == ["inserted", "failed", "inserted", "skipped", "skipped", "skipped", "inserted"]
    empty = claim(conn, "batch-3", expected=0)
    assert reconcile(conn, empty.run_id, 0, held=empty) == (True, 0, 0, 0)


def test_interrupted_publication_leaves_nothing(conn: Connection) -> None:
    """A publication that does not commit leaves the run processing, its keys unborn and no event."""
    held = processing(conn, "batch-1", ["Ada"])
    with unchanged(conn), conn.transaction(force_rollback=True):
        assert reconcile(conn, held.run_id, held=held)[0]


def test_failed_run_shows_nothing(conn: Connection) -> None:
    """Records that were landed before a failure stay landed, are pending, and are no plaintiffs."""
    held = processing(conn, "batch-1", ["Ada", None])
    fail(conn, held)
    assert active(conn) == {}
    assert outcomes(conn, held.run_id) == ["pending", "failed"]


def test_first_record_of_the_file_represents_the_key(conn: Connection) -> None:
    """Within a file the earliest record wins, whatever the order in which chunks were landed."""
    held = claim(conn)
    land(conn, held, ["Ada", "Ada"], chunk=1, first_row=3)
    land(conn, held, ["Grace", "Ada"])
    reconcile(conn, held.run_id, 4, held=held)
    assert active(conn) == {"Grace": (held.run_id, 1), "Ada": (held.run_id, 2)}
    assert outcomes(conn, held.run_id) == ["inserted", "inserted", "skipped", "skipped"]


def test_overlapping_file_skips_what_is_active(conn: Connection) -> None:
    """The earlier published run keeps representing a shared record; both runs' counts add up."""
    first = imported(conn, "a", ["Ada", "Grace", None])
    second = imported(conn, "b", ["Grace", "Mary", "Mary"])
    assert counts(conn, first) == (3, 2, 0, 1)
    assert counts(conn, second) == (3, 1, 2, 0)
    assert active(conn) == {"Ada": (first, 1), "Grace": (first, 2), "Mary": (second, 2)}


def test_order_is_that_of_publication(conn: Connection) -> None:
    """Of two runs, the one published first represents a shared record, also when it was claimed and landed last."""
    early = processing(conn, "a", ["Ada"], worker="worker-1")
    late = processing(conn, "b", ["Ada"], worker="worker-2")
    reconcile(conn, late.run_id, held=late)
    reconcile(conn, early.run_id, held=early)
    assert active(conn) == {"Ada": (late.run_id, 1)}
    assert run(conn, late.run_id)["publish_seq"] < run(conn, early.run_id)["publish_seq"]
    assert counts(conn, early.run_id) == (1, 0, 1, 0)


def test_publications_of_one_source_system_take_turns(conn: Connection, reader: Connection) -> None:
    """A second publication waits for the first and sees its keys; one of another source system does not wait."""
    imported(conn, "before", [None])
    first = processing(conn, "a", ["Ada"])
    second = processing(conn, "b", ["Ada", "Grace"])
    elsewhere = processing(conn, "c", ["Mary"], system="jbi")
    with ThreadPoolExecutor(1) as pool, psycopg.connect(conn.info.dsn, autocommit=True) as watcher:
        with conn.transaction():
            reconcile(conn, first.run_id, held=first)
            assert reconcile(watcher, elsewhere.run_id, held=elsewhere)[0]
            waiting = pool.submit(reconcile, reader, second.run_id, held=second)
            until_blocked(watcher, reader)
        assert waiting.result()[0]
    assert counts(conn, second.run_id) == (2, 1, 1, 0)


def test_reconcile_uses_the_count_of_the_claim(conn: Connection) -> None:
    """Without an expected count, the independent one that came with the claim is held against the landed rows."""
    held = claim(conn, expected=3)
    land(conn, held, ["Ada", "Grace"])
    assert reconcile(conn, held.run_id, held=held) == (False, 3, 2, -1)


@pytest.mark.parametrize(("expected", "delta"), [(1, 1), (3, -1)])
def test_unequal_counts_fail_the_run(conn: Connection, expected: int, delta: int) -> None:
    """More records or fewer than expected: the run is failed with expected, actual and delta, and nothing is active."""
    held = processing(conn, "batch-1", ["Ada", "Grace"])
    assert reconcile(conn, held.run_id, expected, held=held) == (False, expected, 2, delta)
    row = run(conn, held.run_id)
    assert row["status"] == "failed"
    assert row["error_details"] == {
        "fatal": True,
        "code": "RECONCILIATION_MISMATCH",
        "expected": expected,
        "actual": 2,
        "delta": delta,
    }
    assert active(conn) == {}
    assert events(conn, held.run_id) == ["claimed", "reconciliation_failed", "failed"]


def test_empty_run_can_be_published(conn: Connection) -> None:
    """Nothing expected and nothing landed is equal."""
    held = claim(conn, expected=0)
    assert reconcile(conn, held.run_id, held=held) == (True, 0, 0, 0)
    assert counts(conn, held.run_id) == (0, 0, 0, 0)


def test_completed_run_is_verified_without_a_change(conn: Connection) -> None:
    """Reconciling what is completed recounts it and records the result; its row stays as it was, whatever comes out."""
    run_id = imported(conn, "batch-1", ["Ada", "Ada", None])
    before = run(conn, run_id)
    assert reconcile(conn, run_id) == (True, 3, 3, 0)
    assert reconcile(conn, run_id, 5) == (False, 5, 3, -2)
    assert run(conn, run_id) == before
    assert events(conn, run_id)[-2:] == ["reconciled", "reconciliation_failed"]


def test_verification_sees_counts_that_are_not_true(conn: Connection) -> None:
    """A completed run whose counts its tables' owner altered does not verify, though its sum still adds up."""
    run_id = imported(conn, "batch-1", ["Ada", "Ada", None])
    with conn.transaction():
        conn.execute("set local role moat_owner")
        conn.execute("update ingest.import_runs set rows_inserted = 2, rows_skipped = 0 where id = %s", (run_id,))
    assert reconcile(conn, run_id) == (False, 3, 3, 0)


@pytest.mark.parametrize("ended", ["failed", "rolled back"])
def test_run_that_ended_otherwise_is_not_valid(conn: Connection, ended: str) -> None:
    """Reconciling a failed or undone run counts, records, says invalid, and does not bring it back."""
    held = processing(conn, "batch-1", ["Ada"])
    if ended == "failed":
        fail(conn, held)
    else:
        rollback(conn, held.run_id)
    before = run(conn, held.run_id)
    assert reconcile(conn, held.run_id, 1) == (False, 1, 1, 0)
    assert run(conn, held.run_id) == before


def test_lost_acknowledgement_of_a_reconciliation(conn: Connection) -> None:
    """The holder that asks again after its publication is told that it holds."""
    held = processing(conn, "batch-1", ["Ada"])
    assert reconcile(conn, held.run_id, held=held) == reconcile(conn, held.run_id, held=held) == (True, 1, 1, 0)
    assert events(conn, held.run_id) == ["claimed", "completed", "reconciled", "reconciled"]


def test_finalize_publishes(conn: Connection) -> None:
    """Counts that agree with the landed rows complete the run; inserted and skipped are then as recounted."""
    imported(conn, "a", ["Ada"])
    held = processing(conn, "b", ["Ada", "Grace", None])
    assert finalize(conn, held.run_id, (3, 2, 0, 1), held=held) == "completed"
    assert counts(conn, held.run_id) == (3, 1, 1, 1)
    assert set(active(conn)) == {"Ada", "Grace"}


@pytest.mark.parametrize("rows", [(2, 2, 0, 0), (3, 3, 0, 0), (3, 1, 0, 1), (4, 2, 1, 1), (3, None, None, 1)])
def test_counts_that_contradict_the_landed_rows_fail_the_run(
    conn: Connection, rows: tuple[int | None, int | None, int | None, int | None]
) -> None:
    """Fetched, errored, and inserted and skipped together are held against what was landed."""
    held = processing(conn, "batch-1", ["Ada", "Grace", None])
    assert finalize(conn, held.run_id, rows, held=held) == "failed"
    error = run(conn, held.run_id)["error_details"]
    assert (error["code"], error["landed"]) == ("RECONCILIATION_MISMATCH", {"records": 3, "rejected": 1})
    assert error["reported"]["rows_fetched"] == rows[0]
    assert events(conn, held.run_id) == ["claimed", "reconciliation_failed", "failed"]
    assert details_of(conn, held.run_id, "reconciliation_failed")["actual"] == 3
    assert active(conn) == {}


def test_a_run_with_a_hole_is_not_whole(conn: Connection) -> None:
    """As many rows as expected are not the file when a chunk between them is missing: neither report publishes them."""
    held = claim(conn, expected=2)
    land(conn, held, ["Ada"], chunk=0, first_row=1)
    land(conn, held, ["Grace"], chunk=2, first_row=11)
    assert reconcile(conn, held.run_id, 2, held=held) == (False, 2, 2, 0)
    assert run(conn, held.run_id)["error_details"]["is_whole"] is False
    assert active(conn) == {}


def test_progress_and_reports_do_not_change_what_is_expected(conn: Connection) -> None:
    """The count that came with the claim decides, whatever a holder reports of itself afterwards."""
    for batch, complete in (("a", False), ("b", True)):
        held = claim(conn, batch, expected=2)
        land(conn, held, ["Ada"])
        finalize(conn, held.run_id, (1, 1, 0, 0), held=held, completes=complete)
        if not complete:
            assert reconcile(conn, held.run_id, held=held) == (False, 2, 1, -1)
        assert run(conn, held.run_id)["status"] == "failed"
    held = claim(conn, "c", expected=2)
    assert finalize(conn, held.run_id, (2, 2, 0, 0), held=held) == "failed"
    assert active(conn) == {}


def test_publishing_needs_read_committed(conn: Connection) -> None:
    """In a transaction that cannot see what it waited for, nothing is published or undone."""
    held = processing(conn, "a", ["Ada"])
    for call in (lambda: reconcile(conn, held.run_id, 1, held=held), lambda: rollback(conn, held.run_id)):
        with unchanged(conn), refused("25001"), conn.transaction():
            conn.execute("set transaction isolation level repeatable read")
            call()


def test_a_contradicting_report_is_answered_again(conn: Connection) -> None:
    """A holder that missed the answer `failed` asks again and gets it, and nothing happens twice."""
    held = processing(conn, "batch-1", ["Ada"])
    assert finalize(conn, held.run_id, (2, 2, 0, 0), held=held) == "failed"
    with unchanged(conn):
        assert finalize(conn, held.run_id, (2, 2, 0, 0), held=held) == "failed"


def test_records_kept_elsewhere(conn: Connection) -> None:
    """With nothing landed, counts that add up are taken as reported, as the runbook's sample reports them."""
    held = claim(conn)
    assert finalize(conn, held.run_id, (100, 97, 2, 1), held=held) == "completed"
    assert counts(conn, held.run_id) == (100, 97, 2, 1)


def test_records_kept_elsewhere_must_add_up(conn: Connection) -> None:
    """Fetched is inserted, skipped and errored together, or the run is failed."""
    held = claim(conn)
    assert finalize(conn, held.run_id, (100, 97, 2, 0), held=held) == "failed"
    assert run(conn, held.run_id)["error_details"]["code"] == "RECONCILIATION_MISMATCH"


@pytest.mark.parametrize("fatal", [True, "true"])
def test_fatal_fails_the_run(conn: Connection, fatal: object) -> None:
    """Error details that say fatal end the run as failed, with these details and counts."""
    held = processing(conn, "batch-1", ["Ada"])
    details = {"fatal": fatal, "message": "disk full"}
    assert finalize(conn, held.run_id, (0, 0, 0, 1), details, held=held) == "failed"
    row = run(conn, held.run_id)
    assert (row["status"], row["error_details"], row["rows_errored"]) == ("failed", details, 1)
    assert events(conn, held.run_id) == ["claimed", "failed"]


@pytest.mark.parametrize("details", [{"fatal": False}, {"note": "slow disk"}, {"fatal": None}])
def test_details_that_are_not_fatal_do_not_fail_the_run(conn: Connection, details: dict[str, object]) -> None:
    """`"fatal": false` and details without it are kept with a run that completes."""
    held = processing(conn, "batch-1", ["Ada"])
    assert finalize(conn, held.run_id, (1, 1, 0, 0), details, held=held) == "completed"
    assert run(conn, held.run_id)["error_details"] == details


def test_progress_is_recorded_and_nothing_else(conn: Connection) -> None:
    """With mark_completed = false the run stays processing and shows nothing; fatal ends it all the same."""
    held = processing(conn, "batch-1", ["Ada", "Grace"])
    assert finalize(conn, held.run_id, (5, 1, 0, 0), completes=False, held=held) == "processing"
    assert counts(conn, held.run_id) == (5, 1, 0, 0)
    assert active(conn) == {}
    assert events(conn, held.run_id) == ["claimed"]
    assert finalize(conn, held.run_id, (0, 0, 0, 0), {"fatal": True}, completes=False, held=held) == "failed"


def test_mark_completed_given_as_null_is_its_default(conn: Connection) -> None:
    """A null for mark_completed publishes as no argument does, in turn with the source system's other runs."""
    held = processing(conn, "batch-1", ["Ada"])
    assert finalize(conn, held.run_id, (1, 1, 0, 0), completes=None, held=held) == "completed"
    assert run(conn, held.run_id)["publish_seq"] == 1


def test_counts_below_zero_are_refused(conn: Connection) -> None:
    """A negative count is nobody's count."""
    held = claim(conn)
    with unchanged(conn), refused("22023"):
        finalize(conn, held.run_id, (1, 2, -1, 0), held=held)


@pytest.mark.parametrize(
    ("rows", "details", "status"), [((1, 1, 0, 0), None, "completed"), ((0, 0, 0, 0), {"fatal": True}, "failed")]
)
def test_repeated_report_is_acknowledged(
    conn: Connection, rows: tuple[int, int, int, int], details: dict[str, object] | None, status: str
) -> None:
    """The same report again, its acknowledgement lost, is answered as before and changes nothing."""
    held = processing(conn, "batch-1", ["Ada"])
    assert finalize(conn, held.run_id, rows, details, held=held) == status
    with unchanged(conn):
        assert finalize(conn, held.run_id, rows, details, held=held) == status
        assert finalize(conn, held.run_id, rows, details) == status


def test_report_that_turns_the_end_around_is_refused(conn: Connection) -> None:
    """A completed run is not failed afterwards, nor a failed one completed, and an undone one is neither."""
    completed, failed, undone = (processing(conn, batch, [batch]) for batch in "abc")
    finalize(conn, completed.run_id, (1, 1, 0, 0), held=completed)
    fail(conn, failed)
    rollback(conn, undone.run_id)
    with unchanged(conn):
        with refused(LEASE_LOST):
            fail(conn, completed)
        for held in (failed, undone):
            with refused(LEASE_LOST):
                finalize(conn, held.run_id, (1, 1, 0, 0), held=held)


def test_unknown_run_is_neither_finalized_nor_reconciled(conn: Connection) -> None:
    """Both say that there is no such run, and write nothing."""
    unknown = value(conn, "select gen_random_uuid()")
    with unchanged(conn):
        with refused(NO_SUCH_RUN):
            finalize(conn, unknown, (0, 0, 0, 0))
        with refused(NO_SUCH_RUN):
            reconcile(conn, unknown)


def test_rows_still_being_copied_are_waited_for(conn: Connection, reader: Connection) -> None:
    """A publication counts a chunk whose transaction is open: it waits for its commit instead of missing it."""
    held = claim(conn, expected=1)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(conn.info.dsn, autocommit=True) as watcher:
        with conn.transaction():
            announce(conn, held, 1)
            copy_rows(conn, held, ["Ada"])
            publishing = pool.submit(reconcile, reader, held.run_id, held=held)
            until_blocked(watcher, reader)
        assert publishing.result() == (True, 1, 1, 0)
