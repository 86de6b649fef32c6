"""Rows below the header that are one: the file's own once more, or that of another table."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from plaintiff_moat.errors import BadInput
from plaintiff_moat.rows.blank import never
from plaintiff_moat.rows.codes import ErrorCode, message
from plaintiff_moat.rows.headers import reduced
from plaintiff_moat.rows.mapping import HEADING_COLUMNS, BoundMapping
from plaintiff_moat.rows.states import STATES

__all__ = ["repeated_headers", "with_headers"]

# Letters by which a cell that spells a column is told from most others before it is looked at whole.
_FIRST_LETTERS: Final = 3
# Characters of an amount of 10,000.00, as which no year that heads a column is read.
_FIVE_DIGITS: Final = 8
_LIKE_A_VALUE: Final = re.compile("@|[0-9].*[0-9]", re.DOTALL)
_NAMED_PER_VALUE: Final = 2
# Bytes of a malformed header, for each that its letters and digits have.
_BYTES_PER_BYTE: Final = 4
_STATE_CODES: Final = frozenset(code.lower() for code in STATES)


def repeated_headers(read: pl.DataFrame, header: Sequence[str], mapping: BoundMapping) -> pl.Series:
    """Tell which records are the header once more; BadInput when one is the header of another table.

    What follows another header would be read under the columns of the first. Such a row names at least two columns
    that the mapping knows, and more than twice as many as it has cells that look like values (two digits, or an @).
    A state's code in the column of states names none: Idaho's is a spelling. `read` has the cells c0, c1, … and what
    was read of them.
    """
    verdict = never(read.height)
    suspects = _without_values(read)
    if suspects.is_empty():
        return verdict
    rows = read.select("line_start", pl.col("^c[0-9]+$"))[suspects]
    columns = mapping.mapping.places()
    spelled = np.zeros(rows.height, np.int64)
    places = dict(mapping.columns)
    name, state = places["plaintiff_name"], places.get("state")
    for at in range(len(header)):  # the name of the plaintiff's column alone is looked at: it may be all that is known
        known = columns.keys() - _STATE_CODES if at == state else columns
        spelled[_spelled(rows[f"c{at}"], list(known))] += HEADING_COLUMNS if at == name else 1
    ours = [reduced(cell) for cell in header]
    found: list[int] = []
    alike = np.flatnonzero(spelled >= HEADING_COLUMNS)
    for record, (line, *sent) in zip(suspects[alike], rows[alike].iter_rows(), strict=True):
        cells = [cell or "" for cell in sent]
        keys = [reduced(cell) for cell in cells]
        if keys == ours:
            found.append(record)
            continue
        named = [None if at == state and key in _STATE_CODES else columns.get(key) for at, key in enumerate(keys)]
        if _heads_another(cells, named):
            raise BadInput(
                f"expected one table, found the header of another in line {line}; save each table as a file of its own"
            )
    return verdict.scatter(found, values=True) if found else verdict


def with_headers(frame: pl.DataFrame, header: Sequence[str]) -> pl.DataFrame:
    """Give malformed lines that are the header once more their own code.

    It may have a delimiter more or less at its end, or a byte order mark before its first quote.
    """
    if frame["error_code"].null_count() == frame.height:
        return frame
    ours = reduced("".join(header))
    limit = _BYTES_PER_BYTE * len(ours.encode())
    is_suspect = pl.col("error_code").is_not_null() & (pl.col("raw").str.len_bytes() <= limit)
    suspects = frame.select(pl.arg_where(is_suspect)).to_series()
    if suspects.is_empty():
        return frame
    found = suspects.filter(_reduced(frame["raw"][suspects]) == ours)
    code = ErrorCode.REPEATED_HEADER
    return frame.with_columns(
        frame["error_code"].scatter(found, str(code)), frame["error_message"].scatter(found, message(code))
    )


def _without_values(read: pl.DataFrame) -> pl.Series:
    """Give the places of the records in which nothing was read that no header has: nearly all have such values.

    What has been read anyway is asked first, so that few cells are looked at.
    """
    is_unread = read["day"].is_null() & read["phone"].is_null()
    if is_unread.any():
        is_unread &= ~(read["amount"].str.len_bytes() >= _FIVE_DIGITS).fill_null(value=False)
    if not is_unread.any():
        return pl.Series([], dtype=pl.UInt32)
    unread = is_unread.arg_true()
    has_value = pl.col("contact_email").str.contains("@", literal=True).fill_null(value=False) | (
        pl.col("case_reference").str.contains("[0-9]{5}").fill_null(value=False)
    )
    return unread.filter(read[["contact_email", "case_reference"]][unread].select(~has_value).to_series())


def _spelled(cells: pl.Series, spellings: list[str]) -> pl.Series:
    """Give the places of the cells whose letters and digits are one of the spellings."""
    # An accent may be a character of its own, behind the letters that are looked at.
    forms = [form for text in spellings for form in (text, unicodedata.normalize("NFKD", text))]
    beginnings = pl.Series([form[:_FIRST_LETTERS] for form in forms], dtype=pl.String).implode()
    first = cells.str.slice(0, _FIRST_LETTERS).str.to_lowercase()
    # A sign before, between or behind the first letters; few spellings begin with a digit, as most addresses do.
    unclear = "[^a-z0-9]" if any(text[:1].isdigit() for text in spellings) else "^[a-z]{0,2}[^a-z0-9]"
    near = (first.is_in(beginnings) | first.str.contains(unclear)).fill_null(value=False).arg_true()
    distinct = cells[near].unique()
    found = distinct.filter(_reduced(distinct).is_in(pl.Series(spellings, dtype=pl.String).implode()))
    return near.filter(cells[near].is_in(found.implode()))


def _reduced(texts: pl.Series) -> pl.Series:
    return texts.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"[^\pL\pN]+", "")


def _heads_another(cells: Sequence[str], named: Sequence[str | None]) -> bool:
    """Tell whether a row heads another table, given what each of its cells names."""
    columns = {column for column in named if column}
    values = sum(not column and bool(_LIKE_A_VALUE.search(cell)) for cell, column in zip(cells, named, strict=True))
    return len(columns) >= HEADING_COLUMNS and len(columns) > _NAMED_PER_VALUE * values
