"""A publication that begins before the last chunks are landed: all of it is seen at once, or nothing is kept."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from ledger_steps import (
    LEASE_LOST,
    NO_SUCH_RUN,
    NOT_PUBLISHED,
    SYSTEM,
    Claim,
    Connection,
    active,
    announce,
    claim,
    copy_rows,
    counts,
    finalize,
    imported,
    land,
    make_stale,
    outcomes,
    processing,
    reconcile,
    refused,
    rollback,
    run,
    take_keys_early,
    unchanged,
    until,
    until_blocked,
    value,
)

from plaintiff_moat.errors import MoatError
from plaintiff_moat.importer import Progress, import_file
from plaintiff_moat.ledger import early_keys
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.ledger.early_keys import EarlyKeys

LOCK_NOT_AVAILABLE = "55P03"

CsvFile = Callable[..., Path]


def test_keys_taken_early_are_seen_with_all_others(conn: Connection, other: Connection) -> None:
    """While chunks land their keys are taken; nobody sees one before the commit, and the counts are right."""
    held = claim(conn, expected=6)
    land(conn, held, ["Ada", None])
    with other.transaction():
        assert take_keys_early(other, held) == 1
        land(conn, held, ["Grace", "Ada"], chunk=1, first_row=3)
        assert take_keys_early(other, held) == 2
        land(conn, held, ["Edsger", "Grace"], chunk=2, first_row=5)
        with unchanged(conn):
            assert reconcile(other, held.run_id, 6, held=held) == (True, 6, 6, 0)
        assert active(conn) == {}
    assert active(conn) == {"Ada": (held.run_id, 1), "Grace": (held.run_id, 3), "Edsger": (held.run_id, 5)}
    assert outcomes(conn, held.run_id) == ["inserted", "failed", "inserted", "skipped", "inserted", "skipped"]
    assert counts(conn, held.run_id) == (6, 3, 2, 1)
    assert value(conn, "select count(*) from ingest.early_keys") == 0
    assert reconcile(conn, held.run_id) == (True, 6, 6, 0)


def test_keys_are_taken_in_the_order_of_the_file(conn: Connection, other: Connection) -> None:
    """A chunk that lands before the one in front of it waits: the first record of the file represents its key."""
    held = claim(conn, expected=4)
    land(conn, held, ["Ada", "Grace"], chunk=1, first_row=3)
    with conn.transaction():
        assert take_keys_early(conn, held) == 0
        land(other, held, ["Grace", "Edsger"])
        assert take_keys_early(conn, held) == 2
        assert reconcile(conn, held.run_id, 4, held=held)[0]
    assert active(conn) == {"Grace": (held.run_id, 1), "Edsger": (held.run_id, 2), "Ada": (held.run_id, 3)}


def test_finalizing_publishes_keys_taken_early_too(conn: Connection) -> None:
    """Whoever counts by himself ends the transaction as `reconcile` does."""
    held = claim(conn)
    land(conn, held, ["Ada", "Ada"])
    with conn.transaction():
        assert take_keys_early(conn, held) == 1
        assert finalize(conn, held.run_id, (2, 1, 1, 0), held=held) == "completed"
    assert active(conn) == {"Ada": (held.run_id, 1)}


def test_keys_without_a_publication_are_refused(conn: Connection) -> None:
    """A transaction that takes keys and publishes nothing keeps nothing."""
    held = claim(conn)
    land(conn, held, ["Ada"])
    with unchanged(conn), refused(NOT_PUBLISHED), conn.transaction():
        take_keys_early(conn, held)
    assert reconcile(conn, held.run_id, 1, held=held)[0]


def test_a_publication_that_fails_keeps_no_early_key(conn: Connection) -> None:
    """What does not add up cannot be committed with keys taken early; said again without them, the run is failed."""
    held = claim(conn, expected=2)
    land(conn, held, ["Ada"])
    with unchanged(conn), refused(NOT_PUBLISHED), conn.transaction():
        take_keys_early(conn, held)
        assert reconcile(conn, held.run_id, 2, held=held) == (False, 2, 1, -1)
    assert reconcile(conn, held.run_id, 2, held=held) == (False, 2, 1, -1)
    assert run(conn, held.run_id)["status"] == "failed"
    assert value(conn, "select count(*) from ingest.plaintiff_keys") == 0


def test_keys_of_undone_runs_come_with_the_publication(conn: Connection, other: Connection) -> None:
    """Fresh keys are taken early, those whose owner was undone at the end: together they are what the run inserts."""
    undone = imported(conn, "batch-1", ["Ada"])
    rollback(conn, undone)
    held = claim(conn, "batch-2", expected=3)
    land(conn, held, ["Grace"])
    with conn.transaction():
        take_keys_early(conn, held)
        land(other, held, ["Ada", "Grace"], chunk=1, first_row=2)
        assert take_keys_early(conn, held) == 2
        assert reconcile(conn, held.run_id, 3, held=held)[0]
    assert active(conn) == {"Grace": (held.run_id, 1), "Ada": (held.run_id, 2)}
    assert counts(conn, held.run_id) == (3, 2, 1, 0)


def test_a_run_that_is_replaced_gives_up_its_keys(conn: Connection) -> None:
    """Keys that the replaced run still held when keys were taken early are the new run's after the commit."""
    old = imported(conn, "batch-1", ["Ada", "Grace"])
    held = claim(conn, "batch-2", expected=2)
    land(conn, held, ["Grace", "Edsger"])
    with conn.transaction():
        take_keys_early(conn, held)
        assert reconcile(conn, held.run_id, 2, held=held, replaces=old)[0]
    assert active(conn) == {"Grace": (held.run_id, 1), "Edsger": (held.run_id, 2)}
    assert counts(conn, held.run_id) == (2, 2, 0, 0)


def test_an_announcement_without_rows_counts_for_nothing(conn: Connection) -> None:
    """Keys of a chunk whose rows follow in the same transaction are taken with them, not passed over."""
    held = claim(conn, expected=2)
    with conn.transaction():
        announce(conn, held, 2)
        assert take_keys_early(conn, held) == 0
        copy_rows(conn, held, ["Ada", "Grace"])
        conn.execute("set constraints ingest.landed_chunks_have_rows immediate")
        assert take_keys_early(conn, held) == 1
        assert reconcile(conn, held.run_id, 2, held=held)[0]
    assert active(conn) == {"Ada": (held.run_id, 1), "Grace": (held.run_id, 2)}
    assert counts(conn, held.run_id) == (2, 2, 0, 0)


def test_another_run_is_not_published_in_between(conn: Connection) -> None:
    """Who takes keys early is published first: else a later publication would hold what an earlier one should."""
    early, between = processing(conn, "batch-1", ["Ada"]), processing(conn, "batch-2", ["Ada"])
    with unchanged(conn), refused(NOT_PUBLISHED), conn.transaction():
        take_keys_early(conn, early)
        reconcile(conn, between.run_id, 1, held=between)


def test_whoever_asks_for_a_shorter_wait_keeps_it(conn: Connection) -> None:
    """The transaction may idle for ten seconds; no longer limit is set where there is a shorter one."""
    held = processing(conn, "batch-1", ["Ada"])
    for asked, is_kept in ("0", "10s"), ("2s", "2s"), ("1min", "10s"):
        with conn.transaction(force_rollback=True):
            conn.execute(f"set local idle_in_transaction_session_timeout = '{asked}'".encode())
            take_keys_early(conn, held)
            assert value(conn, "show idle_in_transaction_session_timeout") == is_kept


def test_a_run_whose_records_are_kept_elsewhere_is_finalized(conn: Connection) -> None:
    """Where nothing is landed nothing was taken: the counts of whoever counts by himself stand."""
    held = claim(conn)
    with conn.transaction():
        assert take_keys_early(conn, held) == 0
        assert finalize(conn, held.run_id, (5, 5, 0, 0), held=held) == "completed"


def test_a_worker_without_the_lease_takes_no_key(conn: Connection) -> None:
    """Once taken over, or of a run that does not exist, nothing is taken."""
    held = claim(conn, worker="worker-1")
    land(conn, held, ["Ada"])
    make_stale(conn, held.run_id)
    assert claim(conn, worker="worker-2").status == "claimed"
    nobody = Claim(UUID(int=0), 0, "claimed", 1, "worker-1")
    with unchanged(conn):
        with refused(LEASE_LOST):
            take_keys_early(conn, held)
        with refused(NO_SUCH_RUN):
            take_keys_early(conn, nobody)


def test_others_wait_for_the_publication_that_has_begun(conn: Connection, other: Connection) -> None:
    """A rollback of the same source system is done after it, and what it undoes has been counted right."""
    first = imported(conn, "batch-1", ["Ada"])
    held = claim(conn, "batch-2", expected=2)
    land(conn, held, ["Ada", "Grace"])
    with ThreadPoolExecutor(1) as pool:
        with conn.transaction():
            take_keys_early(conn, held)
            undoing = pool.submit(rollback, other, first)
            with psycopg.connect(conn.info.dsn, autocommit=True) as watching:
                until_blocked(watching, other)
            assert reconcile(conn, held.run_id, 2, held=held)[0]
        assert undoing.result() == (True, 1)
    assert active(conn) == {"Ada": (held.run_id, 1), "Grace": (held.run_id, 2)}
    assert counts(conn, held.run_id) == (2, 2, 0, 0)


def test_a_publication_under_way_is_not_waited_for(conn: Connection, other: Connection) -> None:
    """Where the source system is held by somebody else, taking keys early is given up."""
    held = claim(conn)
    land(conn, held, ["Ada"])
    imported(conn, "batch-2", ["Grace"])
    with other.transaction():
        other.execute("select from ingest.source_systems where source_system = %s for update", [SYSTEM])
        with unchanged(conn), refused(LOCK_NOT_AVAILABLE):
            take_keys_early(conn, held)


@pytest.fixture
def always_early(small_chunks: None, monkeypatch: pytest.MonkeyPatch) -> list[object]:  # noqa: ARG001 - a setting
    """Let every import publish early, and collect what came of that."""
    monkeypatch.setattr(early_keys, "SECONDS_OF_A_RECORD", 1.0)
    publish, answers = EarlyKeys.publish, list[object]()

    def told(self: EarlyKeys, operation: Callable[[psycopg.Connection], object]) -> object:
        answers.append(publish(self, operation))
        return answers[-1]

    monkeypatch.setattr(EarlyKeys, "publish", told)
    return answers


def test_an_import_publishes_what_it_took_early(
    always_early: list[object], conn: Connection, database: Database, csv_file: CsvFile
) -> None:
    """The counts of a file with repeated records are those of an import without early keys."""
    plaintiffs = [f"plaintiff{number % 50:03}" for number in range(80)]
    summary = import_file(csv_file("week.csv", plaintiffs, ",,,,,"), database, source_system=SYSTEM)
    assert (summary.rows_inserted, summary.rows_skipped, summary.rows_errored) == (50, 30, 1)
    assert always_early != [None]
    assert {row_number for _, row_number in active(conn).values()} == set(range(1, 51))
    assert reconcile(conn, summary.run_id)[0]


@pytest.mark.parametrize(("left_of_waiting", "longest_pause"), [(8, 1e6), (0, 0.0)])
def test_once_begun_it_goes_on(
    left_of_waiting: int,
    longest_pause: float,
    small_chunks: None,  # noqa: ARG001 - a setting
    monkeypatch: pytest.MonkeyPatch,
    conn: Connection,
    database: Database,
    csv_file: CsvFile,
) -> None:
    """Where enough chunks wait, and however slow the landing gets: where it is idle for long, its session is ended."""
    monkeypatch.setattr(early_keys, "_LEFT_OF_WAITING", left_of_waiting)
    monkeypatch.setattr(early_keys, "_LONGEST_PAUSE_SECONDS", longest_pause)
    begins, publish, chunks = iter([False, True]), EarlyKeys.publish, list[int]()
    monkeypatch.setattr(EarlyKeys, "_begins", lambda *_: next(begins))

    def told(self: EarlyKeys, operation: Callable[[psycopg.Connection], object]) -> object:
        def looking(held: psycopg.Connection) -> object:
            chunks.append(value(held, "select chunks from ingest.early_keys"))
            return operation(held)

        return publish(self, looking)

    monkeypatch.setattr(EarlyKeys, "publish", told)
    landed = []

    def has_taken_keys() -> bool:
        asleep = value(
            conn,
            """select count(*) from pg_stat_activity as a where a.datname = current_database()
            and a.state = 'idle in transaction' and position('take_keys_early' in a.query) > 0""",
        )
        return asleep == 1

    def wait_for_keys(progress: Progress) -> None:
        landed.append(progress)
        if len(landed) > 1:
            until(has_taken_keys, "keys are taken")

    path = csv_file("week.csv", (f"plaintiff{number:03}" for number in range(80)))
    assert import_file(path, database, source_system=SYSTEM, on_progress=wait_for_keys).rows_inserted == 80
    assert len(chunks) == 1
    assert chunks[0] > len(landed) - 2


@pytest.mark.usefixtures("always_early")
def test_an_import_outlives_the_session_that_takes_keys(
    conn: Connection, database: Database, csv_file: CsvFile
) -> None:
    """Ended in the midst of it, the session's keys are gone, and the run is published by another one."""
    ended = []

    def end_the_session(_: Progress) -> None:
        if not ended:
            ended.extend(
                conn.execute(
                    """select a.pid, pg_terminate_backend(a.pid, 5000)
                    from pg_stat_activity as a
                    where a.datname = current_database() and a.pid <> pg_backend_pid()
                        and position('take_keys_early' in a.query) > 0"""
                ).fetchall()
            )

    path = csv_file("week.csv", (f"plaintiff{number:03}" for number in range(80)))
    summary = import_file(path, database, source_system=SYSTEM, on_progress=end_the_session)
    assert ended
    assert (summary.status, summary.rows_inserted) == ("completed", 80)
    assert len(active(conn)) == 80


def test_what_fails_is_told_as_without_early_keys(
    always_early: list[object], conn: Connection, database: Database, csv_file: CsvFile
) -> None:
    """A control total that does not hold fails the run, and no key of it stays."""
    path = csv_file("week.csv", (f"plaintiff{number:03}" for number in range(80)))
    Path(f"{path}.manifest.json").write_text('{"total_amount": "1.00"}', encoding="utf-8")
    with pytest.raises(MoatError, match="total"):
        import_file(path, database, source_system=SYSTEM)
    assert always_early in ([], [None])
    assert value(conn, "select status::text from ingest.import_runs") == "failed"
    assert value(conn, "select count(*) from ingest.plaintiff_keys") == 0


@pytest.mark.usefixtures("always_early")
def test_an_interrupted_import_holds_nothing(conn: Connection, database: Database, csv_file: CsvFile) -> None:
    """Stopped in the midst, an import lets go of the source system at once, and its next attempt completes."""
    path = csv_file("week.csv", (f"plaintiff{number:03}" for number in range(80)))

    def interrupt(progress: Progress) -> None:
        if progress.done > progress.total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(path, database, source_system=SYSTEM, on_progress=interrupt)
    with conn.transaction():
        conn.execute("set local lock_timeout = '2s'")
        conn.execute("select from ingest.source_systems for update")
    assert value(conn, "select count(*) from ingest.plaintiff_keys") == 0
    assert import_file(path, database, source_system=SYSTEM).rows_inserted == 80
