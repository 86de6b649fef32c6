"""Verifying: whatever is changed behind the ledger's back is named, and nothing else ever is."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from ledger_steps import (
    Connection,
    claim,
    fail,
    imported,
    land,
    make_stale,
    processing,
    reconcile,
    rollback,
    value,
)
from psycopg.rows import dict_row
from tampering import backup, broken, rehash, tamper, unguarded

from plaintiff_moat.attest import make_certificate, make_checkpoint
from plaintiff_moat.audit import verify
from plaintiff_moat.errors import EvidenceBroken
from plaintiff_moat.evidence import Certificate, Checkpoint, check_certificate
from plaintiff_moat.evidence.certificates import dumps

A_COLUMN_EACH = {
    "import_run_id": "gen_random_uuid()",
    "seq": "seq + 1000",
    "at": "at + interval '1 microsecond'",
    "actor": "actor || '.'",
    "worker_id": "coalesce(worker_id || '.', '')",
    "attempt": "attempt + 1",
    "event": "case event when 'claimed' then 'failed' else 'claimed' end",
    "details": """details || '{"reason": "another"}'""",
    "prev_hash": "sha256(prev_hash)",
    "hash": "sha256(hash)",
}

_OF_FIRST = "run_no = ingest._run_no('{first}')"

CONTRADICTIONS = [
    ("update ingest.import_runs set file_hash = 'ff' where id = '{first}'", "IDENTITY"),
    ("update ingest.import_runs set source_batch_id = 'x' where id = '{first}'", "IDENTITY"),
    ("update ingest.import_runs set filename = 'x' where id = '{first}'", "IDENTITY"),
    ("update ingest.import_runs set run_no = default where id = '{failed}'", "IDENTITY"),
    ("update ingest.import_runs set status = 'failed' where id = '{first}'", "STATUS"),
    ("update ingest.import_runs set attempt = 7 where id = '{first}'", "ATTEMPT"),
    ("update ingest.import_runs set publish_seq = 70 where id = '{first}'", "PUBLISH_SEQ"),
    ("update ingest.import_runs set rows_fetched = 4, rows_errored = 2 where id = '{first}'", "COUNTS"),
    ("update ingest.import_runs set rows_inserted = 1, rows_skipped = 1 where id = '{first}'", "COUNTS"),
    ("update ingest.import_runs set rows_inserted = 2, rows_skipped = 1 where id = '{undone}'", "COUNTS"),
    ("update ingest.import_runs set rows_inserted = 1, rows_skipped = 1 where id = '{heir}'", "COUNTS"),
    ("update ingest.import_runs set worker_id = 'x' where id = '{first}'", "CLAIM"),
    ("update ingest.import_runs set claimed_at = claimed_at - interval '1 us' where id = '{stale}'", "CLAIM"),
    ("update ingest.import_runs set completed_at = completed_at + interval '1 us' where id = '{heir}'", "TIME"),
    ("update ingest.import_runs set completed_at = now() where id = '{failed}'", "TIME"),
    ("update ingest.import_runs set rolled_back_at = now() where id = '{undone}'", "TIME"),
    ("update ingest.import_runs set withheld = true where id = '{undone}'", "RELEASE"),
    ("update ingest.import_runs set release_reason = 'x' where id = '{undone}'", "REASON"),
    ("update ingest.import_runs set withheld = false where id = '{heir}'", "RELEASE"),
    ("update ingest.import_runs set replaces = null where id = '{newer}'", "REPLACEMENT"),
    ("update ingest.import_runs set replaces = '{heir}' where id = '{first}'", "REPLACEMENT"),
    ("update ingest.import_runs set replaced_by = '{first}' where id = '{older}'", "REPLACEMENT"),
    ("update ingest.import_runs set error_details = '{{\"code\": \"X\"}}' where id = '{failed}'", "REASON"),
    ("update ingest.import_runs set expected_count = 4 where id = '{first}'", "CLAIM"),
    ("update ingest.import_runs set reader_fingerprint = 'x' where id = '{first}'", "CLAIM"),
    ("update ingest.import_runs set rollback_reason = 'none' where id = '{undone}'", "REASON"),
    ("update ingest.landed_rows set dedupe_key = gen_random_uuid() where plaintiff_name = 'Ada'", "RECOUNT"),
    (f"update ingest.landed_rows set row_number = 9 where {_OF_FIRST} and row_number = 3", "LANDED"),
    (f"update ingest.landed_rows set chunk_no = 9 where {_OF_FIRST} and row_number = 2", "LANDED"),
    (f"delete from ingest.landed_rows where {_OF_FIRST} and row_number = 3", "LANDED"),
    ("delete from ingest.landed_rows where run_no = ingest._run_no('{undone}') and row_number = 2", "LANDED"),
    ("update ingest.landed_chunks set digest = 'ff' where import_run_id = '{first}'", "CHUNKS"),
    ("update ingest.landed_chunks set byte_end = 7 where import_run_id = '{first}'", "CHUNKS"),
    ("update ingest.landed_chunks set first_row = 2 where import_run_id = '{first}'", "CHUNKS"),
    ("delete from ingest.landed_chunks where import_run_id = '{first}'", "CHUNKS"),
    ("delete from ingest.plaintiff_keys where owner_run_no = ingest._run_no('{second}')", "RECOUNT"),
    ("update ingest.plaintiff_keys set owner_row_number = 3 where owner_run_no = ingest._run_no('{first}')", "RECOUNT"),
    ("insert into ingest.plaintiff_keys select gen_random_uuid(), ingest._run_no('{first}'), 3", "KEY_OWNER"),
    ("insert into ingest.plaintiff_keys select gen_random_uuid(), ingest._run_no('{failed}'), 1", "KEY_OWNER"),
    ("delete from ingest.event_heads where import_run_id = '{first}'", "HEAD"),
    ("delete from ingest.run_events where import_run_id = '{failed}'", "CHECKPOINT_HEAD"),
    ("delete from ingest.import_runs where id = '{failed}'", "NO_RUN"),
    ("insert into ingest.landed_rows values (0, 1, 0, 2, null, null, null, 'MISSING_NAME')", "NO_RUN"),
    ("update ingest.checkpoints set root = sha256(root)", "CHECKPOINT_ROOT"),
    ("update ingest.checkpoint_heads set seq = seq + 1 where import_run_id = '{first}'", "CHECKPOINT_HEAD"),
]  # fmt: skip


@pytest.fixture
def runs(conn: Connection) -> dict[str, UUID]:
    """Runs in every state: completed ones that share a record, undone, replaced, failed, taken over, waiting.

    And one that a crash left with its second chunk and without its first.
    """
    made = {"first": imported(conn, "first", ["Ada", "Ben", None]), "second": imported(conn, "second", ["Ben", "Cy"])}
    undone = imported(conn, "undone", ["Cy", "Dee", "Dee"])
    made["heir"] = imported(conn, "heir", ["Dee", "Eve"])
    rollback(conn, undone, "bad month")
    rollback(conn, made["heir"], "bad month too")
    conn.execute("select ingest.release_import_run(%s, 'it was right')", (undone,))
    made["older"] = imported(conn, "older", ["Kim"])
    newer = processing(conn, "newer", ["Kim", "Lou"])
    assert reconcile(conn, newer.run_id, held=newer, replaces=made["older"])[0]
    cut = claim(conn, "cut", expected=5)
    land(conn, cut, ["Ida", "Joe"], chunk=1, first_row=4)
    failed = claim(conn, "failed")
    fail(conn, failed)
    stale = processing(conn, "stale", ["Flo"], worker="worker-1")
    claim(conn, "stale", worker="worker-2")
    make_stale(conn, stale.run_id)
    claim(conn, "stale", worker="worker-2")
    conn.execute(
        "insert into ingest.import_runs (source_system, source_batch_id, file_hash) values ('simplicity', 'new', 'x')"
    )
    claim(conn, "first", worker="worker-9")
    reconcile(conn, made["first"])
    imported(conn, "other", ["Ada"], system="jbi")
    return made | {"undone": undone, "failed": failed.run_id, "stale": stale.run_id, "newer": newer.run_id}


def events_of(conn: Connection, count: int) -> list[dict[str, Any]]:
    """The first so many events, as they are stored."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "select * from ingest.run_events order by import_run_id, seq limit %s", (count,)
        ).fetchall()


def every_mutation_is_found(conn: Connection, events: list[dict[str, Any]]) -> int:
    """Change each column of each event, delete and repeat each event; how often that was done and found."""
    tried = 0
    conn.execute("create table kept as table ingest.run_events")
    with unguarded(conn):
        conn.execute("alter table ingest.run_events drop constraint run_events_pkey")
        for event in events:
            place = "import_run_id = %(import_run_id)s and seq = %(seq)s"
            changes = [
                f"update ingest.run_events set {name} = {new} where {place}" for name, new in A_COLUMN_EACH.items()
            ]
            delete = f"delete from ingest.run_events where {place}"
            repeat = f"insert into ingest.run_events select * from kept where {place}"
            for change in (*changes, delete, repeat):
                conn.execute(change.encode(), event)
                finding = verify(conn).finding
                assert finding is not None, change
                assert finding.check != "GUARD", change
                if "set import_run_id" not in change:
                    expected = event["seq"] + (change == repeat)
                    last = (finding.check, finding.where) == ("HEAD", "event_heads")
                    assert finding.run == str(event["import_run_id"])
                    assert finding.where == f"event {expected}" or (last or finding.check == "NO_EVENTS"), change
                conn.execute(
                    "delete from ingest.run_events where import_run_id not in (select import_run_id from kept)"
                )
                conn.execute("delete from ingest.run_events where import_run_id = %(import_run_id)s", event)
                conn.execute(
                    "insert into ingest.run_events select * from kept where import_run_id = %(import_run_id)s", event
                )
                tried += 1
        conn.execute("alter table ingest.run_events add constraint run_events_pkey primary key (import_run_id, seq)")
    return tried


@pytest.mark.usefixtures("runs")
def test_untouched_runs_hold(conn: Connection) -> None:
    """Runs in every state raise no alarm, one by one and all together, before and after a checkpoint."""
    report = verify(conn)
    assert report.finding is None
    assert report.events == value(conn, "select count(*) from ingest.run_events")
    assert report.records == value(conn, "select count(*) from ingest.landed_rows")
    make_checkpoint(conn)
    assert broken(conn) == ""
    for (run_id,) in conn.execute("select id from ingest.import_runs").fetchall():
        assert verify(conn, run_id).finding is None
        assert check_certificate(make_certificate(conn, run_id)).finding is None


@pytest.mark.usefixtures("runs")
def test_a_changed_event_is_found_and_named(conn: Connection) -> None:
    """Each column of an event, an event that is gone, and one that is there twice: found, by its run and number."""
    assert every_mutation_is_found(conn, events_of(conn, 4)) == 4 * 12
    assert broken(conn) == ""


def test_swapped_and_inserted_events_are_found(conn: Connection, runs: dict[str, UUID]) -> None:
    """Two events that changed places, and an event that is put in at the end, even with a hash that fits."""
    run = runs["first"]
    swap = [
        f"update ingest.run_events set seq = {new} where import_run_id = '{run}' and seq = {old}"
        for old, new in ((1, 99), (2, 1), (99, 2))
    ]
    tamper(conn, swap)
    assert broken(conn) == "PREVIOUS_HASH event 1"
    tamper(conn, swap)
    assert broken(conn) == ""
    last = value(conn, "select max(seq) from ingest.run_events where import_run_id = %s", run)
    columns = "import_run_id, seq, at, actor, attempt, event, details, prev_hash, hash"
    values = "import_run_id, seq + 1, at, actor, attempt, 'reconciled', '{}', hash, ''"
    insert = f"insert into ingest.run_events ({columns}) select {values} from ingest.run_events"
    fit = "update ingest.run_events as e set hash = ingest._event_hash(e) where e.hash = ''"
    tamper(conn, [f"{insert} where import_run_id = '{run}' and seq = {last}", fit])
    assert broken(conn) == "HEAD event_heads"


def test_a_cut_tail_and_a_rewrite_are_found_against_a_checkpoint(conn: Connection, runs: dict[str, UUID]) -> None:
    """A history that is consistent in itself is still not the one that was seen; a kept file shows it."""
    run = runs["first"]
    kept = Checkpoint.loads(make_checkpoint(conn).dumps())
    last = value(conn, "select max(seq) from ingest.run_events where import_run_id = %s", run)
    cut = f"delete from ingest.run_events where import_run_id = '{run}' and seq = {last}"
    rewrite = f"update ingest.run_events set actor = 'somebody' where import_run_id = '{run}' and seq = 1"
    forget = ["delete from ingest.checkpoint_heads", "delete from ingest.checkpoints"]
    conn.execute("create table kept as table ingest.run_events")
    for change, place in ((cut, f"event {last}"), (rewrite, f"event {last}")):
        tamper(conn, [change, rehash(run)])
        # the ledger's own record of the checkpoint shows it as long as it is there
        assert broken(conn) == f"CHECKPOINT_HEAD {place}"
        assert broken(conn, kept) == f"CHECKPOINT_HEAD {place}"
        tamper(
            conn,
            [
                "delete from ingest.run_events",
                "insert into ingest.run_events table kept",
                rehash(run),
            ],
        )
        assert broken(conn, kept) == ""
    tamper(conn, [rewrite, rehash(run), *forget])
    assert broken(conn) == ""
    assert broken(conn, kept) == "CHECKPOINT checkpoint 1 of the ledger"
    # even when the attacker takes that checkpoint again
    make_checkpoint(conn)
    assert broken(conn) == ""
    assert broken(conn, kept) == "CHECKPOINT checkpoint 1 of the ledger"


def test_a_deleted_run_is_found_against_a_checkpoint(conn: Connection, runs: dict[str, UUID]) -> None:
    """A run of which no table says anything any more is still in the kept file."""
    kept = make_checkpoint(conn)
    tables = ("run_events", "event_heads", "landed_chunks", "checkpoint_heads")
    gone = [f"delete from ingest.{table} where import_run_id = '{runs['failed']}'" for table in tables]
    gone.append(f"delete from ingest.landed_rows where run_no = ingest._run_no('{runs['failed']}')")
    gone.append(f"delete from ingest.import_runs where id = '{runs['failed']}'")
    tamper(conn, gone)
    assert broken(conn) == "CHECKPOINT_SIZE checkpoint 1"
    assert broken(conn, kept) == "CHECKPOINT_HEAD import_runs"


def test_growth_is_no_alarm(conn: Connection, runs: dict[str, UUID]) -> None:
    """More events, more runs, corrected counts and more checkpoints leave a kept checkpoint as true as it was."""
    kept = make_checkpoint(conn)
    imported(conn, "later", ["Ada", "Gus"])
    rollback(conn, runs["first"], "again")
    claim(conn, "second", worker="worker-7")
    held = claim(conn, "failed", expected=1)
    land(conn, held, ["Hal"])
    assert reconcile(conn, held.run_id, held=held)[0]
    make_checkpoint(conn)
    assert broken(conn, kept) == ""
    assert verify(conn, runs["first"], checkpoint=kept).finding is None


def test_what_contradicts_the_events_is_found(conn: Connection, runs: dict[str, UUID]) -> None:
    """A run's columns, its rows, chunks, keys and heads cannot be changed without a contradiction."""
    make_checkpoint(conn)
    restore = backup(conn)
    for change, check in CONTRADICTIONS:
        tamper(conn, [change.format(**runs)])
        assert broken(conn).split()[:1] == [check], change
        tamper(conn, restore)
    assert broken(conn) == ""


def test_a_guard_that_is_off_is_found(conn: Connection) -> None:
    """A trigger that keeps history from being changed, and is disabled, is named."""
    conn.execute("alter table ingest.run_events disable trigger run_events_append_only")
    assert broken(conn) == "GUARD trigger run_events_append_only on run_events"


@pytest.mark.parametrize(
    ("relation", "name"),
    [("landed_rows", "landed_rows_guard"), ("source_systems", "source_systems_hold_no_numbers")],
)
def test_a_guard_that_calls_another_function_is_found(conn: Connection, relation: str, name: str) -> None:
    """A trigger of the same name that does nothing is none, and neither is one that is gone."""
    found = f"GUARD trigger {name} on {relation}"
    conn.execute(f"drop trigger {name} on ingest.{relation}".encode())
    assert broken(conn) == found
    conn.execute("create function ingest.idle() returns trigger language plpgsql as 'begin return new; end'")
    put_back = f"create trigger {name} before insert on ingest.{relation} for each row execute function ingest.idle()"
    conn.execute(put_back.encode())
    conn.execute(f"alter table ingest.{relation} enable always trigger {name}".encode())
    assert broken(conn) == found


@pytest.mark.usefixtures("runs")
def test_an_altered_checkpoint_is_found(conn: Connection) -> None:
    """The time, the actor and the size of a kept checkpoint are the ledger's, and no number is left out."""
    make_checkpoint(conn)
    imported(conn, "later", ["Gus"])
    kept = make_checkpoint(conn)
    make_checkpoint(conn)
    assert broken(conn, kept) == ""
    for changed, where in (
        ({"at": "2020-01-01T00:00:00.000000+00:00"}, "CHECKPOINT checkpoint 2 of the ledger"),
        ({"actor": "nobody"}, "CHECKPOINT checkpoint 2 of the ledger"),
        ({"tree_size": 1}, "CHECKPOINT_SIZE checkpoint 2"),
    ):
        assert broken(conn, replace(kept, **changed)) == where
    restore = backup(conn)
    for change, number in (
        ("update ingest.checkpoints set tree_size = 1 where checkpoint_no = 2", None),
        ("delete from ingest.checkpoints where checkpoint_no = 2", 2),
        ("delete from ingest.checkpoints where checkpoint_no >= 2", 2),
        ("insert into ingest.checkpoint_heads select import_run_id, 50, seq, hash from ingest.event_heads", 50),
    ):
        tamper(conn, [change])
        assert broken(conn) == (
            f"CHECKPOINT checkpoint {number} of the ledger" if number else "CHECKPOINT_SIZE checkpoint 2"
        )
        tamper(conn, restore)


def test_a_later_owner_of_a_key_is_found(conn: Connection, runs: dict[str, UUID]) -> None:
    """A key that is represented by another than its earliest published record, with counts and events made to fit."""
    key = "(select dedupe_key from ingest.landed_rows where plaintiff_name = 'Ben' limit 1)"
    owner = f"owner_run_no = ingest._run_no('{runs['second']}'), owner_row_number = 1"
    changes = [f"update ingest.plaintiff_keys set {owner} where dedupe_key = {key}"]
    for run, moved in ((runs["first"], -1), (runs["second"], 1)):
        inserted, skipped = f"rows_inserted + {moved}", f"rows_skipped - {moved}"
        counts = (
            f"select jsonb_build_object('rows_inserted', {inserted}, 'rows_skipped', {skipped}) from ingest.import_runs"
        )
        events = f"import_run_id = '{run}' and event = 'completed'"
        changes += [
            f"update ingest.run_events set details = details || ({counts} where id = '{run}') where {events}",
            f"update ingest.import_runs set rows_inserted = {inserted}, rows_skipped = {skipped} where id = '{run}'",
            f"delete from ingest.run_events where import_run_id = '{run}' and event = 'counts_corrected'",
            rehash(run),
        ]
    tamper(conn, changes)
    assert broken(conn).startswith("KEY_OWNER row 2")


def test_no_certificate_of_what_does_not_hold(conn: Connection, runs: dict[str, UUID]) -> None:
    """A certificate is checked before it is given out."""
    tamper(conn, [f"update ingest.run_events set actor = 'x' where import_run_id = '{runs['first']}' and seq = 1"])
    with pytest.raises(EvidenceBroken, match="event 1"):
        make_certificate(conn, runs["first"])


def test_an_altered_certificate_of_any_state_is_found(conn: Connection, runs: dict[str, UUID]) -> None:
    """No other event's name passes for a status, and the shares of an undone run are those of its last correction."""
    for run, changed in (
        ("first", {"status": "reconciled", "rows_inserted": 0, "rows_skipped": 2}),
        ("undone", {"rows_inserted": 2, "rows_skipped": 1}),
        ("heir", {"rows_inserted": 1, "rows_skipped": 1}),
    ):
        document = make_certificate(conn, runs[run]).document
        document["run"] |= changed
        document["counts"] |= {"inserted": changed["rows_inserted"], "skipped": changed["rows_skipped"]}
        finding = check_certificate(Certificate(document, dumps(document), None)).finding
        assert finding is not None, run
        assert finding.check == ("STATUS" if "status" in changed else "COUNTS")


@pytest.mark.slow
def test_every_column_of_two_hundred_events(conn: Connection) -> None:
    """200 events, each changed in every column, deleted and repeated: all of it found, no alarm before and after."""
    for number in range(60):
        run_id = imported(conn, f"batch-{number}", [f"p{number}", f"p{number + 1}", None])
        claim(conn, f"batch-{number}", worker="worker-2")
        if number % 7 == 0:
            rollback(conn, run_id, "bad month")
    events = events_of(conn, 200)
    assert len(events) == 200
    assert broken(conn) == ""
    assert every_mutation_is_found(conn, events) == 200 * 12
    assert broken(conn) == ""


@pytest.mark.slow
def test_a_thousand_untouched_runs(conn: Connection) -> None:
    """No alarm over 1,000 runs: one by one, all together, and against a checkpoint from the middle of their story."""
    kept = None
    for number in range(1000):
        run_id = imported(conn, f"batch-{number}", [f"p{number}", f"p{number % 50}", None])
        if number % 9 == 0:
            rollback(conn, run_id, "bad month")
        if number == 500:
            kept = make_checkpoint(conn)
    assert broken(conn, kept) == ""
    for (run_id,) in conn.execute("select id from ingest.import_runs").fetchall():
        assert verify(conn, run_id, checkpoint=kept).finding is None
