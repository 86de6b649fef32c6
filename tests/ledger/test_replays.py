"""Runs that replay the rejects of another: what they may stand for, what that fixes, and that it cannot be changed."""

import csv
from collections.abc import Callable, Sequence
from uuid import UUID

import pytest
from click.testing import Result
from ledger_steps import (
    LEASE_LOST,
    NO_SUCH_RUN,
    WRONG_RUN,
    Claim,
    Connection,
    active,
    claim,
    counts,
    details_of,
    events,
    fail,
    imported,
    land,
    processing,
    reconcile,
    refused,
    rollback,
    run,
    unchanged,
    value,
)
from tampering import broken, rehash, tamper


def fixing(conn: Connection, batch: str, records: Sequence[str | None], stand_for: Sequence[int | None]) -> Claim:
    """Claim a corrected file and land it, not yet published."""
    held = claim(conn, batch, expected=len(records))
    land(conn, held, records, stand_for=stand_for)
    return held


def replayed(
    conn: Connection, batch: str, parent: UUID, records: Sequence[str | None], stand_for: Sequence[int | None]
) -> UUID:
    """Claim, land and publish a corrected file; return its run."""
    held = fixing(conn, batch, records, stand_for)
    assert reconcile(conn, held.run_id, held=held, replays=parent)[0]
    return held.run_id


def outstanding(conn: Connection, run_id: UUID) -> int:
    """How many rejects of the run nothing valid and active stands for."""
    return int(value(conn, "select outstanding from ingest.reject_counts(%s)", run_id))


def test_link_is_published_with_the_records(conn: Connection) -> None:
    """Not before; both chains tell of it, the parent's counts stay, and the answer that was lost is given again."""
    parent = imported(conn, "a", ["Ada", None, None])
    before = counts(conn, parent)
    held = fixing(conn, "fixed", ["Ben", "Cyd"], [2, 3])
    assert outstanding(conn, parent) == 2
    for _ in range(2):
        assert reconcile(conn, held.run_id, held=held, replays=parent) == (True, 2, 2, 0)
    assert (outstanding(conn, parent), active(conn).keys()) == (0, {"Ada", "Ben", "Cyd"})
    assert (run(conn, held.run_id)["replays"], counts(conn, parent)) == (parent, before)
    assert events(conn, held.run_id) == ["claimed", "completed", "replay", "reconciled", "reconciled"]
    told = details_of(conn, parent, "replayed")
    assert (told["replayed_by"], told["records"]) == (str(held.run_id), 2)
    assert told["fixes_digest"] == details_of(conn, held.run_id, "replay")["fixes_digest"]


def test_finalize_publishes_the_link_as_well(conn: Connection) -> None:
    """The other way to complete a run."""
    parent = imported(conn, "a", [None])
    held = fixing(conn, "fixed", ["Ben"], [1])
    statement = "select ingest.finalize_import_run(%s, 1, 1, 0, 0, p_attempt => %s, p_replays => %s)"
    for _ in range(2):
        assert value(conn, statement, held.run_id, held.attempt, parent) == "completed"
    assert outstanding(conn, parent) == 0


def test_what_is_fixed_follows_from_the_active_runs(conn: Connection) -> None:
    """A reject counts once, whoever stands for it; one that failed again is fixed through its own run."""
    parent = imported(conn, "a", [None, None, None, "Ada"])
    first = replayed(conn, "1", parent, ["Ben", "Ada"], [1, 2])
    second = replayed(conn, "2", parent, ["Ben", None, "Eve"], [1, 3, None])
    assert (outstanding(conn, parent), outstanding(conn, second)) == (1, 1)
    third = replayed(conn, "3", second, ["Cyd"], [2])
    assert (outstanding(conn, parent), outstanding(conn, second)) == (0, 0)

    rollback(conn, first)
    assert outstanding(conn, parent) == 1
    # the record that stands for a reject of the run in between stays active, and so does what it fixes
    rollback(conn, second)
    assert outstanding(conn, parent) == 2
    rollback(conn, third)
    assert outstanding(conn, parent) == 3
    assert broken(conn) == ""


def test_a_reject_of_a_correction_is_fixed_with_the_one_that_it_stands_for(conn: Connection) -> None:
    """By a later run, however many corrections lie between; not by the other half of a record that was made two."""
    first = imported(conn, "a", [None, None])
    second = replayed(conn, "1", first, ["Ben", None, None], [1, 1, 2])
    third = replayed(conn, "2", second, [None, None], [2, 3])
    assert [outstanding(conn, run_id) for run_id in (first, second, third)] == [1, 2, 2]
    half = replayed(conn, "3", second, ["Cyd"], [2])
    assert [outstanding(conn, run_id) for run_id in (first, second, third)] == [1, 1, 1]
    fixed = replayed(conn, "4", first, ["Dot"], [2])
    assert [outstanding(conn, run_id) for run_id in (first, second, third)] == [0, 0, 0]
    rows = conn.execute("select row_number, fixed_by_run from ingest.fixed_rejects(%s)", (third,)).fetchall()
    assert dict(rows) == {1: half, 2: fixed}
    again = replayed(conn, "5", first, [None], [2])
    assert outstanding(conn, again) == 1
    rollback(conn, fixed)
    assert [outstanding(conn, run_id) for run_id in (first, second, third)] == [1, 1, 1]


@pytest.mark.parametrize(
    "what",
    ["unknown", "itself", "same bytes", "another vendor", "processing", "undone", "no reject", "no record", "nothing"],
)
def test_what_cannot_be_replayed(conn: Connection, what: str) -> None:
    """The refusal is an error of its own, nothing is published, and neither run changes."""
    held = fixing(conn, "fixed", ["Ben"], [{"no reject": 1, "no record": 9, "nothing": None}.get(what, 2)])
    parent: UUID = UUID(int=0)
    if what == "itself":
        parent = held.run_id
    elif what == "same bytes":
        file_hash = run(conn, held.run_id)["file_hash"]
        parent = value(
            conn, "select run_id from ingest.claim_import_run('simplicity', 'b', %s, p_expected_count => 2)", file_hash
        )
        land(conn, Claim(parent, value(conn, "select ingest._run_no(%s)", parent), "claimed", 1, None), ["Ada", None])
        assert reconcile(conn, parent)[0]
    elif what == "processing":
        parent = processing(conn, "a", ["Ada", None]).run_id
    elif what != "unknown":
        parent = imported(conn, "a", ["Ada", None], system="jbi" if what == "another vendor" else "simplicity")
    if what == "undone":
        rollback(conn, parent)
    with unchanged(conn), refused(NO_SUCH_RUN if what == "unknown" else WRONG_RUN):
        reconcile(conn, held.run_id, held=held, replays=parent)


def test_records_that_stand_for_rejects_are_not_published_without_their_parent(conn: Connection) -> None:
    """Neither without naming one, nor for a second one, nor once published without."""
    parent, other = imported(conn, "a", ["Ada", None]), imported(conn, "b", ["Ben", None])
    held = fixing(conn, "fixed", ["Cyd"], [2])
    with unchanged(conn), refused(WRONG_RUN):
        reconcile(conn, held.run_id, held=held)
    assert reconcile(conn, held.run_id, held=held, replays=parent)[0]
    without = imported(conn, "c", ["Dot"])
    with unchanged(conn):
        for run_id, of in ((held.run_id, other), (without, parent)):
            with refused(WRONG_RUN):
                reconcile(conn, run_id, replays=of)


def test_lost_lease_replays_nothing_and_describes_nothing(conn: Connection) -> None:
    """A worker whose run was failed meanwhile is refused."""
    parent = imported(conn, "a", [None])
    held = fixing(conn, "fixed", ["Ben"], [1])
    describe = """select ingest.describe_source(%s, '{"columns": ["Name"]}', %s, %s)"""
    conn.execute(describe, (held.run_id, held.worker, held.attempt))
    fail(conn, held)
    claim(conn, "fixed", worker="worker-2")
    with unchanged(conn):
        with refused(LEASE_LOST):
            reconcile(conn, held.run_id, held=held, replays=parent)
        with refused(LEASE_LOST):
            conn.execute(describe, (held.run_id, held.worker, held.attempt))
    assert outstanding(conn, parent) == 1


def test_layout_of_a_source_holds_no_number(conn: Connection) -> None:
    """A file without a header line has people's data for its columns' names."""
    held = claim(conn, "a")
    with unchanged(conn), refused("ML007"):
        conn.execute(
            """select ingest.describe_source(%s, '{"columns": ["123-45-6789"]}', %s, %s)""",
            (held.run_id, held.worker, held.attempt),
        )


def test_changed_links_are_found(conn: Connection) -> None:
    """A link to another reject, to no reject, none any more, one too many, another parent: each is named."""
    parent, other = imported(conn, "a", ["Ada", None, None]), imported(conn, "b", [None, None, None])
    child = replayed(conn, "fixed", parent, ["Ben", "Cyd"], [2, None])
    assert broken(conn) == ""
    conn.execute("create table kept_rows as table ingest.landed_rows")
    its_row = f"run_no = ingest._run_no('{child}') and row_number"
    row = f"update ingest.landed_rows set replays_row = {{}} where {its_row} = {{}}"
    restore = (
        "update ingest.landed_rows as l set replays_row = k.replays_row from kept_rows as k"
        " where (k.run_no, k.row_number) = (l.run_no, l.row_number)"
    )
    for change in (row.format(3, 1), row.format(1, 1), row.format("null", 1), row.format(3, 2)):
        tamper(conn, [change])
        assert broken(conn) == "REPLAY replays_row of landed_rows", change
        tamper(conn, [restore])
    tamper(conn, [row.format(1, 1).replace(str(child), str(other))])
    assert broken(conn) == "REPLAY replays_row of landed_rows"
    tamper(conn, [restore, f"update ingest.import_runs set replays = '{other}' where id = '{child}'"])
    assert broken(conn) == "REPLAY column replays"
    tamper(conn, [f"update ingest.import_runs set replays = '{parent}' where id = '{child}'"])
    assert broken(conn) == ""

    # where the child's chain was made anew to fit, the row that is no reject and the parent's event tell
    fit = (
        "update ingest.run_events set details = details || jsonb_build_object('fixes_digest',"
        f" ingest.fixes_digest('{child}')) where import_run_id = '{child}' and event = 'replay'"
    )
    tamper(conn, [row.format(1, 1), fit, rehash(child)])
    assert broken(conn) == "REPLAY row 1"
    tamper(conn, [row.format(3, 1), fit, rehash(child)])
    assert broken(conn) == "REPLAY replays_row of landed_rows"


def test_a_reject_without_a_message_is_exported_too(conn: Connection, run_moat: Callable[..., Result]) -> None:
    """A client of SQL may land one: it has a code, and that is all that the ledger asks of it."""
    parent = imported(conn, "parent", ["Ada", None])
    exported = run_moat("rejects", parent)
    assert exported.exit_code == 0
    (record,) = csv.DictReader(exported.stdout.splitlines())
    assert (record["error_code"], record["error_message"]) == ("MISSING_NAME", "")
