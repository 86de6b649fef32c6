"""Header cells: one spelling, sensitive columns, labels that are safe to show."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaintiff_moat.redaction import redact
from plaintiff_moat.rows.headers import is_sensitive, labels, reduced


@pytest.mark.parametrize(
    "header", ["PlaintiffName", "plaintiff_name", " Plaintiff Name ", "PLAINTIFF-NAME", "Plaintiff\nName"]
)
def test_case_spacing_and_punctuation_do_not_make_another_spelling(header):
    """The letters and digits decide."""
    assert reduced(header) == "plaintiffname"


@pytest.mark.parametrize(
    "header",
    [
        "SSN", "ssn", "S.S.N.", "Debtor SSN", "debtorSsn", "PLTF_SSN", "SSN_LAST_4", "debtorssn", "Social Security #",
        "SocialSecurityNumber", "Tax ID", "TaxId", "EIN", "Debtor TIN", "DOB", "Date of Birth", "debtor_dob",
        "Card Number", "CreditCardNo", "Card #", "CVV2", "Bank Account", "Account Number", "ACCT_NBR",
        "Driver's License", "Passport",
    ],
)  # fmt: skip
def test_columns_of_identifiers_are_sensitive_in_every_spelling(header):
    """Whole words inside a header count, in snake, camel and spaced forms."""
    assert is_sensitive(header)


@pytest.mark.parametrize(
    "header",
    ["Business Name", "Process Number", "Plaintiff Name", "Judgment Date", "Index Number", "Being", "Notes", ""],
)  # fmt: skip
def test_a_header_that_only_contains_the_letters_is_not_sensitive(header):
    """`Business Name` holds the letters ssn, and nothing to hide."""
    assert not is_sensitive(header)


def test_a_social_security_number_in_a_header_is_not_shown():
    """The first line of a file without a header is data."""
    assert "123-45-6789" not in labels(["123-45-6789"])[0]


@pytest.mark.parametrize("cell", ["123    45    6789", "-" * 91 + "1234567890"])
def test_making_a_label_uncovers_no_number(cell):
    """What is left of a cell once white space is folded and the rest is cut is redacted too."""
    assert redact(cell) is cell
    (label,) = labels([cell])
    assert "SSN_REDACTED" in label


def test_labels_are_printable_single_lines():
    """Escape sequences, line breaks and NUL never reach a terminal or a key."""
    assert labels(["\x1b[31mName\nof\0Plaintiff"]) == ("[31mName of Plaintiff",)


def test_columns_without_a_header_and_with_the_same_are_told_apart():
    """An object of JSON keeps one value per key."""
    assert labels(["Notes", "", "Notes", "Notes (2)", "Notes"]) == (
        "Notes", "column 2", "Notes (2)", "Notes (2) (2)", "Notes (3)",
    )  # fmt: skip


@given(st.lists(st.text(max_size=120), max_size=12))
def test_any_header_gets_as_many_different_labels_as_it_has_columns(header):
    """Whatever a vendor sends, each column has a name of its own that JSON can hold."""
    names = labels(header)
    assert len(set(names)) == len(header)
    assert all(name and name.isprintable() for name in names)
    assert json.loads(json.dumps(names, ensure_ascii=False).encode()) == list(names)


@pytest.mark.parametrize(
    "header",
    [
        "SS#",
        "SS No",
        "Debtor SS#",
        "DEF_SS_NUM",
        "Social",
        "Social #",
        "Social Sec #",
        "Date/Birth",
        "Bank Acct",
        "Fed ID",
        "Driver Lic #",
        "Drivers Lic",
        "PAN",
        "CC",
    ],
)
def test_what_vendors_call_their_sensitive_columns(header):
    """Abbreviations that a clerk would understand are understood."""
    assert is_sensitive(header)


@pytest.mark.parametrize("header", ["Business Name", "Class No", "Account Name", "Social Worker", "Filing Date", "SSL"])
def test_what_only_looks_like_one(header):
    """Words that contain or resemble the terms are ordinary columns."""
    assert not is_sensitive(header)
