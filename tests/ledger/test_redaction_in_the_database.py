"""Other programs write here too: what the ledger says of a file holds no number, whoever wrote it."""

import json
import random
import sys
import time
import unicodedata
from pathlib import Path

import psycopg
import pytest
from ledger_steps import announce, claim, events, finalize, processing, refused, rollback, run, value
from psycopg import Connection
from psycopg.types.json import Jsonb

from plaintiff_moat.redaction import contains_pii, keys, redact, redact_dict

sys.path.append(str(Path(__file__).parents[1] / "redaction"))

from number_spellings import GLUED, ISSUERS, SEPARATORS, SSN_SPELLINGS, grouped, random_card, random_digits

REFUSED = "ML007"

# No text of PostgreSQL's can hold a lone surrogate. Escaped digits no program writes by accident, and a dash decoded
# with the wrong table every reading would have to be done twice for. Names need Unicode's table of them, and mail's
# quoted-printable is an escape only between certain neighbours: both are the importer's, who has read the file.
NOT_IN_SQL = {
    "undecodable Windows-1252 dash", "mathematical digits", "en dash decoded with the wrong table", "escaped digits",
    "JSON of mathematical digits", "octal digits", "named escape", "quoted-printable hyphen",
    "quoted-printable en dash", "quoted-printable en dash with spaces", "quoted-printable en dash of Windows-1252",
    "quoted-printable line break",
}  # fmt: skip
SPELLINGS = {name: spell for name, spell in SSN_SPELLINGS.items() if name not in NOT_IN_SQL}
PRINTED = [(4, 4, 4, 4), (4, 6, 5), (4, 4, 4, 3), (4, 6, 4), (4, 4, 4, 4, 3), (19,)]

SSNS = ["219-09-9999", "219 09 9999", "219\u201309\u20139999", "219\u00a009\u00a09999", "219099999", "SSN219099999"]
CARDS = ["4111111111111111", "4111-1111-1111-1111", "4111 1111 1111 1111", "378282246310005", "3782 822463 10005"]
INNOCENT = [
    "1234567890", "12345-6789", "2026-11-23T03:48:39.123456", "1763869719123", "10.0.123.45", "row 123456",
    "0b0e7c1a-1234-4321-8765-123456789abc", "219099999.50", "+1 212 555 0143", "CV-00000042/2021",
    "9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab", "506495086df9cd2f5defa9a22de9565e",
    "0x7f1234567890", "2026-01-15T12:00:01.123456789Z", "0.123456789", "rows 1,234,567 of 123,456,789",
    "1111 2222 3333 4444 5555", "2019 2020 2021 2022", "10.0.123.45 6789", "12:00:01,123 45 6789",
]  # fmt: skip

JOINTS = (*SEPARATORS, "/", "&#45;", "%2D")
AROUND = [
    *"- .,a/:+_#\n\t%\\&;x[]", "%25", "%33", "&#51;", "\\u0033", "&amp;", "&shy;", "%C2%AD", "\u09e9", "\u0663",
    "\U0001d7d3", "\u0301", "\u00b2", "\u2460", "\u00e9", "\u4e2d", "\ufeff", "\u00c2\u00a0", "\u0096", "\x01",
    "\u2022", "\u23af", "0x", "ff", "12:00:01,", ".50", "10.0.",
]  # fmt: skip


def in_database(conn: Connection, texts: list[str]) -> list[str]:
    """What ingest.redact makes of the texts."""
    statement = "select ingest.redact(text) from unnest(%s::text[]) with ordinality as t (text, place) order by place"
    return [text for (text,) in conn.execute(statement, (texts,))]


def test_common_spellings_are_replaced(conn: Connection) -> None:
    """Each common spelling is replaced wherever it stands, by the same tokens as in the logs."""
    around = ["{}", "before {} after", '{{"note": "{}"}}', "x,{},y", "{0}\n{0}"]
    texts = [text.format(number) for text in around for number in SSNS + CARDS]
    assert in_database(conn, texts) == [redact(text) for text in texts]


def test_innocent_numbers_stay(conn: Connection) -> None:
    """Phones, ids, times, amounts and addresses are left as they are."""
    assert in_database(conn, INNOCENT) == INNOCENT


def test_every_spelling_of_an_ssn_is_replaced(conn: Connection) -> None:
    """Separators, scripts, escapes and line breaks of every kind, by themselves and glued to their neighbours."""
    draw = random.Random(1)
    texts = [around.format(spell(random_digits(draw, 9))) for spell in SPELLINGS.values() for around in ("{}", *GLUED)]
    assert in_database(conn, texts) == [redact(text) for text in texts]


def test_every_issuers_cards_are_replaced(conn: Connection) -> None:
    """Unbroken and as networks print them, joined by anything; beside another number too."""
    draw = random.Random(2)
    texts = [
        draw.choice(("{}", "id_{}_x", "12345 {}", "{} 12345")).format(
            grouped(random_card(draw, prefix, length), sizes, joint)
        )
        for prefix, length in ISSUERS.values()
        for sizes in PRINTED
        for joint in JOINTS
        if sum(sizes) == length or len(sizes) == 1
    ]
    kept = in_database(conn, texts)
    assert [text for text, left in zip(texts, kept, strict=True) if "[CARD_REDACTED]" not in left] == []


def test_a_classic_shape_is_replaced_whatever_its_digits(conn: Connection) -> None:
    """Neither prefix nor check digit matter where the grouping alone gives a card away."""
    shapes, joints = [(4, 4, 4, 4), (4, 6, 5), (4, 4, 4, 3)], ("-", " ", ".", " - ", "\u2011", "%20")
    texts = [grouped("1234567890123456", sizes, joint) for sizes in shapes for joint in joints]
    assert in_database(conn, texts) == ["[CARD_REDACTED]"] * len(texts)


def piece(draw: random.Random) -> str:
    """A number, a part of one, or something that can make its neighbours read otherwise."""
    card = grouped(random_card(draw, *draw.choice([*ISSUERS.values()])), draw.choice(PRINTED), draw.choice(JOINTS))
    ssn = draw.choice([*SPELLINGS.values()])(random_digits(draw, 9))
    digits = random_digits(draw, draw.choice([1, 2, 3, 4, 4, 4, 6, 8, 9, 10, 13, 16]))
    return draw.choice([card, ssn, digits, draw.choice(INNOCENT), draw.choice(AROUND), draw.choice(AROUND)])


def mixture(draw: random.Random) -> str:
    """A text of up to eight of them."""
    return "".join(piece(draw) for _ in range(draw.randint(1, 8)))


@pytest.mark.parametrize("count", [2_000, pytest.param(50_000, marks=pytest.mark.slow)])
def test_the_database_finds_nothing_that_the_importer_does_not(conn: Connection, count: int) -> None:
    """Whatever ingest.redact replaces, the importer's redaction replaces first: it never refuses an honest landing."""
    draw = random.Random(20261123)
    texts = [mixture(draw) for _ in range(count)]
    sample = texts[:1_000]
    changed = [text != kept for text, kept in zip(sample, in_database(conn, sample), strict=True)]
    assert sum(changed) > len(sample) // 10
    # Of a text in which the importer finds something there is nothing to show: what is left of it, and the others, are
    # all in which the database could find more.
    left = list(dict.fromkeys(map(redact, texts)))
    assert not any(map(contains_pii, left))
    assert len(left) > count * 3 // 4
    assert [text for text, kept in zip(left, in_database(conn, left), strict=True) if kept != text] == []


def test_characters_count_as_they_do_for_the_importer(conn: Connection) -> None:
    """No mark is a separator or a digit, or stands beside a number, that is or does not for the importer."""
    characters = [chr(code) for code in range(1, 0x10000) if unicodedata.category(chr(code))[0] not in "CLS"]
    characters += [*"\u00ad\u0096\u0085\u200b\ufeff\u2212\ufffd\u00e9\u4e2d\u02d7\u30fc"]
    between = in_database(conn, [f"219{character}09{character}9999" for character in characters])
    before = in_database(conn, [f"{character}219-09-9999" for character in characters])
    found = [
        character
        for character, joined, led in zip(characters, between, before, strict=True)
        if ("REDACTED" in joined and not contains_pii(f"219{character}09{character}9999"))
        or ("REDACTED" in led and not contains_pii(f"{character}219-09-9999"))
    ]
    assert found == []
    assert sum("REDACTED" in text for text in between) > len("-._+") + len("\u2010\u2011\u2012\u2013\u2014\u2015")


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "12 345 6789 ",
        "219-09-9999 ",
        "1234 ",
        "219-099999.",
        "4111111111111111 ",
        "%2D12 &#45; ",
        "a1b2c3d4",
        "\u0661\u2013 12 ",
    ],
)
def test_time_grows_with_the_length_and_not_otherwise(conn: Connection, text: str) -> None:
    """Eight times the text takes about eight times as long: a quadratic search would take 64 times."""

    def seconds(length: int) -> float:
        long = (text * length)[:length]
        began = time.perf_counter()
        value(conn, "select ingest.redact(%s)", long)
        return time.perf_counter() - began

    assert min(seconds(80_000) for _ in range(3)) < 24 * min(seconds(10_000) for _ in range(3))


def test_what_the_importer_redacted_stays_as_it_is(conn: Connection) -> None:
    """Redacting again in the database changes nothing of what the importer has redacted."""
    draw = random.Random(7)
    texts = [redact(" ".join(draw.choices(SSNS + CARDS + INNOCENT + ["-", ",", "7"], k=6))) for _ in range(1_500)]
    assert in_database(conn, texts) == texts


def test_redacting_twice_is_redacting_once(conn: Connection) -> None:
    """What is redacted holds nothing more to redact, so that no report of a failure is refused for it."""
    draw = random.Random(3)
    pieces = [*SSNS, *CARDS, ".", " ", "9999.1", "12 "]
    texts = ["".join(draw.choices(pieces, k=draw.randint(2, 9))) for _ in range(2_500)]
    once = in_database(conn, texts)
    assert once != texts
    assert in_database(conn, once) == once
    held = claim(conn)
    details = {"fatal": True, "m": "4111 1111 1111 1111 219099999.219 09 9999.1"}
    assert finalize(conn, held.run_id, (0, 0, 0, 0), details, held=held) == "failed"


def test_importers_may_redact(conn: Connection) -> None:
    """A program that lands rows can ask the database to redact them first."""
    with conn.transaction():
        conn.execute("set local role dragonfly_app")
        assert value(conn, "select ingest.redact('SSN 219-09-9999')") == "SSN [SSN_REDACTED]"


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


def test_sensitive_keys_are_those_of_the_importer(conn: Connection) -> None:
    """The words are the same, and so is what they make of a name."""
    words = set(value(conn, "select ingest._sensitive_terms()"))
    assert words == keys._TERMS  # noqa: SLF001 - the list that the other is held to
    whole = sorted(keys._WHOLE)  # noqa: SLF001 - the same
    draw = random.Random(11)
    parts = [
        *sorted(words),
        *whole,
        *keys._STEMS,  # noqa: SLF001 - the same
        "date",
        "birth",
        "card",
        "type",
        "spin",
        "business",
        "#",
        "1",
        "acct",
    ]
    joints = ["", "-", "_", " ", "\u2011"]
    styles = [str.upper, str.title, str.lower]
    names = ["debtorSSN", "\uff33\uff33\uff2e", "business", "card_type", "token_count", *whole]
    for _ in range(1_000):
        chosen = [draw.choice(styles)(part) for part in draw.choices(parts, k=draw.randint(1, 4))]
        names.append(draw.choice(joints).join(chosen))
    judged = conn.execute(
        "select ingest._is_sensitive(name) from unnest(%s::text[]) with ordinality as t (name, place) order by place",
        (names,),
    ).fetchall()
    assert [name for name, (found,) in zip(names, judged, strict=True) if found != keys.is_sensitive(name)] == []


def test_values_of_sensitive_keys_are_hidden(conn: Connection) -> None:
    """As redact_dict does, at every level; null and what is masked already tell nothing and stay."""
    data = {
        "ssn": "withheld",
        "rows": [{"Card-Number": 12, "ok": "yes"}],
        "dob": {"year": 1970},
        "file_hash": "0f" * 32,
    }
    assert value(conn, "select ingest.redact(%s::jsonb)", Jsonb(data)) == redact_dict(data)
    told = {"ssn": None, "Tax ID": "****6789", "cvv": "****", "[SSN_REDACTED]": "a label that was a number"}
    assert value(conn, "select ingest.redact(%s::jsonb)", Jsonb(told)) == told
    assert value(conn, "select ingest.redact(%s::jsonb)", Jsonb({"ssn": "****219-09-9999"})) == {"ssn": "[REDACTED]"}


def test_nesting_of_any_depth_is_redacted(conn: Connection) -> None:
    """What is nested too deep to be looked at is hidden, as the importer does, and nothing fails."""
    deep = '{"a":[' * 2_500 + '"219-09-9999"' + "]}" * 2_500
    assert "[REDACTED]" in (kept := value(conn, "select ingest.redact(%s::jsonb)::text", deep))
    assert "219" not in kept
    held = claim(conn)
    details = json.loads('{"fatal":true,"a":' + '{"a":' * 700 + '"219-09-9999"' + "}" * 701)
    assert finalize(conn, held.run_id, (0, 0, 0, 0), details, held=held) == "failed"


@pytest.mark.parametrize("name", ["219-09-9999", "vendor 4111 1111 1111 1111"])
def test_a_delivery_is_not_named_by_a_number(conn: Connection, name: str) -> None:
    """A key is refused and never changed in silence; no part of the refusal quotes it."""
    statement = (
        "insert into ingest.import_runs (source_system, source_batch_id, file_hash, reader_fingerprint)"
        " values (%s, %s, %s, %s)"
    )
    for at in range(4):
        with pytest.raises(psycopg.Error) as refusal:
            conn.execute(statement, [name if at == place else f"name {place}" for place in range(4)])
        assert refusal.value.sqlstate == REFUSED
        assert not contains_pii(str(refusal.value))
    with refused(REFUSED):
        claim(conn, batch=name)
    with refused(REFUSED):
        conn.execute("insert into ingest.source_systems (source_system) values (%s)", (name,))
    conn.execute(
        "insert into ingest.import_runs (source_system, source_batch_id, file_hash, import_kind)"
        " values ('s', 'b', 'h', %s)",
        (name,),
    )
    assert not contains_pii(value(conn, "select import_kind from ingest.import_runs"))


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


LANDED = {
    "error_message": "219-09-9999 is no date",
    "error_code": "BAD 219-09-9999",
    "raw_payload": Jsonb({"Notes": "card 4111 1111 1111 1111"}),
    "raw_payload of a key": Jsonb({"219-09-9999": "x"}),
    "raw_payload of a sensitive key": Jsonb({"Debtor SSN": "withheld"}),
    "raw_payload nested": Jsonb({"Notes": {"list": [{"pin": 1234}]}}),
    "raw_payload of text": Jsonb("219-09-9999"),
    "warnings": ["STATE_UNKNOWN", "219-09-9999"],
    "extra": "x|withheld",
}


@pytest.mark.parametrize("place", LANDED)
def test_rows_that_tell_a_number_cannot_be_landed(conn: Connection, place: str) -> None:
    """The landing guard refuses them whole, whatever stands in the other rows, and quotes nothing of them."""
    held = claim(conn, expected=2)
    row = {"error_code": "INVALID_DATE", "extra": "x|****6789"} | {place.partition(" ")[0]: LANDED[place]}
    insert = (
        "insert into ingest.landed_rows (run_no, row_number, chunk_no, line_start,"
        " error_code, error_message, raw_payload, warnings, extra) values (%s, %s, 0, 2, %s, %s, %s, %s, %s)"
    )
    columns = ("error_code", "error_message", "raw_payload", "warnings", "extra")
    innocent = {"error_code": "INVALID_DATE", "extra": "219-09-9999, as sent|"}
    with conn.transaction(force_rollback=True):
        announce(conn, held, 2, extra_columns=("Notes", "Debtor SSN"), extra_separator="|")
        values = "(%s, %s, 0, 2, %s, %s, %s, coalesce(%s::text[], '{}'), %s)"
        insert = insert.partition(" values ")[0] + f" values {values}, {values}"
        rows = [
            [held.run_no, number, *map(cells.get, columns)] for number, cells in enumerate((innocent, row), start=1)
        ]
        with pytest.raises(psycopg.Error) as refusal:
            conn.execute(insert.encode(), [*rows[0], *rows[1]])
    assert refusal.value.sqlstate == REFUSED
    assert not contains_pii(str(refusal.value))
    assert processing(conn, "another", [None]).status == "claimed"


def test_a_column_is_not_named_by_a_number(conn: Connection) -> None:
    """The names of what the mapping does not know are told as often as the cells."""
    held = claim(conn)
    with pytest.raises(psycopg.Error) as refusal:
        announce(conn, held, 1, extra_columns=("Notes", "card 4111 1111 1111 1111"))
    assert refusal.value.sqlstate == REFUSED
    assert not contains_pii(str(refusal.value))
    with refused(REFUSED):
        announce(conn, held, 1, extra_columns=("Notes", "Judge"), extra_separator="219-09-9999")
