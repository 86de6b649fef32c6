"""Cells into canonical text: trimmed text, exact amounts, real days. A cell that a rule cannot read gives null."""

from typing import Final

import polars as pl

from plaintiff_moat.native.arrow import maker

__all__ = ["amounts", "days", "is_amount_shaped", "trimmed"]

# An optional dollar sign and one optional space, digits plain or grouped by commas in threes, decimals exact to
# the cent. No sign, no brackets: a negative judgment is a question to the vendor.
_AMOUNT: Final = r"^\$? ?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]{1,2}0*)?$"

_TRIM: Final = maker("moat_trim_texts")
_READ_AMOUNTS: Final = maker("moat_read_amounts")
_READ_DAYS: Final = maker("moat_read_days")


def trimmed(texts: pl.Series) -> pl.Series:
    """Drop Unicode white space and byte order marks at both ends; a cell of nothing else is null.

    Control characters stay as sent. A mark may stand anywhere, as where files were put one behind the other.
    """
    return _TRIM(texts.rechunk()).alias(texts.name)


def is_amount_shaped(text: pl.Expr) -> pl.Expr:
    """Tell whether a trimmed cell is written as money, whatever its size."""
    return text.str.contains(_AMOUNT)


def amounts(texts: pl.Series) -> pl.Series:
    """Read money as plain decimal text such as `1234.50`; null unless it is shaped so and numeric(14,2) holds it."""
    return _READ_AMOUNTS(texts)


def days(texts: pl.Series) -> pl.Series:
    """Read `YYYY-MM-DD` or US `m/d/YYYY` as ISO text; null unless it is a day of the years 0001 to 9999.

    PostgreSQL has no year zero, although ISO 8601 has one.
    """
    return _READ_DAYS(texts)
