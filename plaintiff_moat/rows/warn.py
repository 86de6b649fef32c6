"""Doubts about values that are kept as sent: e-mail, telephone and state."""

import ctypes
from typing import Final

import numpy as np
import polars as pl

from plaintiff_moat.native.arrow import taker
from plaintiff_moat.rows.blank import never, nothing
from plaintiff_moat.rows.codes import WARNINGS, WarningCode
from plaintiff_moat.rows.states import STATES

__all__ = ["array_literals", "emails_doubtful", "states_unknown"]

_FIND_ADDRESSES: Final = taker("moat_find_addresses", ctypes.c_int64, ctypes.c_void_p)

_STATES: Final = pl.Series(sorted({text.lower() for text in (*STATES, *STATES.values(), "U.S. Virgin Islands")}))

# Every combination of warnings as PostgreSQL writes an array, at the place that its bits give.
_ARRAYS: Final = pl.Series(
    "{" + ",".join(code for bit, code in enumerate(WARNINGS) if chosen >> bit & 1) + "}" if chosen else None
    for chosen in range(1 << len(WARNINGS))
)


def emails_doubtful(texts: pl.Series) -> pl.Series:
    """Doubt what is not a dot-atom at a domain of two labels or more, within the lengths of RFC 5321, 4.5.3.1.

    Quoted local parts, address literals and addresses beyond ASCII exist and are rarely meant: they are doubted. A cell
    that is null is not.
    """
    are_addresses = np.zeros(len(texts), np.bool_)
    _FIND_ADDRESSES(texts, len(texts), are_addresses.ctypes.data)
    return texts.is_not_null() & ~pl.Series(are_addresses)


def states_unknown(texts: pl.Series) -> pl.Series:
    """Doubt what is neither a USPS code nor the name of one, in any case. A cell that is null is not."""
    if texts.null_count() == len(texts):
        return never(len(texts))
    return ~texts.str.to_lowercase().is_in(_STATES.implode()).fill_null(value=True)


def array_literals(doubts: dict[WarningCode, pl.Series]) -> pl.Series:
    """Write the warnings of each record as PostgreSQL does an array, `{EMAIL_SYNTAX,STATE_UNKNOWN}`; null for none."""
    height = len(doubts[WARNINGS[0]])
    places = np.zeros(height, np.uint8)
    for bit, code in enumerate(WARNINGS):
        if doubts[code].any():
            places |= doubts[code].to_numpy().astype(np.uint8) << bit
    doubtful = np.flatnonzero(places)
    return nothing(height).scatter(doubtful, _ARRAYS[places[doubtful]])
