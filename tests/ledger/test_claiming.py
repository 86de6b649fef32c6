"""Claims: one live lease for a delivery, fenced, and handed on when its holder is gone."""

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from ledger_steps import (
    IDENTITY_REQUIRED,
    LEASE_LOST,
    Connection,
    announce,
    claim,
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


def test_first_claim_is_claimed(conn: Connection) -> None:
    """A delivery that nobody has is claimed: its run is processing, at attempt 1, held by the worker."""
    held = claim(conn, worker="worker-1", expected=7)
    row = run(conn, held.run_id)
    assert (held.status, held.attempt) == ("claimed", 1)
    assert (row["status"], row["worker_id"], row["expected_count"]) == ("processing", "worker-1", 7)
    assert row["claimed_at"] is not None


def test_another_worker_is_told_in_progress(conn: Connection) -> None:
    """While the holder lives, a second worker gets the run's id and in_progress, and changes nothing of the run."""
    held = claim(conn, worker="worker-1")
    before = run(conn, held.run_id)
    refusal = claim(conn, worker="worker-2")
    assert (refusal.run_id, refusal.status) == (held.run_id, "in_progress")
    assert run(conn, held.run_id) == before


def test_claim_that_makes_no_run_takes_no_number(conn: Connection) -> None:
    """Numbers of runs are as many as an integer has, and deliveries are offered again and again."""
    first = imported(conn, "batch-1", ["Ada"])
    claim(conn, "batch-1", worker="worker-2")
    held = claim(conn, "batch-2", worker="worker-1")
    claim(conn, "batch-2", worker="worker-2")
    last = claim(conn, "batch-3")
    numbers = [run(conn, run_id)["run_no"] for run_id in (first, held.run_id, last.run_id)]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]


def test_two_callers_without_a_name_are_not_one(conn: Connection) -> None:
    """Bare SQL that names no worker is refused by bare SQL that names none."""
    assert claim(conn, worker=None).status == "claimed"
    assert claim(conn, worker=None).status == "in_progress"


def test_completed_delivery_is_a_duplicate(conn: Connection) -> None:
    """What is completed is never claimed again, however often it is offered."""
    run_id = imported(conn, "batch-1", ["Ada"])
    assert {claim(conn, "batch-1", worker=f"worker-{n}").status for n in range(3)} == {"duplicate"}
    assert events(conn, run_id).count("duplicate_blocked") == 3


@pytest.mark.parametrize("part", ["system", "batch", "hash"])
def test_delivery_is_source_system_batch_and_hash(conn: Connection, part: str) -> None:
    """A delivery that differs in any of the three is another one."""
    held = claim(conn, "batch-1", system="simplicity")
    if part == "hash":
        answer = conn.execute("select * from ingest.claim_import_run('simplicity', 'batch-1', 'another')").fetchall()[0]
        assert answer[0] != held.run_id
        assert answer[1] == "claimed"
    else:
        another = claim(conn, "batch-2") if part == "batch" else claim(conn, "batch-1", system="jbi")
        assert another.run_id != held.run_id
        assert another.status == "claimed"


@pytest.mark.parametrize("arguments", [("", "b", "h"), ("s", None, "h"), ("s", "b", "")])
def test_claim_without_an_identity_is_refused(conn: Connection, arguments: tuple[str | None, ...]) -> None:
    """Source system, batch and file hash are all required."""
    with unchanged(conn), refused("22023"):
        conn.execute("select * from ingest.claim_import_run(%s, %s, %s)", arguments)


def test_silent_worker_is_taken_over(conn: Connection) -> None:
    """After 30 minutes without a sign of life the run is claimed as its next attempt; the event says from whom."""
    held = claim(conn, worker="worker-1")
    make_stale(conn, held.run_id)
    taken = claim(conn, worker="worker-2")
    assert (taken.run_id, taken.status, taken.attempt) == (held.run_id, "claimed", 2)
    details = details_of(conn, held.run_id, "taken_over")
    assert (details["from_worker"], details["from_attempt"]) == ("worker-1", 1)


def test_sign_of_life_prevents_takeover(conn: Connection) -> None:
    """A heartbeat makes a stale lease live again."""
    held = claim(conn, worker="worker-1")
    make_stale(conn, held.run_id)
    assert heartbeat(conn, held.run_id, held=held)
    assert claim(conn, worker="worker-2").status == "in_progress"


def test_stale_after_is_a_setting(conn: Connection) -> None:
    """How long silence is borne stands in ingest.settings."""
    held = claim(conn, worker="worker-1")
    make_stale(conn, held.run_id)
    conn.execute("update ingest.settings set stale_after = interval '1 hour'")
    assert claim(conn, worker="worker-2").status == "in_progress"


def test_same_worker_claims_again(conn: Connection) -> None:
    """A worker whose first acknowledgement was lost gets a new attempt; what it landed stays, its old token is void."""
    held = processing(conn, "batch-1", ["Ada"])
    again = claim(conn, "batch-1", worker="worker-1")
    assert (again.run_id, again.status, again.attempt) == (held.run_id, "claimed", 2)
    with refused(LEASE_LOST):
        heartbeat(conn, held.run_id, held=held)
    assert reconcile(conn, held.run_id, 1, held=again)[0]
    assert events(conn, held.run_id) == ["claimed", "reclaimed", "completed", "reconciled"]


def test_failed_run_is_continued(conn: Connection) -> None:
    """A failed run is claimed as its next attempt, with its landed chunks and without its error."""
    held = processing(conn, "batch-1", ["Ada"])
    fail(conn, held)
    again = claim(conn, "batch-1", worker="worker-2", expected=2)
    assert (again.run_id, again.status, again.attempt) == (held.run_id, "claimed", 2)
    assert run(conn, held.run_id)["error_details"] is None
    land(conn, again, ["Grace"], chunk=1, first_row=2)
    assert reconcile(conn, again.run_id, held=again) == (True, 2, 2, 0)


def test_undone_run_makes_room_for_a_new_one(conn: Connection) -> None:
    """After a rollback the same delivery is claimed as a run of its own; the undone one is released, and no more."""
    first = imported(conn, "batch-1", ["Ada"])
    rollback(conn, first)
    before = run(conn, first)
    again = claim(conn, "batch-1")
    assert again.status == "claimed"
    assert again.run_id != first
    after = run(conn, first)
    assert {name for name in after if after[name] != before[name]} == {"withheld", "release_reason", "updated_at"}


def test_changed_reader_starts_over(conn: Connection) -> None:
    """What another reader landed is not continued: the old run is rolled back with that reason and a new one begins."""
    held = claim(conn, fingerprint="1:generic@1")
    land(conn, held, ["Ada"])
    fail(conn, held)
    again = claim(conn, fingerprint="2:generic@1")
    assert again.status == "claimed"
    assert (again.run_id != held.run_id, again.attempt) == (True, 1)
    assert run(conn, held.run_id)["status"] == "rolled_back"
    assert "mapping or the reader changed" in run(conn, held.run_id)["rollback_reason"]
    assert outcomes(conn, held.run_id) == ["rolled_back"]


def test_changed_reader_matters_only_once_something_landed(conn: Connection) -> None:
    """A run without a chunk goes on under the new reader; so does one whose claimant does not name its reader."""
    held = claim(conn, fingerprint="1:generic@1")
    again = claim(conn, fingerprint="2:generic@1")
    assert again.run_id == held.run_id
    assert run(conn, held.run_id)["reader_fingerprint"] == "2:generic@1"
    land(conn, again, ["Ada"])
    assert claim(conn).run_id == held.run_id


def test_changed_reader_of_a_live_lease_changes_nothing(conn: Connection) -> None:
    """Another worker with another reader is told in_progress: only the holder's silence or end hands a run on."""
    held = claim(conn, worker="worker-1", fingerprint="1:generic@1")
    land(conn, held, ["Ada"])
    assert claim(conn, worker="worker-2", fingerprint="2:generic@1").status == "in_progress"


def test_outdated_holder_is_refused_everything(conn: Connection) -> None:
    """After a takeover, no call of the former holder changes anything, and each says that the lease is lost."""
    held = processing(conn, "batch-1", ["Ada"])
    make_stale(conn, held.run_id)
    claim(conn, "batch-1", worker="worker-2")
    for call in (
        lambda: heartbeat(conn, held.run_id, held=held),
        lambda: reconcile(conn, held.run_id, 1, held=held),
        lambda: finalize(conn, held.run_id, (1, 1, 0, 0), held=held),
        lambda: finalize(conn, held.run_id, (0, 0, 0, 0), {"fatal": True}, held=held),
        lambda: finalize(conn, held.run_id, (1, 1, 0, 0), completes=False, held=held),
        lambda: announce(conn, held, 1, chunk=1, first_row=2),
        lambda: land(conn, held, ["Grace"], chunk=1, first_row=2),
    ):
        with unchanged(conn), refused(LEASE_LOST):
            call()


def test_outdated_holder_cannot_speak_by_half_its_name(conn: Connection) -> None:
    """The worker alone or the attempt alone fences as well, also when the run is held by somebody without a name."""
    held = processing(conn, "batch-1", ["Ada"], worker="worker-1")
    make_stale(conn, held.run_id)
    claim(conn, "batch-1", worker=None)
    for worker, attempt in (("worker-1", None), (None, 1)):
        for call in (
            "select ingest.heartbeat_import_run(%s, %s, %s)",
            "select ingest.reconcile_import_run(%s, 1, %s, %s)",
            "select ingest.finalize_import_run(%s, 1, 1, 0, 0, null, true, %s, %s)",
        ):
            with unchanged(conn), refused(LEASE_LOST):
                conn.execute(call.encode(), (held.run_id, worker, attempt))


def test_caller_without_a_name_is_served(conn: Connection) -> None:
    """The runbook's bare SQL works on a run that nobody was pushed out of, also after a reported failure."""
    held = claim(conn, worker="worker-1")
    assert heartbeat(conn, held.run_id)
    assert finalize(conn, held.run_id, (0, 0, 0, 0), {"fatal": True}) == "failed"
    again = claim(conn, worker="worker-2")
    assert heartbeat(conn, again.run_id)
    assert finalize(conn, again.run_id, (3, 2, 1, 0)) == "completed"


@pytest.mark.parametrize("how", ["stale", "manual abort"])
def test_caller_without_a_name_could_be_the_zombie(conn: Connection, how: str) -> None:
    """After a takeover from a holder that never reported its end, a caller must say who it is."""
    held = processing(conn, "batch-1", ["Ada"])
    if how == "stale":
        make_stale(conn, held.run_id)
    else:
        conn.execute("update ingest.import_runs set status = 'failed' where id = %s", (held.run_id,))
    taken = claim(conn, "batch-1", worker="worker-2")
    for call in (
        lambda: heartbeat(conn, taken.run_id),
        lambda: reconcile(conn, taken.run_id, 1),
        lambda: finalize(conn, taken.run_id, (1, 1, 0, 0)),
    ):
        with unchanged(conn), refused(IDENTITY_REQUIRED):
            call()
    assert finalize(conn, taken.run_id, (1, 1, 0, 0), held=taken) == "completed"


def test_suspicion_outlives_the_next_claim(conn: Connection) -> None:
    """Once a holder was pushed out, the run's later attempts are fenced too: that holder may still wake up."""
    held = claim(conn, worker="worker-1")
    make_stale(conn, held.run_id)
    taken = claim(conn, worker="worker-2")
    fail(conn, taken)
    last = claim(conn, worker="worker-3")
    with refused(IDENTITY_REQUIRED):
        heartbeat(conn, held.run_id)
    assert heartbeat(conn, last.run_id, held=last)


@pytest.mark.parametrize("ended", ["completed", "failed", "rolled_back"])
def test_heartbeat_of_a_run_that_has_ended(conn: Connection, ended: str) -> None:
    """The named holder is told that the lease is lost; a caller without a name gets false."""
    held = processing(conn, "batch-1", ["Ada"])
    if ended == "completed":
        reconcile(conn, held.run_id, 1, held=held)
    elif ended == "failed":
        fail(conn, held)
    else:
        rollback(conn, held.run_id)
    with unchanged(conn):
        assert not heartbeat(conn, held.run_id)
        with refused(LEASE_LOST):
            heartbeat(conn, held.run_id, held=held)


def test_claim_does_not_wait_for_a_publication(conn: Connection, other: Connection) -> None:
    """While a publication holds the run, a claim answers in_progress within about two seconds and leaves its event."""
    conn.execute("set statement_timeout = '20s'")
    held = processing(conn, "batch-1", ["Ada"])
    with other.transaction():
        other.execute("select from ingest.import_runs where id = %s for update", (held.run_id,))
        started = time.monotonic()
        answer = claim(conn, "batch-1", worker="worker-2")
        assert time.monotonic() - started < 4
    assert (answer.run_id, answer.status) == (held.run_id, "in_progress")
    assert events(conn, held.run_id) == ["claimed", "in_progress_refused"]


def test_claim_does_not_wait_for_a_transaction_left_open(conn: Connection, other: Connection) -> None:
    """A rollback that lasts, or that somebody forgot to commit, has written its event already: a claim is answered."""
    conn.execute("set statement_timeout = '20s'")
    held = processing(conn, "batch-1", ["Ada"])
    with other.transaction(force_rollback=True):
        rollback(other, held.run_id)
        started = time.monotonic()
        answer = claim(conn, "batch-1", worker="worker-2")
        assert time.monotonic() - started < 8
    assert (answer.run_id, answer.status) == (held.run_id, "in_progress")
    assert run(conn, held.run_id)["status"] == "processing"


def test_claim_waits_for_a_claim(conn: Connection, other: Connection) -> None:
    """Of two claims at once the later one sees what the earlier one did."""
    with ThreadPoolExecutor(1) as pool, other.transaction():
        first = claim(other, worker="worker-1")
        second = pool.submit(claim, conn, worker="worker-2")
        with psycopg.connect(other.info.dsn, autocommit=True) as watcher:
            until_blocked(watcher, conn)
        other.execute("commit")
        answer = second.result()
    assert (answer.run_id, answer.status) == (first.run_id, "in_progress")


def test_claim_withdrawn_leaves_room(conn: Connection, other: Connection) -> None:
    """Where the first claim is rolled back with its transaction, the one that waited for it is claimed."""
    with ThreadPoolExecutor(1) as pool:
        with other.transaction(force_rollback=True):
            claim(other, worker="worker-1")
            second = pool.submit(claim, conn, worker="worker-2")
            with psycopg.connect(other.info.dsn, autocommit=True) as watcher:
                until_blocked(watcher, conn)
        answer = second.result()
    assert (answer.status, answer.attempt) == ("claimed", 1)
    assert events(conn, answer.run_id) == ["claimed"]


def test_claim_of_a_continued_run_keeps_the_expected_count(conn: Connection) -> None:
    """A claim that brings no count leaves the one that came before it."""
    held = claim(conn, expected=5)
    claim(conn)
    assert run(conn, held.run_id)["expected_count"] == 5


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_claim_needs_read_committed(conn: Connection, other: Connection, level: str) -> None:
    """With a snapshot from before a chunk landed, a changed reader would go on with what another one began."""
    held = claim(conn, fingerprint="a", expected=2)
    with refused("25001"), other.transaction():
        other.execute(f"set transaction isolation level {level}".encode())
        assert run(other, held.run_id)["attempt"] == 1
        land(conn, held, ["Ada"])
        claim(other, fingerprint="b", expected=2)
    assert claim(conn, fingerprint="b", expected=2).run_id != held.run_id


def test_asking_for_a_duplicate_locks_no_run_that_is_none(conn: Connection, other: Connection) -> None:
    """Whoever asks and then falls silent keeps nobody from a run that goes on."""
    held = claim(conn, "batch-1", worker="worker-1")
    delivery = run(conn, held.run_id)
    with other.transaction():
        asked = (delivery["source_system"], delivery["source_batch_id"], delivery["file_hash"])
        assert value(other, "select ingest.refuse_duplicate(%s, %s, %s)", *asked) is None
        assert claim(conn, "batch-1", worker="worker-1").attempt == 2
