"""Amounts and dates: exactly what is written, or nothing."""

import re
from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaintiff_moat.rows.normalise import amounts, days, is_amount_shaped, trimmed


def read_amount(text):
    """Read one cell."""
    return amounts(pl.Series([text], dtype=pl.String)).item()


def read_day(text):
    """Read one cell."""
    return days(pl.Series([text], dtype=pl.String)).item()


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("1234.50", "1234.50"), ("$1,234.50", "1234.50"), ("$ 1,234.50", "1234.50"), ("1234", "1234.00"),
        ("0", "0.00"), ("1234.5", "1234.50"), ("1234.5000", "1234.50"), ("12,345,678", "12345678.00"),
        ("000123.45", "123.45"), ("999999999999.99", "999999999999.99"), ("0.10", "0.10"),
        ("0000000000000000000000000000000000000000000.30", "0.30"), ("1.1" + "0" * 60, "1.10"),
    ],
)  # fmt: skip
def test_money_is_read_exactly(sent, read):
    """Two decimals, no separators, no binary fraction."""
    assert read_amount(sent) == read


@pytest.mark.parametrize(
    "sent",
    [
        "N/A", "(12.00)", "-12.00", "+12.00", "12,34.00", "1,2345", ",123", "1234,50", "12.345", "12.", ".",
        "$", "12.00 USD", "$$12", "1e3", "0x10", "NaN", "Infinity", "1 234.50", "\uff11\uff12", "12.00\n",
        "$  12", "€12", "12,345.6789",
    ],
)  # fmt: skip
def test_what_is_not_money_is_not_read(sent):
    """Nothing is guessed."""
    assert read_amount(sent) is None


def test_an_amount_beyond_the_column_is_money_and_not_read():
    """numeric(14,2) holds twelve digits before the point."""
    texts = pl.Series("text", ["1000000000000", "9" * 60, "1,000,000,000,000.00"])
    assert texts.to_frame().select(is_amount_shaped(pl.col("text"))).to_series().to_list() == [True] * 3
    assert amounts(texts).to_list() == [None] * 3


@given(st.decimals(0, 999_999_999_999, places=2), st.booleans(), st.sampled_from(["", "$", "$ "]))
def test_every_amount_survives_being_written_in_the_usual_ways(value, grouped, sign):
    """Whatever the grouping and the sign."""
    read = read_amount(sign + (f"{value:,.2f}" if grouped else f"{value:.2f}"))
    assert Decimal(read) == value


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("2024-02-29", "2024-02-29"), ("2/29/2024", "2024-02-29"), ("02/09/2024", "2024-02-09"),
        ("1/5/2024", "2024-01-05"), ("0001-01-01", "0001-01-01"), ("12/31/9999", "9999-12-31"),
        ("1/1/0099", "0099-01-01"),
    ],
)  # fmt: skip
def test_iso_and_american_days_are_read(sent, read):
    """Month before day where slashes stand."""
    assert read_day(sent) == read


@pytest.mark.parametrize(
    "sent",
    [
        "02/30/2024", "2023-02-29", "2024-13-01", "13/01/2024", "1/5/24", "24-01-05", "2024-1-5", "0000-01-01",
        "1/1/0000", "2024/01/05", "01-05-2024", "Jan 5, 2024", "2024-01-05T00:00:00", "2024-01-05 00:00",
        "20240105", "N/A",
        "+2024-01-05", "10000-01-01", "2024-01-05\n", "\uff12\uff10\uff12\uff14-01-05", "0/1/2024", "1/0/2024",
    ],
)  # fmt: skip
def test_what_is_no_real_day_is_not_read(sent):
    """Neither another order, nor two-digit years, nor a year that PostgreSQL has not."""
    assert read_day(sent) is None


@given(st.dates())
def test_every_day_is_read_from_both_forms(day):
    """All of the years 0001 to 9999, with and without leading zeros."""
    iso = day.isoformat()
    for text in (iso, f"{day.month}/{day.day}/{day.year:04}", f"{day.month:02}/{day.day:02}/{day.year:04}"):
        assert read_day(text) == iso
    assert date.fromisoformat(iso) == day


_SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
# ends of what is no white space, in bytes that begin or end as white space does
_ALIKE = "\x1f\x84\xa1\u200b\u202a\u2060\u3001\ufefe\U00012000"


def test_white_space_at_the_ends_is_no_part_of_a_cell():
    """That of Unicode too; inside, and other control characters, it stays."""
    cells = pl.Series("cell", ["\u2003 a\tb \u00a0\n", " \u3000", "\x1fa\x07", None, "\ufeffa \ufeff"])
    assert trimmed(cells).to_list() == ["a\tb", None, "\x1fa\x07", None, "a"]
    assert trimmed(cells).name == "cell"


@given(st.lists(st.none() | st.text(_SPACES + _ALIKE + "ab" * 9, max_size=30)), st.integers(0, 3))
def test_trimming_is_that_of_plain_python(texts, skipped):
    """Of short texts and long ones, of none, of a part of a column and of one in several pieces."""
    column = pl.Series(texts, dtype=pl.String)[skipped:].append(pl.Series(texts, dtype=pl.String))
    assert trimmed(column).to_list() == [(text and text.strip(_SPACES)) or None for text in texts[skipped:] + texts]


def test_trimmed_texts_outlive_the_column_that_they_were_cut_from():
    """They are not copied out of it."""
    texts = trimmed(pl.Series([f" a text beyond twelve bytes {at} " for at in range(10_000)]))
    assert texts.to_list() == [f"a text beyond twelve bytes {at}" for at in range(10_000)]


_LIKE_MONEY = st.text("0123456789,.$ ", max_size=12) | st.from_regex(
    r"\$? ?[0-9]{1,4}(,[0-9]{2,4}){0,4}(\.[0-9]{0,3}0*)?", fullmatch=True, alphabet=st.characters(codec="ascii")
)


@given(st.lists(_LIKE_MONEY | st.none()))
def test_what_is_read_is_what_is_shaped_as_money_and_fits(texts):
    """And its value is the one that is written, in whatever company it stands."""
    column = pl.Series("text", texts, dtype=pl.String)
    shaped = column.to_frame().select(is_amount_shaped(pl.col("text"))).to_series()
    values = [
        Decimal(re.sub("[$ ,]", "", text)) if is_money else None for text, is_money in zip(texts, shaped, strict=True)
    ]
    expected = [None if value is None or value >= 10**12 else f"{value:.2f}" for value in values]
    assert amounts(column).to_list() == expected


def _day(text):
    iso = re.fullmatch("([0-9]{4})-([0-9]{2})-([0-9]{2})", text)
    american = re.fullmatch("([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})", text)
    try:
        if iso:
            return date(int(iso[1]), int(iso[2]), int(iso[3])).isoformat()
        return american and date(int(american[3]), int(american[1]), int(american[2])).isoformat()
    except ValueError:
        return None


_LIKE_A_DAY = st.text("0129-/", max_size=11) | st.from_regex(
    "[0-3]?[0-9]/[0-3]?[0-9]/[0-9]{4}|[0-9]{4}-[01][0-9]-[0-3][0-9]", fullmatch=True
)


@given(st.lists(_LIKE_A_DAY))
def test_what_is_read_as_a_day_is_one_of_the_calendar(texts):
    """In one of the two ways of writing it."""
    assert days(pl.Series(texts, dtype=pl.String)).to_list() == [_day(text) for text in texts]
