"""Lines that are no records get codes of their own, and no plaintiff is taken for one."""

from dataclasses import replace

import pytest
from test_prepared_records import frame_of

from plaintiff_moat.errors import BadInput
from plaintiff_moat.rows import load_mapping
from plaintiff_moat.rows.prepare import prepare

HEADER = ("Plaintiff Name", "Case Number", "Judgment Amount")


def codes_of(*records, header=HEADER, mapping=None):
    """Prepare records and return their error codes."""
    bound = (mapping or load_mapping("generic")).bind(header)
    return prepare(frame_of(*records, width=len(header)), header, bound, "manual")["error_code"].to_list()


@pytest.mark.parametrize(
    "record",
    [
        ("Total", None, "1,234.00"),
        ("TOTAL:", None, None),
        (None, "Grand Total", "$12,345.67"),
        ("Total records: 12", None, None),
        ("12 rows", None, None),
        ("(3 rows)", None, None),
        ("Number of records", "3", None),
        ("--- End of report ---", None, None),
        ("Sum", None, "621.00"),
        ("TOTAL AMOUNT DUE", None, "$621.00"),
        ("Total Judgment Amount:", None, "621.00"),
        ("Count", "6", None),
        ("Summe", None, "€ 621,00"),
        ("Page 1 of 1", None, None),
    ],
)
def test_a_footer_is_a_totals_line(record):
    """A label, figures and nothing else."""
    assert codes_of(("Acme", "1", "5"), record) == [None, "TOTALS_LINE"]


@pytest.mark.parametrize(
    "record",
    [
        ("Total Recall LLC", "24-1", "5.00"),
        ("Total", "24-CV-1", "5.00"),
        ("Page Rowe", None, None),
        ("Grand Case Accounts Inc", None, "1"),
        ("Casey Total", None, "12.00"),
        ("3 Judges Ltd", None, None),
        ("Sum Wong", None, "621.00"),
        ("Sum", None, None),
        ("Count", "24-CV-6", "621.00"),
        ("Total Wine", "6", "621.00"),
        ("Page", "1", "621.00"),
        ("Page 1", None, "621.00"),
        ("Confidential - do not distribute", None, None),
    ],
)
def test_a_plaintiff_whose_name_begins_like_a_footer_is_a_record(record):
    """A word or a case number beside the label makes it a record."""
    assert codes_of(record) == [None]


def test_the_header_once_more_is_no_record():
    """Whatever its case and spacing; another header is refused."""
    assert codes_of(("Acme", "1", "5"), ("PLAINTIFF NAME ", "case_number", "Judgment Amount")) == [
        None,
        "REPEATED_HEADER",
    ]
    with pytest.raises(BadInput, match="header of another"):
        codes_of(("Case Number", "Plaintiff Name", "Court"))


@pytest.mark.parametrize(
    "name",
    [
        "*Plaintiff Name",
        "[Plaintiff Name]",
        "#Name",
        "J. Creditor",
        "P Name",
        "\u539f\u544a \u6c0f\u540d",
        "Cre\u0301ancier",
    ],
)
def test_no_sign_in_a_name_hides_a_header_that_is_repeated(name):
    """Nor does a byte order mark, which stands before it where files were put one behind the other."""
    columns = (("plaintiff_name", ("Plaintiff Name", "Name", "J. Creditor", "P Name", name)), ("court", ("Court",)))
    mapping = replace(load_mapping("generic"), columns=columns, identity=("plaintiff_name",))
    records = ((name, "Foo"), (f"\ufeff{name}", "Foo"), (name.upper(), " FOO"), ("Ann", "Foo"))
    codes = codes_of(*records, header=(name, "Foo"), mapping=mapping)
    assert codes == ["REPEATED_HEADER"] * 3 + [None]


def test_a_malformed_line_may_be_the_header_once_more():
    """With a delimiter more, or a mark before its first quote; other lines keep their codes."""
    lines = ("Plaintiff Name,Case Number,Judgment Amount,", '\ufeff"Plaintiff Name","Case Number","Judgment Amount"')
    assert codes_of(*lines, "Plaintiff Name,Case") == ["REPEATED_HEADER", "REPEATED_HEADER", "BARE_QUOTE"]


def test_a_byte_order_mark_makes_no_second_plaintiff():
    """It is trimmed as white space is, whatever else stands in the column."""
    mapping = load_mapping("generic").bind(HEADER)
    frame = frame_of(("Ann", "1", "5"), ("\ufeff Ann\ufeff", "1", " \ufeff5"), (" \ufeff ", "1", "5"), width=3)
    landed = prepare(frame, HEADER, mapping, "manual")
    assert landed["plaintiff_name"].to_list() == ["Ann", "Ann", None]
    assert landed["dedupe_key"].n_unique() == 2
    assert landed["error_code"].to_list() == [None, None, "MISSING_PLAINTIFF_NAME"]


WIDE = ("Plaintiff Name", "Case Number", "City", "State", "County", "Address", "Phone")


@pytest.mark.parametrize(
    "row",
    [
        ("Seq", "Plaintiff Name", "Court"),
        (None, "Plaintiff Name", "Case Number"),
        ("Debtor Id", "*Case Number*", "\ufeffCITY"),
        ("Seq", "Zip5", "Balance", None, "Address 2", "Phone 1", "Judgment Amount"),
        ("Case Number", "Plaintiff Name", "Court", "2019"),
    ],
)
def test_the_header_of_another_table_is_refused_whatever_stands_in_the_plaintiffs_place(row):
    """It names two columns; that a name has a digit makes no difference."""
    with pytest.raises(BadInput, match="header of another in line 3"):
        codes_of(("Ann", "1", "LA", *[None] * 4), (*row, *[None] * (7 - len(row))), header=WIDE)


@pytest.mark.parametrize(
    "record",
    [
        ("Court", "24-1", None, None, "County"),
        ("Ann", "24-CV-1", "City", "State"),
        ("Name", "CV-00012", "City", None, "County"),
        ("Ann", None, "Town", "ID", None),
        ("Client", None, "City", "CA", None, None, "212 555 0123"),
    ],
)
def test_a_record_that_names_two_columns_by_accident_is_a_record(record):
    """Cells that look like values tell it from a header."""
    assert codes_of((*record, *[None] * (7 - len(record))), header=WIDE) == [None]
