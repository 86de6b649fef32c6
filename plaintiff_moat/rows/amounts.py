"""Amounts that are summed up, not taken in: signed ones too, exact to the cent."""

import re
from decimal import Decimal
from typing import Final

import polars as pl

__all__ = ["DIGITS", "parse_amount", "signed_amount"]

# A column of this many digits before the decimal point sums up to less than Decimal(38, 2) holds.
DIGITS: Final = 18

# As `normalise.amount` reads an amount, and a negative one with a minus sign or in parentheses, as ledgers do.
_PLAIN: Final = r"(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]{1,2}0*)?"
_SIGNED: Final = rf"^(?:-? ?\$? ?{_PLAIN}|\$ ?-{_PLAIN}|\$? ?\( ?\$? ?{_PLAIN} ?\))$"


def signed_amount(text: pl.Expr) -> pl.Expr:
    """Read trimmed money, `($1,234.50)` and `-1234.5` too, as Decimal(38, 2); null unless it is such."""
    digits = text.str.replace_many(["$", " ", ",", "-", "(", ")"], ["", "", "", "", "", ""])
    whole = digits.str.split(".").list.first().str.strip_chars_start("0").str.len_bytes()
    amount = pl.when(text.str.contains(_SIGNED) & (whole <= DIGITS)).then(digits).cast(pl.Decimal(38, 2), strict=False)
    return pl.when(text.str.contains(r"[-(]")).then(-amount).otherwise(amount)


def parse_amount(text: str) -> Decimal | None:
    """The amount that a text states, exact; None unless it is one as `signed_amount` reads it."""
    trimmed = text.strip()
    if re.fullmatch(_SIGNED, trimmed, re.ASCII) is None:
        return None
    amount = Decimal(re.sub(r"[$ ,()-]", "", trimmed))
    if amount >= 10**DIGITS:
        return None
    cents = amount.quantize(Decimal("0.01"))
    return -cents if re.search(r"[-(]", trimmed) else cents
