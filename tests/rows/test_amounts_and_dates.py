"""Amounts and dates: exactly what is written, or nothing."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaintiff_moat.rows.normalise import amount, amount_shaped, days, trimmed


def read_amount(text):
    """Read one cell."""
    return pl.Series("text", [text], dtype=pl.String).to_frame().select(amount(pl.col("text"))).item()


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
    text = pl.Series("text", ["1000000000000", "9" * 60, "1,000,000,000,000.00"]).to_frame()
    assert text.select(amount_shaped(pl.col("text"))).to_series().to_list() == [True] * 3
    assert text.select(amount(pl.col("text"))).to_series().to_list() == [None] * 3


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


def test_white_space_at_the_ends_is_no_part_of_a_cell():
    """That of Unicode too; inside, and other control characters, it stays."""
    cells = pl.Series("cell", ["\u2003 a\tb \u00a0\n", " \u3000", "\x1fa\x07", None]).to_frame()
    assert trimmed(cells, has_marks=False)["cell"].to_list() == ["a\tb", None, "\x1fa\x07", None]
