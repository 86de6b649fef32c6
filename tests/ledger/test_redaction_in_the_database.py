"""Other programs write here too: what the ledger says of a file holds no number, whoever wrote it."""

import json
import random

import psycopg
import pytest
from ledger_steps import announce, claim, events, finalize, processing, refused, rollback, run
from psycopg import Connection
from psycopg.types.json import Jsonb

from plaintiff_moat.redaction import contains_pii, redact

SSNS = ["219-09-9999", "219 09 9999", "219\u201309\u20139999", "219\u00a009\u00a09999", "219099999", "SSN219099999"]
CARDS = ["4111111111111111", "4111-1111-1111-1111", "4111 1111 1111 1111", "378282246310005", "3782 822463 10005"]
INNOCENT = [
    "1234567890", "12345-6789", "2026-11-23T03:48:39.123456", "1763869719123", "10.0.123.45", "row 123456",
    "0b0e7c1a-1234-4321-8765-123456789abc", "219099999.50", "+1 212 555 0143", "CV-00000042/2021",
]  # fmt: skip


def in_database(conn: Connection, texts: list[str]) -> list[str]:
    """What ingest.redact makes of the texts."""
    statement = "select ingest.redact(text) from unnest(%s::text[]) with ordinality as t (text, place) order by place"
    return [text for (text,) in conn.execute(statement, (texts,))]


@pytest.mark.parametrize("number", SSNS + CARDS)
@pytest.mark.parametrize("around", ["{}", "before {} after", '{{"note": "{}"}}', "x,{},y", "{}\n{}"])
def test_common_spellings_are_replaced(conn: Connection, number: str, around: str) -> None:
    """Each common spelling is replaced wherever it stands, by the same tokens as in the logs."""
    text = around.format(number, number)
    assert in_database(conn, [text]) == [redact(text)]


def test_innocent_numbers_stay(conn: Connection) -> None:
    """Phones, ids, times, amounts and addresses are left as they are."""
    assert in_database(conn, INNOCENT) == INNOCENT


def test_the_database_finds_nothing_that_the_importer_does_not(conn: Connection) -> None:
    """Whatever ingest.redact replaces, the importer's redaction replaces first: it never refuses an honest landing."""
    draw = random.Random(20261123)
    pieces = [*SSNS, *CARDS, "12:00:01,", "0x", ".50", "12", "345", "6789", "0", "id", "ff", *"-  ,.a/:+_#\n\u2013"]
    texts = ["".join(draw.choices(pieces, k=draw.randint(1, 8))) for _ in range(20_000)]
    found = [text for text, kept in zip(texts, in_database(conn, texts), strict=True) if kept != text]
    assert len(found) > 1_000
    assert [text for text in found if not contains_pii(text)] == []


def test_what_the_importer_redacted_stays_as_it_is(conn: Connection) -> None:
    """Redacting again in the database changes nothing of what the importer has redacted."""
    draw = random.Random(7)
    texts = [redact(" ".join(draw.choices(SSNS + CARDS + INNOCENT + ["-", ",", "7"], k=6))) for _ in range(5_000)]
    assert in_database(conn, texts) == texts


def test_redacting_twice_is_redacting_once(conn: Connection) -> None:
    """What is redacted holds nothing more to redact, so that no report of a failure is refused for it."""
    draw = random.Random(3)
    pieces = [*SSNS, *CARDS, ".", " ", "9999.1", "12 "]
    texts = ["".join(draw.choices(pieces, k=draw.randint(2, 9))) for _ in range(10_000)]
    once = in_database(conn, texts)
    assert once != texts
    assert in_database(conn, once) == once
    held = claim(conn)
    details = {"fatal": True, "m": "4111 1111 1111 1111 219099999.219 09 9999.1"}
    assert finalize(conn, held.run_id, (0, 0, 0, 0), details, held=held) == "failed"


def test_runs_and_events_hold_no_number(conn: Connection) -> None:
    """Error details, reasons, worker and file names are redacted on their way in, keys and numbers too."""
    held = claim(conn, worker="worker 219-09-9999")
    details = {"fatal": True, "message": "bad 219-09-9999", "held": [{"4111111111111111": 219099999}], "line": 12}
    finalize(conn, held.run_id, (0, 0, 0, 0), details)
    rollback(conn, held.run_id, "SSN 219-09-9999 in it")
    conn.execute(
        "insert into ingest.import_runs (source_system, source_batch_id, file_hash, filename)"
        " values ('s', 'b', 'h', %s)",
        ("219-09-9999.csv",),
    )
    kept = run(conn, held.run_id)
    assert kept["error_details"] == {
        "fatal": True,
        "message": "bad [SSN_REDACTED]",
        "held": [{"[CARD_REDACTED]": "[SSN_REDACTED]"}],
        "line": 12,
    }
    assert kept["rollback_reason"] == "SSN [SSN_REDACTED] in it"
    written = conn.execute(
        "select to_jsonb(r) from ingest.import_runs r union all select to_jsonb(e) from ingest.run_events e"
    )
    assert not [text for (row,) in written if "219" in (text := json.dumps(row)) and contains_pii(text)]
    assert events(conn, held.run_id) == ["claimed", "failed", "rolled_back"]


def test_an_event_with_a_number_cannot_be_stored(conn: Connection) -> None:
    """Not even the owner adds an event whose details hold a number."""
    held = claim(conn)
    with refused("23514"):
        conn.execute(
            "insert into ingest.run_events"
            " select import_run_id, 99, at, actor, worker_id, attempt, event, %s, prev_hash, hash"
            " from ingest.run_events where import_run_id = %s",
            (Jsonb({"note": "219-09-9999"}), held.run_id),
        )


@pytest.mark.parametrize(
    ("message", "payload"), [("219-09-9999 is no date", {}), ("no date", {"Notes": "card 4111 1111 1111 1111"})]
)
def test_a_reject_with_a_number_cannot_be_landed(conn: Connection, message: str, payload: dict[str, str]) -> None:
    """The landing guard refuses a reject whose message or payload holds a number, and quotes nothing of it."""
    held = claim(conn, expected=1)
    insert = (
        "insert into ingest.landed_rows (import_run_id, row_number, attempt, chunk_no, line_start, line_end,"
        " error_code, error_message, raw_payload) values (%s, 1, 1, 0, 2, 2, 'INVALID_DATE', %s, %s)"
    )
    with conn.transaction(force_rollback=True):
        announce(conn, held, 1)
        with pytest.raises(psycopg.Error) as refusal:
            conn.execute(insert, (held.run_id, message, Jsonb(payload)))
    assert refusal.value.sqlstate == "ML007"
    assert not contains_pii(str(refusal.value))
    assert processing(conn, "another", [None]).status == "claimed"
