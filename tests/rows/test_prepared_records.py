"""Prepared records: every one valid or a reject, and fit for COPY whatever was sent."""

import json
from decimal import Decimal
from uuid import UUID

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaintiff_moat.rows import CANONICAL_COLUMNS, LANDING_COLUMNS, ErrorCode, load_mapping
from plaintiff_moat.rows.payload import TEXT_LIMIT
from plaintiff_moat.rows.prepare import RECORD_LIMIT, prepare

HEADER = ("Plaintiff Name", "Email", "Phone", "State", "Case Number", "Amount", "Judgment Date", "Debtor SSN", "Notes")
SOUND = ("Ada Bell", "ada@example.com", "212-555-0143", "NY", "A-1", "$1,234.50", "1/5/2024", "219-09-9999", "call")
TEXT_COLUMNS = [name for name in LANDING_COLUMNS if name not in ("row_number", "line_start", "line_end", "extra")]


def frame_of(*records, width=None):
    """Give the records as the reader does; a text in place of a record stands for one that it could not read."""
    width = len(HEADER) if width is None else width
    columns = {
        "row_number": range(1, len(records) + 1),
        "line_start": range(2, len(records) + 2),
        "line_end": range(2, len(records) + 2),
        "error_code": ["BARE_QUOTE" if isinstance(record, str) else None for record in records],
        "error_message": ["expected quotes only around a whole cell" if isinstance(r, str) else None for r in records],
        "raw": [record if isinstance(record, str) else None for record in records],
    }
    for at in range(width):
        columns[f"c{at}"] = [None if isinstance(record, str) else record[at] or None for record in records]
    numbers = ("row_number", "line_start", "line_end")
    return pl.DataFrame(columns, schema={name: pl.Int64 if name in numbers else pl.String for name in columns})


def prepared(*records, header=HEADER, mapping="generic"):
    """Prepare records under a header."""
    loaded = load_mapping(mapping)
    return prepare(frame_of(*records, width=len(header)), header, loaded.bind(header), "manual").to_dicts()


def record(**cells):
    """Change cells of a sound record by their header, with underscores for spaces."""
    changed = {name.replace("_", " "): value for name, value in cells.items()}
    return tuple(changed.get(name, value) for name, value in zip(HEADER, SOUND, strict=True))


def test_a_sound_record_is_given_in_canonical_form():
    """Text trimmed, the amount exact, the day ISO, the number E.164, the rest beside it."""
    (given_back,) = prepared(record(Plaintiff_Name=" Ada Bell\u00a0"))
    key = given_back.pop("dedupe_key")
    assert UUID(key).hex == key
    assert {name: value for name, value in given_back.items() if value is not None} == {
        "row_number": 1,
        "line_start": 2,
        "line_end": 2,
        "plaintiff_name": "Ada Bell",
        "contact_email": "ada@example.com",
        "contact_phone": "+12125550143",
        "state": "NY",
        "case_reference": "A-1",
        "judgment_amount": "1234.50",
        "judgment_date": "2024-01-05",
        "extra": {"Debtor SSN": "****9999", "Notes": "call"},
    }


@given(st.lists(st.none() | st.text("a ~!\x7f\x1f\u200b\u2800é", min_size=1, max_size=14), min_size=1))
def test_a_name_is_what_anybody_can_see(names):
    """Whatever it begins with, and in any company."""
    codes = [row["error_code"] for row in prepared(*(record(Plaintiff_Name=name) for name in names))]
    is_seen = [bool(name and set(name) & set("a~!é")) for name in names]
    assert codes == [None if seen else "MISSING_PLAINTIFF_NAME" for seen in is_seen]


def test_the_frame_has_the_landing_columns_and_nothing_else():
    """In their order, text but for three numbers and the cells that the mapping does not take, whatever it fills."""
    loaded = load_mapping("generic")
    for records in ((), (SOUND,), ("torn", SOUND)):
        frame = prepare(frame_of(*records), HEADER, loaded.bind(HEADER), "manual")
        assert tuple(frame.columns) == LANDING_COLUMNS
        assert frame.dtypes[:3] == [pl.Int64] * 3
        assert frame.schema["extra"] == pl.Struct({"Debtor SSN": pl.String, "Notes": pl.String})
        assert set(frame.drop("extra").dtypes[3:]) == {pl.String}
        assert frame.height == len(records)


@pytest.mark.parametrize(
    ("cells", "code", "names"),
    [
        ({"Plaintiff_Name": ""}, "MISSING_PLAINTIFF_NAME", ("plaintiff_name", "'Plaintiff Name'")),
        ({"Plaintiff_Name": " \u3000\t"}, "MISSING_PLAINTIFF_NAME", ("plaintiff_name", "'Plaintiff Name'")),
        ({"Plaintiff_Name": "\x1a"}, "MISSING_PLAINTIFF_NAME", ("plaintiff_name", "'Plaintiff Name'")),
        ({"Plaintiff_Name": "\u200b\ufeff\u2060" * 30}, "MISSING_PLAINTIFF_NAME", ("plaintiff_name",)),
        ({"Plaintiff_Name": "\x7f \u3164\u2800"}, "MISSING_PLAINTIFF_NAME", ("plaintiff_name",)),
        ({"Amount": "N/A"}, "INVALID_AMOUNT", ("judgment_amount", "'Amount'")),
        ({"Amount": "(12.00)"}, "INVALID_AMOUNT", ("judgment_amount", "'Amount'")),
        ({"Amount": "1234567890123"}, "AMOUNT_OUT_OF_RANGE", ("judgment_amount", "'Amount'", "12 digits")),
        ({"Judgment_Date": "02/30/2024"}, "INVALID_DATE", ("judgment_date", "'Judgment Date'", "YYYY-MM-DD")),
        ({"Notes": "a\0b"}, "NUL_CHARACTER", ("NUL",)),
        ({"Notes": "x" * RECORD_LIMIT}, "RECORD_TOO_LARGE", ("16,777,216 bytes",)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unusable_record_is_a_reject_with_its_reason(cells, code, names):
    """The message names column and rule, never the value; no canonical value is kept."""
    (reject,) = prepared(record(**cells))
    assert reject["error_code"] == code
    assert all(name in reject["error_message"] for name in names)
    assert all(value not in reject["error_message"] for value in cells.values() if value.strip())
    assert all(reject[name] is None for name in (*CANONICAL_COLUMNS, "extra", "dedupe_key"))
    assert reject["warnings"] is None
    assert set(json.loads(reject["raw_payload"])) == set(HEADER)


@pytest.mark.parametrize("name", ["Éva", "\u200fأ", "~", "\u200bAda", "李", "\u200d-"])
def test_a_name_that_can_be_seen_is_one(name):
    """In whatever script, and whatever invisible it begins with."""
    (valid,) = prepared(record(Plaintiff_Name=name))
    assert (valid["error_code"], valid["plaintiff_name"].endswith(name[-1])) == (None, True)


def test_the_first_rule_that_fails_is_the_one_that_is_named():
    """In the order of ErrorCode, and the reader's own verdict before all."""
    everything = {"Notes": "\0", "Plaintiff_Name": "", "Amount": "N/A", "Judgment_Date": "soon"}
    codes = []
    for mended in ("Notes", "Plaintiff_Name", "Amount", "Judgment_Date"):
        codes.append(prepared(record(**everything))[0]["error_code"])
        del everything[mended]
    assert codes == ["NUL_CHARACTER", "MISSING_PLAINTIFF_NAME", "INVALID_AMOUNT", "INVALID_DATE"]
    order = list(ErrorCode)
    assert [order.index(code) for code in codes] == sorted(order.index(code) for code in codes)
    assert prepared(record())[0]["error_code"] is None


def test_a_record_that_the_reader_could_not_read_keeps_its_reason():
    """Its text becomes the payload, redacted; the records around it are not touched."""
    header = HEADER[:7]
    before, torn, after = prepared(SOUND[:7], 'torn "text 219-09-9999', SOUND[:7], header=header)
    assert (torn["error_code"], torn["error_message"]) == ("BARE_QUOTE", "expected quotes only around a whole cell")
    assert list(json.loads(torn["raw_payload"])) == ["record"]
    assert 'torn "text' in torn["raw_payload"].replace('\\"', '"')
    assert "219-09-9999" not in torn["raw_payload"]
    assert before["dedupe_key"] == after["dedupe_key"] is not None


def test_a_torn_record_of_a_file_with_sensitive_columns_is_withheld():
    """Nobody can tell which of its text belongs to them."""
    (torn,) = prepared("Ada Bell,torn,born 1980-02-03")
    assert json.loads(torn["raw_payload"]) == {"record": "[withheld: the file has sensitive columns]"}


def test_doubtful_values_are_kept_as_sent_with_their_codes():
    """They do not make a record unusable."""
    (doubtful,) = prepared(record(Email="Ada at example", Phone=" 555-0143 ", State="N.Y."))
    assert (doubtful["contact_email"], doubtful["contact_phone"], doubtful["state"]) == (
        "Ada at example",
        "555-0143",
        "N.Y.",
    )
    assert doubtful["warnings"] == "{EMAIL_SYNTAX,PHONE_UNRECOGNISED,STATE_UNKNOWN}"
    assert doubtful["error_code"] is None


def test_empty_cells_are_null_without_warning():
    """Only the name is required."""
    (bare,) = prepared(record(Email="", Phone=" ", State="", Case_Number="", Amount=" ", Judgment_Date="", Notes=""))
    assert [name for name in CANONICAL_COLUMNS if bare[name] is not None] == ["plaintiff_name"]
    assert (bare["error_code"], bare["warnings"]) == (None, None)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("219-09-9999", "****9999"), (" 12345 ", "****2345"), ("1234", "****"), ("1", "****"), ("", None), (" ", "****")],
)
def test_sensitive_columns_are_stored_masked(sent, stored):
    """The last four characters at most, in valid records and in rejects."""
    valid, reject = prepared(record(Debtor_SSN=sent), record(Debtor_SSN=sent, Plaintiff_Name=""))
    assert valid["extra"]["Debtor SSN"] == stored
    assert json.loads(reject["raw_payload"])["Debtor SSN"] == stored


def test_a_column_that_only_the_mapping_calls_sensitive_is_masked():
    """The vendor's own words are known to its mapping."""
    (given_back,) = prepared(("Ada", "98-7654321"), header=("PLTF_NAME", "DBTR_TAX_NBR"), mapping="jbi")
    assert given_back["extra"] == {"DBTR_TAX_NBR": "****4321"}


def test_unmapped_cells_are_kept_exactly_as_sent():
    """White space, quotes, control characters and all."""
    sent = ' "quoted"\\\n\ttab \x01\x7f\u2028 Zoë 😀 '
    (given_back,) = prepared(record(Notes=sent))
    assert given_back["extra"]["Notes"] == sent


def test_columns_of_the_same_header_keep_both_their_cells():
    """A name names one."""
    (given_back,) = prepared(("Ada", "x", "y", "z"), header=("Name", "Notes", "Notes", ""))
    assert given_back["extra"] == {"Notes": "x", "Notes (2)": "y", "column 4": "z"}


def test_a_header_of_quotes_and_accents_names_its_cells():
    """Whatever a vendor calls a column."""
    (given_back,) = prepared(("Ada", "x", "y"), header=("Name", 'a "b" \\c', "Größe/尺"))
    assert given_back["extra"] == {'a "b" \\c': "x", "Größe/尺": "y"}


def test_extra_is_null_when_the_mapping_takes_every_column():
    """Not an empty object for each of a million records."""
    assert prepared(("Ada",), header=("Name",))[0]["extra"] is None


def test_a_rejects_payload_is_redacted_cell_by_cell():
    """It is what an operator reads on a page."""
    (reject,) = prepared(record(Plaintiff_Name="", Notes="debtor is 219-09-9999, card 4111 1111 1111 1111"))
    assert "219-09-9999" not in reject["raw_payload"]
    assert "4111" not in reject["raw_payload"]
    assert json.loads(reject["raw_payload"])["Email"] == "ada@example.com"


def test_a_rejects_payload_can_always_be_stored():
    """NUL is refused by jsonb, and nobody reads a megabyte."""
    (reject,) = prepared(record(Notes="\0" + "long " * TEXT_LIMIT))
    notes = json.loads(reject["raw_payload"])["Notes"]
    assert "\0" not in notes
    assert "\\u0000" not in reject["raw_payload"]
    assert notes.endswith(" [cut]")
    assert len(notes) < TEXT_LIMIT + 10


def test_a_secret_in_a_header_reaches_neither_message_nor_payload():
    """A header is data from outside as well."""
    header = ("Name", "Amount", "219-09-9999")
    (reject, valid) = prepared(("Ada", "N/A", "x"), ("Ada", "1", "x"), header=header)
    assert "219-09-9999" not in str(reject)
    assert "219-09-9999" not in str(valid)


def test_records_that_nothing_identifies_are_rejects(tmp_path):
    """Otherwise all of them would be one and the same plaintiff."""
    path = tmp_path / "own.toml"
    path.write_text(
        'name = "own"\nversion = 1\nidentity = ["source_reference"]\n'
        '[columns]\nplaintiff_name = ["Name"]\nsource_reference = ["Ref"]\n'
    )
    first, second, third = prepared(("Ada", "7"), ("Bob", "7"), ("Cleo", None), header=("Name", "Ref"), mapping=path)
    assert first["dedupe_key"] == second["dedupe_key"]
    assert third["error_code"] == "MISSING_IDENTITY"
    assert "source_reference" in third["error_message"]


def test_a_second_judgment_is_a_record_of_its_own_and_a_copy_is_not():
    """Name, e-mail and case tell records apart; the rest may change."""
    first, copy, other = prepared(
        record(), record(Plaintiff_Name="ADA  BELL", Amount="1", Notes="again"), record(Case_Number="A-2")
    )
    assert first["dedupe_key"] == copy["dedupe_key"] != other["dedupe_key"]


def test_a_file_of_nothing_but_rejects_is_prepared():
    """Each with a reason and a payload of its own."""
    rejects = prepared(*(record(Plaintiff_Name="", Notes=f"n{number}") for number in range(500)))
    assert {reject["error_code"] for reject in rejects} == {"MISSING_PLAINTIFF_NAME"}
    assert [json.loads(reject["raw_payload"])["Notes"] for reject in rejects] == [f"n{n}" for n in range(500)]


_CELL = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", "N/A", "$1,234.50", "1/5/2024", "2024-02-30", "212-555-0143", "\0", "{", "\\", '"', "NULL", "\ufeff"]
    ),
)


@given(st.lists(st.tuples(*[_CELL] * len(HEADER)) | st.text(max_size=30), max_size=6))
def test_whatever_is_sent_is_fit_for_copy(records):
    """One row per record in order, no NUL, JSON that parses, numbers and days that PostgreSQL takes, key or reason."""
    rows = prepared(*records)
    assert [row["row_number"] for row in rows] == list(range(1, len(records) + 1))
    for row in rows:
        assert all("\0" not in (row[name] or "") for name in TEXT_COLUMNS)
        assert row["extra"] is None or "\0" not in "".join(cell or "" for cell in row["extra"].values())
        assert (row["dedupe_key"] is None) == (row["error_code"] is not None) == (row["raw_payload"] is not None)
        assert row["error_code"] or row["plaintiff_name"]
        assert "\\u0000" not in (row["raw_payload"] or "").replace("\\\\", "")
        assert row["raw_payload"] is None or isinstance(json.loads(row["raw_payload"]), dict)
        if row["judgment_amount"] is not None:
            assert 0 <= Decimal(row["judgment_amount"]) < Decimal(10) ** 12
        if row["judgment_date"] is not None:
            assert len(row["judgment_date"]) == len("2024-01-05")
            assert not row["judgment_date"].startswith("0000")
