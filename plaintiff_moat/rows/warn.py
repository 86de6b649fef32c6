"""Doubts about values that are kept as sent: e-mail, telephone and state."""

from typing import Final

import polars as pl

from plaintiff_moat.rows.codes import WARNINGS, WarningCode
from plaintiff_moat.rows.states import STATES

__all__ = ["array_literal", "email_doubtful", "state_unknown"]

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL: Final = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])$"

_STATES: Final = pl.Series(sorted({text.lower() for text in (*STATES, *STATES.values(), "U.S. Virgin Islands")}))

# Every combination of warnings as PostgreSQL writes an array, at the place that its bits give.
_ARRAYS: Final = pl.Series(
    "{" + ",".join(code for bit, code in enumerate(WARNINGS) if chosen >> bit & 1) + "}"
    for chosen in range(1 << len(WARNINGS))
)


def email_doubtful(text: pl.Expr) -> pl.Expr:
    """Doubt what is not a dot-atom at a domain of two labels or more, within the lengths of RFC 5321, 4.5.3.1.

    Quoted local parts, address literals and addresses beyond ASCII exist and are rarely meant: they are doubted.
    """
    sound = text.str.contains(_EMAIL) & (text.str.find("@", literal=True) <= 64) & (text.str.len_bytes() <= 254)  # noqa: PLR2004 (the RFC's)
    return ~sound


def state_unknown(text: pl.Expr) -> pl.Expr:
    """Doubt what is neither a USPS code nor the name of one, in any case."""
    return ~text.str.to_lowercase().is_in(_STATES.implode())


def array_literal(doubts: dict[WarningCode, pl.Expr]) -> pl.Expr:
    """Write the warnings of each record as a PostgreSQL array literal such as `{EMAIL_SYNTAX,STATE_UNKNOWN}`."""
    bits = [doubts[code].fill_null(value=False).cast(pl.UInt8) * (1 << bit) for bit, code in enumerate(WARNINGS)]
    return pl.lit(_ARRAYS).gather(pl.sum_horizontal(bits))
