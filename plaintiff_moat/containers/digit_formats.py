"""Numbers that are digits: codes, telephone and case numbers, whose format writes zeros before them or marks between.

Only what ECMA-376 part 1, section 18.8.31 leaves no doubt about is written as shown. Everything else keeps at least the
zeros that its format asks for.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Self

__all__ = ["Digits"]

_TOKEN: Final = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|(?P<nothing>[_*].|\[[^\]]*\])|(?P<place>[0#?])|(?P<scale>[.,])'
    r"|(?P<other>[%@/]|E[+-])|(?P<bare>.)",
    re.DOTALL,
)
# What groups the digits of an amount and marks no part of a code.
_GROUPING: Final = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}'\N{RIGHT SINGLE QUOTATION MARK}"


@dataclass(frozen=True, slots=True)
class Digits:
    """A format of digits: how many there are at least, and the texts before, between and behind their places.

    `texts` is empty where digits stand before a decimal point or in groups: of such a format the zeros alone are kept.
    """

    least: int
    texts: tuple[str, ...]

    @classmethod
    def of(cls, section: str) -> Self | None:
        """The digits that a section of a format code writes; None for a number.

        Digits have two zeros or more before a decimal point, or places with a mark such as a hyphen between them.
        Percentages, powers, fractions and thousands are numbers, and so is what a space or an apostrophe groups.
        """
        places = ""
        texts = [""]
        is_plain, in_fraction, trailing_comma = True, False, False
        for token in _TOKEN.finditer(section):
            kind = token.lastgroup
            if kind == "other":
                return None
            if kind == "place":
                trailing_comma = False
                if not in_fraction:
                    places += token[0]
                    texts.append("")
            elif kind == "scale":
                is_plain = False
                in_fraction = in_fraction or token[0] == "."
                trailing_comma = token[0] == ","
            elif kind != "nothing":
                texts[-1] += _without_currency(token[token.lastgroup or 0])
        has_marks = is_plain and any(text.strip(_GROUPING) for text in texts[1:-1])
        if trailing_comma or not (places.count("0") > 1 or has_marks):
            return None
        return cls(len(places.lstrip("#?")), tuple(texts) if is_plain else ())

    def write(self, number: str) -> str:
        """The number, plain decimal text, as its sheet shows it; with a fraction or too few digits, its digits alone.

        Digits beyond the places stand before the first.
        """
        sign = "-" if number.startswith("-") else ""
        whole, point, fraction = number.removeprefix("-").partition(".")
        digits = whole.zfill(self.least)
        surplus = len(digits) - (len(self.texts) - 1)
        if not self.texts or point or (surplus < 0 and any(self.texts[1:-1])):
            return f"{sign}{digits}{point}{fraction}"
        if surplus < 0:
            return sign + f"{self.texts[0]}{digits}{self.texts[-1]}".strip()
        first, *inner, last = self.texts
        rest = "".join(text + digit for text, digit in zip(inner, digits[surplus + 1 :], strict=True))
        return sign + f"{first}{digits[: surplus + 1]}{rest}{last}".strip()


def _without_currency(text: str) -> str:
    return "".join(character for character in text if unicodedata.category(character) != "Sc")
