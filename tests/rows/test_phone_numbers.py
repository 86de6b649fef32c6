"""Telephone numbers: E.164 where they can be read, and never a guess."""

import re

import phonenumbers
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plaintiff_moat.rows.phones import e164


def read(*texts):
    """Read a column of these cells."""
    return e164(pl.Series(texts, dtype=pl.String)).to_list()


def by_the_library(text):
    """What phonenumbers alone makes of a number."""
    number = phonenumbers.parse(text, "US")
    if not phonenumbers.is_valid_number(number):
        return None
    extension = f";ext={number.extension}" if number.extension else ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) + extension


@pytest.mark.parametrize(
    "sent",
    [
        "2125550143", "212-555-0143", "(212) 555-0143", "(212)555-0143", "212.555.0143", "212 555 0143",
        "1-212-555-0143", "+1 212 555 0143", "+12125550143", "1 (212) 555-0143", "12125550143",
        "(212) - 555 - 0143", "212-5550143",
    ],
)  # fmt: skip
def test_north_american_numbers_are_stored_one_way(sent):
    """However they are punctuated."""
    assert read(sent) == ["+12125550143"]


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("+44 20 7946 0958", "+442079460958"), ("011 44 20 7946 0958", "+442079460958"),
        ("+49 (30) 901820", "+4930901820"), ("+33 1 70 18 99 99", "+33170189999"), ("+1 416 555 0134", "+14165550134"),
        ("(876) 523-0123", "+18765230123"), ("1-800-555-0199", "+18005550199"),
        ("212\u2013555\u20130143", "+12125550143"),
    ],
)  # fmt: skip
def test_numbers_of_other_places_are_read_too(sent, stored):
    """With a country code, or out of the North American plan's other regions."""
    assert read(sent) == [stored]


@pytest.mark.parametrize(
    "sent",
    [
        "(212) 555-0143 x204", "212-555-0143 ext. 204", "2125550143 #204", "212-555-0143, extension 204",
        "+12125550143;ext=204",
    ],
)  # fmt: skip
def test_an_extension_is_kept_beside_the_number(sent):
    """In the form of RFC 3966; dropping it would lose the person."""
    assert read(sent) == ["+12125550143;ext=204"]


def test_an_extension_of_a_number_elsewhere_is_kept_as_well():
    """It is not the fast way that keeps it."""
    assert read("+44 20 7946 0958 x7") == ["+442079460958;ext=7"]


@pytest.mark.parametrize(
    "sent",
    [
        "unlisted", "555-0143", "000-000-0000", "123-456-7890", "(999) 555-0143", "212-155-0143", "21255501434",
        "212-555-0143 / 917-555-0101", "212-555-0143 (home)", "call 212-555-0143", "1-800-FLOWERS", "44 20 7946 0958",
        "x204", "+", "(212 555-0143 or", "\u0662\u0661\u0662-555-0143", "2" * 300,
    ],
)  # fmt: skip
def test_a_doubtful_number_is_not_read(sent):
    """Words, second numbers and numbers that nobody can have are left for people."""
    assert read(sent) == [None]


def test_records_keep_their_own_numbers():
    """Fast ones, slow ones, doubtful ones and empty cells in one column."""
    sent = ["+44 20 7946 0958", None, "unlisted", "212-555-0143", "+44 20 7946 0958", "212-555-0143 x1"]
    assert read(*sent) == [
        "+442079460958", None, None, "+12125550143", "+442079460958", "+12125550143;ext=1",
    ]  # fmt: skip


def test_a_column_without_numbers_is_read():
    """An empty chunk, and one whose vendor sends none."""
    assert read() == []
    assert read(None, None) == [None, None]


_AREAS = st.integers(200, 999).map(str)
_TAILS = st.integers(0, 9_999_999).map("{:07}".format)
_SHAPES = st.sampled_from(
    ["{a}{e}{l}", "({a}) {e}-{l}", "{a}-{e}-{l}", "{a}.{e}.{l}", "+1 {a} {e} {l}", "1-{a}-{e}-{l}"]
)
_EXTENSIONS = st.sampled_from(["", "", " x12", " ext. 3456", "x0", " #1234567"])


@settings(max_examples=1000)
@given(st.tuples(_AREAS, _TAILS, _SHAPES, _EXTENSIONS))
def test_the_column_way_says_what_phonenumbers_says(parts):
    """Ten-digit shapes never reach the library: the patterns taken from its metadata must agree with it."""
    area, tail, shape, extension = parts
    text = shape.format(a=area, e=tail[:3], l=tail[3:]) + extension
    assert read(text) == [by_the_library(text)]


@pytest.mark.parametrize("text", ["8766060123", "8766061234", "2465220123", "2465221123", "2465212000", "2465213000"])
def test_numbers_that_the_seventh_digit_decides(text):
    """Of these exchanges some numbers are valid."""
    assert read(text) == [by_the_library(text)]


_WRITTEN = st.text("0129+-. ()", max_size=16) | st.from_regex(
    r"(\+?1[-. ]{0,4})?(\([2-9][0-9]{2}\)|\(?[1-9][0-9]{2})[-. ]{0,4}[0-9]{3}[-. ]{0,4}[0-9]{4,5}", fullmatch=True
)


@given(st.lists(_WRITTEN | st.none()))
def test_a_cell_is_read_the_same_in_any_company(texts):
    """As a shape of the column, or one by one: that nothing but the digits is looked at is for the shapes alone."""
    expected = []
    for text in texts:
        is_read = text is not None and re.fullmatch(r"[+(]?[0-9(][0-9()./ -]*", text)
        try:
            expected.append(by_the_library(text) if is_read else None)
        except phonenumbers.NumberParseException:
            expected.append(None)
    assert read(*texts) == expected
