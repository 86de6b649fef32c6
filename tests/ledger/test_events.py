"""Events: every attempt leaves one, and the events of a run form a chain that anybody can verify."""

import hashlib
import json
import re
import struct
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from ledger_steps import (
    Connection,
    claim,
    copy_rows,
    details_of,
    events,
    fail,
    imported,
    land,
    make_stale,
    reconcile,
    refused,
    rollback,
    value,
)
from psycopg.rows import dict_row


def a_long_story(conn: Connection) -> UUID:
    """Let everything that can happen to runs happen; return the run that most of it happened to."""
    first = imported(conn, "a", ["Ada", "Grace", None])
    run_id: UUID = value(
        conn,
        "insert into ingest.import_runs (source_system, source_batch_id, file_hash)"
        " values ('simplicity', 'b', encode(sha256('b'), 'hex')) returning id",
    )
    claim(conn, "b", worker="worker-1", expected=1)
    held = claim(conn, "b", worker="worker-1")
    claim(conn, "b", worker="worker-2")
    make_stale(conn, held.run_id)
    held = claim(conn, "b", worker="worker-2")
    land(conn, held, ["Ada"])
    assert not reconcile(conn, run_id, 2, held=held)[0]
    held = claim(conn, "b", worker="wörker-3", expected=1)
    fail(conn, held)
    held = claim(conn, "b", worker="worker-2", expected=1)
    assert reconcile(conn, run_id, held=held)[0]
    claim(conn, "b", worker="worker-4")
    rollback(conn, first, "records of another vendor")
    rollback(conn, run_id, "Müll")
    claim(conn, "a", unattended=True)
    conn.execute("select ingest.release_import_run(%s, 'the records were ours')", [first])
    again = claim(conn, "a", unattended=True)
    conn.execute("select ingest.record_refusal(%s, 'land', 'worker-1', 0)", [again.run_id])
    named = (again.run_id, again.worker, again.attempt)
    conn.execute("select ingest.state_control_totals(%s, 1, p_worker_id => %s, p_attempt => %s)", named)
    conn.execute("select ingest.record_drift(%s, '[]', p_worker_id => %s, p_attempt => %s)", named)
    land(conn, again, ["Ada"])
    assert reconcile(conn, again.run_id, 1, held=again, replaces=imported(conn, "c", ["Ada", "Grace"]))[0]
    return run_id


def stored(conn: Connection) -> list[dict[str, Any]]:
    """Return all events as they are stored, run by run in order."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "select *, details::text as details_text from ingest.run_events order by import_run_id, seq"
        ).fetchall()


def hash_of(event: dict[str, Any]) -> bytes:
    """Return the hash that an event must bear, from its documentation alone."""
    parts = [
        str(event["import_run_id"]),
        str(event["seq"]),
        str((event["at"] - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)),
        event["actor"],
        event["worker_id"],
        str(event["attempt"]),
        event["event"],
        event["details_text"],
    ]
    return hashlib.sha256(event["prev_hash"] + b"".join(map(_length_prefixed, parts))).digest()


def _length_prefixed(text: str | None) -> bytes:
    if text is None:
        return b"\xff\xff\xff\xff"
    encoded = text.encode()
    return struct.pack(">I", len(encoded)) + encoded


def test_every_kind_of_event_appears(conn: Connection) -> None:
    """A long story leaves each kind of event that the schema knows, in the order in which things happened."""
    run_id = a_long_story(conn)
    kinds = value(conn, "select pg_get_constraintdef(oid) from pg_constraint where conname = 'run_events_kinds'")
    assert {event["event"] for event in stored(conn)} == set(re.findall(r"'(\w+)'", kinds))
    assert events(conn, run_id) == [
        "created",
        "claimed",
        "reclaimed",
        "in_progress_refused",
        "taken_over",
        "reconciliation_failed",
        "failed",
        "claimed",
        "failed",
        "claimed",
        "completed",
        "reconciled",
        "duplicate_blocked",
        "counts_corrected",
        "rolled_back",
    ]


def test_chain_verifies(conn: Connection) -> None:
    """Each event's hash is that of its own columns and of the hash before it, computed here without the database."""
    a_long_story(conn)
    expected: dict[UUID, tuple[int, bytes]] = {}
    for event in stored(conn):
        seq, head = expected.get(event["import_run_id"], (0, bytes(32)))
        assert (event["seq"], event["prev_hash"]) == (seq + 1, head)
        assert event["hash"] == hash_of(event)
        expected[event["import_run_id"]] = (event["seq"], event["hash"])
    heads = conn.execute("select import_run_id, seq, hash from ingest.event_heads").fetchall()
    assert {run_id: (seq, head) for run_id, seq, head in heads} == expected


def test_an_altered_event_is_found(conn: Connection) -> None:
    """Any column that is changed, even by the owner with the triggers off, breaks the chain."""
    a_long_story(conn)
    conn.execute("alter table ingest.run_events disable trigger run_events_append_only")
    for change in (
        "at = at + interval '1 microsecond'",
        "actor = 'somebody'",
        "worker_id = 'somebody'",
        "worker_id = null",
        "attempt = attempt + 1",
        "event = 'claimed'",
        """details = '{"reason": "none"}'""",
        "prev_hash = sha256('')",
    ):
        with conn.transaction(force_rollback=True):
            conn.execute(f"update ingest.run_events set {change} where event = 'taken_over'".encode())
            altered = [event for event in stored(conn) if event["hash"] != hash_of(event)]
            assert len(altered) == 1, change


def test_hash_is_the_same_in_every_session(conn: Connection) -> None:
    """Time zone, date style, interval style, number and byte formats of the session change no hash."""
    a_long_story(conn)
    for settings in (
        {"timezone": "Pacific/Kiritimati", "datestyle": "sql, dmy", "bytea_output": "escape"},
        {"timezone": "America/St_Johns", "datestyle": "german", "extra_float_digits": "-15"},
        {
            "timezone": "UTC",
            "datestyle": "postgres",
            "lc_numeric": "C",
            "lc_monetary": "C",
            "intervalstyle": "iso_8601",
        },
    ):
        with conn.transaction():
            for name, setting in settings.items():
                conn.execute("select set_config(%s, %s, true)", (name, setting))
            assert value(conn, "select bool_and(e.hash = ingest._event_hash(e)) from ingest.run_events as e")


def test_events_written_in_a_strange_session_verify(conn: Connection) -> None:
    """Events that a session with other formats wrote have the same hashes and the same details."""
    conn.execute("set timezone = 'Pacific/Kiritimati'")
    conn.execute("set datestyle = 'sql, dmy'")
    run_id = a_long_story(conn)
    since = datetime.fromisoformat(details_of(conn, run_id, "taken_over")["last_sign_of_life"])
    conn.execute("reset all")
    assert all(event["hash"] == hash_of(event) for event in stored(conn))
    assert timedelta(minutes=30) < datetime.now(UTC).replace(tzinfo=None) - since < timedelta(minutes=40)


def test_manual_update_is_recorded(conn: Connection) -> None:
    """The runbook's manual abort leaves an event with its details, and the database user who did it."""
    held = claim(conn)
    conn.execute(
        "update ingest.import_runs set status = 'failed', error_details = '{\"manual_abort\": true}' where id = %s",
        (held.run_id,),
    )
    assert events(conn, held.run_id) == ["claimed", "failed"]
    assert details_of(conn, held.run_id, "failed") == {"error_details": {"manual_abort": True}}
    assert value(conn, "select actor = session_user from ingest.run_events where event = 'failed'")


def test_actor_is_who_logged_in(conn: Connection) -> None:
    """An event names the session's user, neither the owner of the functions nor a role that was taken on."""
    with conn.transaction():
        conn.execute("set local role dragonfly_app")
        conn.execute("select from ingest.claim_import_run('simplicity', 'batch-1', 'abc')")
    assert value(conn, "select actor from ingest.run_events") == value(conn, "select session_user")


def test_refusals_say_who_asked_and_who_held(conn: Connection) -> None:
    """A refused claim is recorded with the worker that asked, the file it offered, and the holder."""
    held = claim(conn, worker="worker-1")
    claim(conn, worker="worker-2")
    row = conn.execute(
        "select worker_id, attempt, details from ingest.run_events where event = 'in_progress_refused'"
    ).fetchall()[0]
    assert row == ("worker-2", held.attempt, {"filename": "plaintiffs.csv", "holder": "worker-1"})


def test_what_is_refused_leaves_no_event(conn: Connection) -> None:
    """A landing that was refused, or a claim that was withdrawn with its transaction, never happened."""
    held = claim(conn)
    with refused("ML006"):
        copy_rows(conn, held, ["Ada"])
    with conn.transaction(force_rollback=True):
        claim(conn, worker="worker-2")
    assert events(conn, held.run_id) == ["claimed"]


def test_chain_has_no_gap_after_simultaneous_refusals(conn: Connection, db_url: str) -> None:
    """Refusals from several sessions queue up in one chain."""
    held = claim(conn, worker="worker-1")
    with psycopg.connect(db_url) as first, psycopg.connect(db_url, autocommit=True) as second:
        with first.transaction():
            claim(first, worker="worker-2")
        claim(second, worker="worker-3")
    rows = [(event["seq"], event["worker_id"], event["hash"] == hash_of(event)) for event in stored(conn)]
    assert rows == [(1, "worker-1", True), (2, "worker-2", True), (3, "worker-3", True)]
    assert json.loads(stored(conn)[2]["details_text"])["holder"] == held.worker
