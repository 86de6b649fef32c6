"""What a number in a sheet stands for: its format says whether it is a number, a date, or the digits of a code.

The formats are those of ECMA-376 part 1, sections 18.8.30 and 18.8.31.
"""

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from plaintiff_moat.containers.digit_formats import Digits

__all__ = ["BUILT_IN", "Format", "as_text", "format_of"]

# Numbers of the formats that need no definition: dates, times, elapsed times; 27-36 and 50-58 are dates and times of
# East Asia, which of them is another question in every language.
BUILT_IN: Final = {
    **dict.fromkeys(range(14, 18), "yyyy-mm-dd"),
    **dict.fromkeys((*range(27, 37), *range(50, 59)), "yyyy-mm-dd h:mm"),
    **dict.fromkeys((18, 19, 20, 21, 45, 47), "h:mm:ss"),
    22: "yyyy-mm-dd h:mm",
    46: "[h]:mm:ss",
}
# What is no part of a condition: quoted texts and escaped characters.
_NO_TEXT: Final = re.compile(r'"[^"]*"|\\.', re.DOTALL)
_NO_CONTENT: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
# As XML Schema writes a double. Python takes underscores and the digits of every script as well.
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ISO_DAY: Final = len("yyyy-mm-dd")
# Quoted texts, escaped characters and what stands in brackets hold no end of a section.
_SECTION: Final = re.compile(r'((?:"[^"]*"|\\.|[_*].|\[[^\]]*\]|[^;])*)(?:;|\Z)', re.DOTALL)
_CONDITION: Final = re.compile(r"\[(<=|>=|<>|<|>|=) *([+-]?[0-9]*\.?[0-9]+)\]")
_COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_SPREADSHEET_DIGITS: Final = 15  # what a spreadsheet keeps of a number and shows in its formula bar
# The days from 1900 begin with two that were none, and that a spreadsheet shows all the same: serial 0, which a formula
# makes of an empty cell, and 29 February 1900, before which serials are one day later.
_NO_DAYS: Final = {0: "1900-01-00", 60: "1900-02-29"}
_FALSE_LEAP_DAY: Final = 60
_MIDNIGHT: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - a sheet knows no time zones
_MIDNIGHT_1904: Final = datetime(1904, 1, 1)  # noqa: DTZ001
_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class Conditional:
    """A format whose first sections hold for the numbers that satisfy their conditions; the last, for all others."""

    cases: tuple[tuple[str, float, "Plain"], ...]
    otherwise: "Plain"

    def of(self, value: float) -> "Plain":
        """The format of this number."""
        held = (shape for compared, limit, shape in self.cases if _COMPARISONS[compared](value, limit))
        return next(held, self.otherwise)


Plain = str | Digits | None
"""`day`, `date`, `time`, `elapsed`, the digits of a code, None for a number."""

Format = Plain | Conditional


def format_of(code: str) -> Format:
    """What a format code makes of a number.

    Its first section counts, since those behind are for negatives, zero and text; of sections with conditions, the one
    whose condition holds.
    """
    sections = _SECTION.findall(code)
    conditions = [_CONDITION.search(_NO_TEXT.sub("", section)) for section in sections[:2]]
    cases = tuple(
        (found[1], float(found[2]), _plain(section))
        for section, found in zip(sections, conditions, strict=False)
        if found is not None
    )
    if not cases:
        return _plain(sections[0])
    behind = sections[2:] if len(cases) > 1 else sections[conditions.index(None) :]
    return Conditional(cases, _plain(behind[0]) if behind else None)


def _plain(section: str) -> Plain:
    bare = _NO_CONTENT.sub("", section).lower()
    if bare == "general":
        return None
    if re.search(r"\[[hms]+\]", bare):
        return "elapsed"
    has_time = re.search("[hs]", bare) is not None
    if re.search("[yd]", bare):
        return "date" if has_time else "day"
    if has_time:
        return "time"
    return "day" if "m" in bare else Digits.of(section)


def as_text(digits: str, shape: Format, *, from_1904: bool = False) -> str:
    """The number as its sheet shows it, without grouping, currency or colour.

    Whole numbers are exact and end without `.0`; others have the 15 digits that a spreadsheet shows, so that 1234.1,
    kept as 1234.0999999999999, is 1234.1. Dates are ISO 8601, with the time of day where the format shows one and there
    is one; the two that were none are as Excel shows them, 1900-01-00 and 1900-02-29, which nothing takes for a date.
    Raises ValueError or OverflowError for what is no number, and for days before these or beyond the year 9999.
    """
    if not _NUMBER.fullmatch(digits):
        raise ValueError
    whole = digits.lstrip("-").isdecimal() and digits.isascii()
    number = str(int(digits)) if whole else _fraction(digits)
    if isinstance(shape, Conditional):
        shape = shape.of(float(digits))
    if shape is None:
        return number
    if isinstance(shape, Digits):
        return shape.write(number)
    if shape == "elapsed":
        hours, seconds = divmod(round(_positive(digits) * _SECONDS), 3600)
        return f"{hours:02}:{seconds // 60:02}:{seconds % 60:02}"
    moment = _moment(_positive(digits), from_1904, time_only=shape == "time")
    return moment[:_ISO_DAY] if shape == "day" else moment


def _fraction(digits: str) -> str:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError
    text = f"{value:.{_SPREADSHEET_DIGITS}g}"
    if "e" in text:
        text = format(Decimal(text), "f")
    return "0" if text == "-0" else text


def _positive(digits: str) -> float:
    value = float(digits)
    if not 0 <= value < math.inf:
        raise ValueError
    return value


def _moment(serial: float, from_1904: bool, *, time_only: bool) -> str:
    days, milliseconds = divmod(round(serial * _SECONDS * 1000), _SECONDS * 1000)
    time = (_MIDNIGHT + timedelta(milliseconds=milliseconds)).time()
    shown = time.isoformat("milliseconds" if time.microsecond else "seconds")
    if serial < 1 and time_only:
        return shown
    if from_1904:
        day = (_MIDNIGHT_1904 + timedelta(days=days)).date().isoformat()
    else:
        was_none = _NO_DAYS.get(days)
        day = was_none or (_MIDNIGHT + timedelta(days=days + (days < _FALSE_LEAP_DAY))).date().isoformat()
    return f"{day}T{shown}" if milliseconds else day
