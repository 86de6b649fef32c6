"""Views: what operators read is true."""

from datetime import timedelta
from typing import Any

from ledger_steps import (
    Connection,
    claim,
    fail,
    finalize,
    imported,
    land,
    make_stale,
    processing,
    reconcile,
    rollback,
    value,
)
from psycopg.rows import dict_row


def rows(conn: Connection, view: str) -> list[dict[str, Any]]:
    """Return a view's rows."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"select * from ingest.{view}".encode()).fetchall()


def only(conn: Connection, view: str) -> dict[str, Any]:
    """Return a view's only row."""
    (row,) = rows(conn, view)
    return row


def test_everything_is_described(conn: Connection) -> None:
    """Every table, view, function, type and table column has a comment: psql shows what it is."""
    undescribed = conn.execute(
        """
        select c.relname from pg_class as c
        where c.relnamespace = 'ingest'::regnamespace and c.relkind in ('r', 'v')
            and obj_description(c.oid, 'pg_class') is null
        union all
        select c.relname || '.' || a.attname from pg_class as c inner join pg_attribute as a on a.attrelid = c.oid
        where c.relnamespace = 'ingest'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
            and col_description(c.oid, a.attnum) is null
        union all
        select p.proname from pg_proc as p
        where p.pronamespace = 'ingest'::regnamespace and obj_description(p.oid, 'pg_proc') is null
        union all
        select t.typname from pg_type as t
        where t.typnamespace = 'ingest'::regnamespace and t.typtype = 'e' and obj_description(t.oid, 'pg_type') is null
        """
    ).fetchall()
    assert undescribed == []


def test_latest_runs_are_twenty_newest_first(conn: Connection) -> None:
    """The view shows the 20 runs claimed last, the newest first, in whatever state they are."""
    claimed = [claim(conn, f"batch-{n:02}").run_id for n in range(22)]
    assert [row["id"] for row in rows(conn, "v_latest_runs")] == claimed[:1:-1]


def test_runs_tell_duration_and_staleness(conn: Connection) -> None:
    """A completed run has its seconds; a processing one is stale once its holder was silent too long."""
    imported(conn, "a", ["Ada"])
    held = claim(conn, "b")
    completed, open_run = sorted(rows(conn, "v_runs"), key=lambda row: row["source_batch_id"])
    assert completed["seconds"] >= 0
    assert (open_run["seconds"], open_run["is_stale"], completed["is_stale"]) == (None, False, False)
    make_stale(conn, held.run_id)
    assert {row["source_batch_id"] for row in rows(conn, "v_runs") if row["is_stale"]} == {"b"}


def test_every_blocked_duplicate_is_listed(conn: Connection) -> None:
    """Each refused claim of a completed delivery is a row; a claim that was told in_progress is none."""
    run_id = imported(conn, "a", ["Ada"])
    claim(conn, "b", worker="worker-1")
    claim(conn, "b", worker="worker-2")
    assert rows(conn, "v_duplicates_blocked") == []
    for worker in ("worker-3", "worker-4"):
        claim(conn, "a", worker=worker)
    blocked = rows(conn, "v_duplicates_blocked")
    assert sorted(row["worker_id"] for row in blocked) == ["worker-3", "worker-4"]
    assert {(row["id"], row["source_batch_id"], row["offered_as"]) for row in blocked} == {
        (run_id, "a", "plaintiffs.csv")
    }
    assert all(row["blocked_at"] > row["completed_at"] for row in blocked)


def test_reconciliation_failures_of_both_kinds(conn: Connection) -> None:
    """Counts that did not agree are listed, whether reconcile recounted them or finalize was contradicted."""
    recounted = processing(conn, "a", ["Ada", "Grace"])
    reconcile(conn, recounted.run_id, 5, held=recounted)
    reported = processing(conn, "b", ["Ada", "Grace"])
    finalize(conn, reported.run_id, (3, 3, 0, 0), held=reported)
    fail(conn, processing(conn, "c", ["Ada"]))
    imported(conn, "d", ["Ada"])
    listed = {
        row["source_batch_id"]: (row["expected_count"], row["actual_count"], row["delta"], row["status"])
        for row in rows(conn, "v_reconciliation_failures")
    }
    assert listed == {"a": (5, 2, -3, "failed"), "b": (3, 2, -1, "failed")}


def test_reported_details_cannot_break_the_list_of_failures(conn: Connection) -> None:
    """A caller's own error details, however they look, are no reconciliation failure and no error for the operator."""
    held = claim(conn)
    details = {"fatal": True, "code": "RECONCILIATION_MISMATCH", "reported": {"rows_fetched": "many"}, "expected": "x"}
    finalize(conn, held.run_id, (0, 0, 0, 0), details, held=held)
    assert rows(conn, "v_reconciliation_failures") == []


def test_rollback_can_be_verified(conn: Connection) -> None:
    """An undone run shows what it had landed and that none of it is active, even where another run holds the same."""
    undone = imported(conn, "a", ["Ada", None])
    imported(conn, "b", ["Ada"])
    assert rows(conn, "v_rollback_verification") == []
    rollback(conn, undone, "bad file")
    row = only(conn, "v_rollback_verification")
    assert (row["id"], row["rollback_reason"]) == (undone, "bad file")
    assert (row["rows_landed"], row["rows_rolled_back"], row["rows_still_active"]) == (2, 2, 0)


def test_runs_in_progress_show_how_far_they_are(conn: Connection) -> None:
    """A run that somebody holds shows holder, expected and landed records, and the time since its last sign of life."""
    imported(conn, "a", ["Ada"])
    held = claim(conn, "b", worker="worker-7", expected=10)
    land(conn, held, ["Ada", "Grace", None])
    make_stale(conn, held.run_id)
    row = only(conn, "v_in_progress_runs")
    assert (row["id"], row["worker_id"], row["attempt"]) == (held.run_id, "worker-7", 1)
    assert (row["rows_expected"], row["rows_landed"], row["is_stale"]) == (10, 3, True)
    assert timedelta(minutes=31) <= row["since_last_sign_of_life"] < timedelta(minutes=32)


def test_failed_runs_show_why(conn: Connection) -> None:
    """A failed run shows its code and details; once it is claimed again it is listed no more."""
    held = processing(conn, "a", ["Ada"])
    fail(conn, held, "DISK_FULL")
    row = only(conn, "v_failed_runs")
    assert (row["id"], row["error_code"], row["error_details"]["fatal"]) == (held.run_id, "DISK_FULL", True)
    claim(conn, "a")
    assert rows(conn, "v_failed_runs") == []


def test_source_system_stats_count_completed_rows(conn: Connection) -> None:
    """Runs are counted by state, records of completed runs only; each source system is a row."""
    imported(conn, "a", ["Ada", "Ada", None])
    imported(conn, "b", ["Ada", "Grace"])
    rollback(conn, imported(conn, "c", ["Mary"]))
    fail(conn, processing(conn, "d", ["Joan"]))
    claim(conn, "e")
    claim(conn, "f", system="jbi")
    stats = {row.pop("source_system"): row for row in rows(conn, "v_source_system_stats")}
    last = stats["simplicity"].pop("last_completed_at")
    assert last == value(conn, "select max(completed_at) from ingest.import_runs where status = 'completed'")
    assert stats["simplicity"] == {
        "runs": 5,
        "completed": 2,
        "failed": 1,
        "processing": 1,
        "rolled_back": 1,
        "rows_fetched": 5,
        "rows_inserted": 2,
        "rows_skipped": 2,
        "rows_errored": 1,
    }
    assert (stats["jbi"]["runs"], stats["jbi"]["rows_fetched"], stats["jbi"]["last_completed_at"]) == (1, 0, None)


def test_rejects_are_listed_in_every_state(conn: Connection) -> None:
    """A reject is seen from the moment it is landed and stays to be seen when its run is undone."""
    held = processing(conn, "a", ["Ada", None])
    reject = only(conn, "v_rejects")
    assert (reject["row_number"], reject["line_start"], reject["error_code"]) == (2, 3, "MISSING_NAME")
    reconcile(conn, held.run_id, held=held)
    rollback(conn, held.run_id)
    assert only(conn, "v_rejects") == reject


def test_chunks_are_listed_as_announced(conn: Connection) -> None:
    """A landed chunk shows its range, records and digest: what a continued run need not land again."""
    held = claim(conn)
    land(conn, held, ["Ada", "Grace"], chunk=3, first_row=7)
    row = only(conn, "v_landed_chunks")
    assert (row["chunk_no"], row["byte_start"], row["byte_end"]) == (3, 3000, 4000)
    assert (row["first_row"], row["records"], row["digest"], row["attempt"]) == (7, 2, "00" * 32, 1)


def test_active_keys_are_those_of_plaintiffs(conn: Connection) -> None:
    """Of the keys that a dry run asks for, those of active plaintiffs come back; an undone run's do not."""
    imported(conn, "a", ["Ada"])
    undone = imported(conn, "b", ["Grace"])
    keys = [key for (key,) in conn.execute("select dedupe_key from ingest.landed_rows order by plaintiff_name")]
    asked = "select array_agg(key) from ingest.active_keys(%s::uuid[]) as key"
    assert set(value(conn, asked, keys)) == set(keys)
    rollback(conn, undone)
    assert value(conn, asked, keys) == keys[:1]


def test_outcomes_are_found_alike_for_small_and_large_runs(conn: Connection) -> None:
    """A large run's are found by a join with all keys, a small one's one by one; undone, both lose them alike."""
    looked_up_below = 10_000
    small = imported(conn, "small", ["Ada", None, "Ada"])
    large = imported(conn, "large", [*map(str, range(looked_up_below)), "Ada", None, "Cyd", "Cyd"])

    def outcomes() -> list[list[str]]:
        statement = "select status from ingest.plaintiffs_raw where import_run_id = %s order by row_number desc limit 4"
        return [[status for (status,) in conn.execute(statement, (run,))][::-1] for run in (small, large)]

    assert outcomes() == [["inserted", "failed", "skipped"], ["skipped", "failed", "inserted", "skipped"]]
    rollback(conn, small)
    assert outcomes() == [["rolled_back"] * 3, ["inserted", "failed", "inserted", "skipped"]]
    rollback(conn, large)
    assert outcomes() == [["rolled_back"] * 3, ["rolled_back"] * 4]
    assert value(conn, "select count(*) from ingest.plaintiffs_raw where status <> 'rolled_back'") == 0
