"""Columns that say nothing of any record: most chunks have more of them than of others."""

import polars as pl

__all__ = ["never", "nothing"]


def nothing(height: int) -> pl.Series:
    """Give so many texts, all null."""
    return pl.Series([None], dtype=pl.String).new_from_index(0, height)


def never(height: int) -> pl.Series:
    """Give so many verdicts, all false."""
    return pl.Series([False]).new_from_index(0, height)
