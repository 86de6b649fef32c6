"""Lines that are no records get codes of their own, and no plaintiff is taken for one."""

import pytest
from test_prepared_records import frame_of

from plaintiff_moat.errors import BadInput
from plaintiff_moat.rows import load_mapping
from plaintiff_moat.rows.prepare import prepare

HEADER = ("Plaintiff Name", "Case Number", "Judgment Amount")


def codes_of(*records):
    """Prepare records and return their error codes."""
    mapping = load_mapping("generic").bind(HEADER)
    return prepare(frame_of(*records, width=3), HEADER, mapping, "manual")["error_code"].to_list()


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
