"""Amounts that are summed up, not taken in: signed ones too, exact to the cent."""

import re
from decimal import Decimal
from typing import Final

__all__ = ["DIGITS", "SIGNED", "TOTAL_DIGITS", "parse_amount"]

# A column of this many digits before the decimal point sums up to less than Decimal(38, 2) holds.
DIGITS: Final = 18
# A million of the largest; with the cents less than the 28 digits that Decimal is exact to.
TOTAL_DIGITS: Final = 24

# As `normalise.amount` reads an amount, and a negative one with a minus sign or in parentheses, as ledgers do.
_PLAIN: Final = r"(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]{1,2}0*)?"
SIGNED: Final = rf"^(?:-? ?\$? ?{_PLAIN}|\$ ?-{_PLAIN}|\$? ?\( ?\$? ?{_PLAIN} ?\))$"


def parse_amount(text: str) -> Decimal | None:
    """The amount that a text states, exact; None unless it is one as `measure` sums them up."""
    trimmed = text.strip()
    if re.fullmatch(SIGNED, trimmed, re.ASCII) is None:
        return None
    amount = Decimal(re.sub(r"[$ ,()-]", "", trimmed))
    if amount >= 10**TOTAL_DIGITS:
        return None
    cents = amount.quantize(Decimal("0.01"))
    return -cents if re.search(r"[-(]", trimmed) else cents
