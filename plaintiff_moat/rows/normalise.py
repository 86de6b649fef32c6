"""Cells into canonical text: trimmed text, exact amounts, real days. A cell that a rule cannot read gives null."""

from typing import Final

import polars as pl

__all__ = ["amount", "amount_shaped", "days", "has_marks", "trimmed"]

# An optional dollar sign and one optional space, digits plain or grouped by commas in threes, decimals exact to
# the cent. No sign, no brackets: a negative judgment is a question to the vendor.
_AMOUNT: Final = r"^\$? ?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]{1,2}0*)?$"
_MONEY: Final = pl.Decimal(14, 2)  # numeric(14,2) of the landing table
_ISO: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_MARK: Final = "\ufeff"
_MARKED_ENDS: Final = r"^[\s\x{feff}]+|[\s\x{feff}]+$"
_US: Final = r"^[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}$"


def has_marks(texts: pl.Series) -> bool:
    """Tell whether a byte order mark stands in one of the texts, as where files were put one behind the other."""
    return bool(texts.str.contains(_MARK, literal=True).any())


def trimmed(cells: pl.DataFrame, *, has_marks: bool) -> pl.DataFrame:
    """Drop Unicode white space and byte order marks at both ends; a cell of nothing else is null.

    Control characters stay as sent. Marks are looked for only where there are some: that takes five times as long.
    """
    strip = pl.all().str.replace_all(_MARKED_ENDS, "") if has_marks else pl.all().str.strip_chars()
    return cells.select(strip).select(pl.when(pl.all() != "").then(pl.all()))


def amount_shaped(text: pl.Expr) -> pl.Expr:
    """Tell whether a trimmed cell is written as money, whatever its size."""
    return text.str.contains(_AMOUNT)


def amount(text: pl.Expr) -> pl.Expr:
    """Read money as plain decimal text such as `1234.50`; null unless it is money that numeric(14,2) holds."""
    digits = text.str.strip_chars_start("$ ").str.replace_all(",", "", literal=True)
    return pl.when(amount_shaped(text)).then(digits).cast(_MONEY, strict=False).cast(pl.String)


def days(texts: pl.Series) -> pl.Series:
    """Read `YYYY-MM-DD` or US `m/d/YYYY` as ISO text; null unless it is a day of the years 0001 to 9999.

    PostgreSQL has no year zero, although ISO 8601 and polars have one. A column repeats its days: reading each
    distinct one once takes half the time.
    """
    distinct = texts.unique()
    text = pl.col("text")
    iso = pl.when(text.str.contains(_ISO)).then(text).str.to_date("%Y-%m-%d", strict=False)
    american = pl.when(text.str.contains(_US)).then(text).str.to_date("%m/%d/%Y", strict=False)
    found = distinct.to_frame("text").select(day=pl.coalesce(iso, american))
    read = found.select(pl.when(pl.col("day").dt.year() > 0).then(pl.col("day").dt.to_string("%Y-%m-%d")))
    return texts.replace_strict(distinct, read.to_series(), return_dtype=pl.String)
