"""Doubts about values that are kept as sent: e-mail, telephone and state."""

from typing import Final

import polars as pl

from plaintiff_moat.rows.codes import WARNINGS, WarningCode

__all__ = ["array_literal", "email_doubtful", "state_unknown"]

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL: Final = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])$"

# USPS Publication 28, appendix B: states, possessions and military "states".
_CODES: Final = """
    AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR
    PA RI SC SD TN TX UT VT VA WA WV WI WY AS FM GU MH MP PR PW VI AA AE AP
""".split()
_NAMES: Final = [
    name.strip()
    for name in """
    Alabama, Alaska, Arizona, Arkansas, California, Colorado, Connecticut, Delaware, District of Columbia, Florida,
    Georgia, Hawaii, Idaho, Illinois, Indiana, Iowa, Kansas, Kentucky, Louisiana, Maine, Maryland, Massachusetts,
    Michigan, Minnesota, Mississippi, Missouri, Montana, Nebraska, Nevada, New Hampshire, New Jersey, New Mexico,
    New York, North Carolina, North Dakota, Ohio, Oklahoma, Oregon, Pennsylvania, Rhode Island, South Carolina,
    South Dakota, Tennessee, Texas, Utah, Vermont, Virginia, Washington, West Virginia, Wisconsin, Wyoming,
    American Samoa, Federated States of Micronesia, Guam, Marshall Islands, Northern Mariana Islands, Puerto Rico,
    Palau, Virgin Islands, U.S. Virgin Islands
    """.split(",")
]
_STATES: Final = pl.Series(sorted(text.lower() for text in (*_CODES, *_NAMES)))

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
