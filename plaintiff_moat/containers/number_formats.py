"""What a number in a sheet stands for: its format says whether it is a number, a date, or digits with zeros before.

The formats are those of ECMA-376 part 1, sections 18.8.30 and 18.8.31.
"""

import math
import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

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
_NO_CONTENT: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
# As XML Schema writes a double. Python takes underscores and the digits of every script as well.
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ISO_DAY: Final = len("yyyy-mm-dd")
_ZEROS: Final = re.compile(r"0[0 -]*0")
_SPREADSHEET_DIGITS: Final = 15  # what a spreadsheet keeps of a number and shows in its formula bar
_FALSE_LEAP_DAY: Final = 60  # 29 February 1900, which was no day: serials before it are one day later
_MIDNIGHT: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - a sheet knows no time zones
_MIDNIGHT_1904: Final = datetime(1904, 1, 1)  # noqa: DTZ001
_SECONDS: Final = 86_400

Format = str | None
"""`day`, `date`, `time`, `elapsed`, zeros such as `00000` or `000-00-0000` in which digits stand, None for a number."""


def format_of(code: str) -> Format:
    """What a format code makes of a number. Its first section counts: those behind are for negatives, zero and text."""
    section = code.split(";", 1)[0]
    zeros = section.replace("\\", "").replace('"', "")
    if _ZEROS.fullmatch(zeros):
        return zeros
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
    return "day" if "m" in bare else None


def as_text(digits: str, shape: Format, *, from_1904: bool = False) -> str:
    """The number as its sheet shows it, without grouping, currency or colour.

    Whole numbers are exact and end without `.0`; others have the 15 digits that a spreadsheet shows, so that 1234.1,
    kept as 1234.0999999999999, is 1234.1. Dates are ISO 8601, with the time of day where the format shows one and there
    is one. Raises ValueError or OverflowError for what is no number or no day.
    """
    if not _NUMBER.fullmatch(digits):
        raise ValueError
    whole = digits.lstrip("-").isdecimal() and digits.isascii()
    number = str(int(digits)) if whole else _fraction(digits)
    if shape is None:
        return number
    if shape == "elapsed":
        hours, seconds = divmod(round(_positive(digits) * _SECONDS), 3600)
        return f"{hours:02}:{seconds // 60:02}:{seconds % 60:02}"
    if shape in {"day", "date", "time"}:
        moment = _moment(_positive(digits), from_1904, time_only=shape == "time")
        return moment[:_ISO_DAY] if shape == "day" else moment
    return _in_template(number, shape)


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
    if serial < 1 and time_only:
        return _time(_MIDNIGHT + timedelta(milliseconds=round(serial * _SECONDS * 1000)))
    if from_1904:
        start = _MIDNIGHT_1904
    elif _FALSE_LEAP_DAY <= serial < _FALSE_LEAP_DAY + 1:
        raise ValueError
    else:
        start = _MIDNIGHT + timedelta(days=serial < _FALSE_LEAP_DAY)
    moment = start + timedelta(milliseconds=round(serial * _SECONDS * 1000))
    day = moment.date().isoformat()
    return day if moment.time() == start.time() else f"{day}T{_time(moment)}"


def _time(moment: datetime) -> str:
    return moment.time().isoformat("milliseconds" if moment.microsecond else "seconds")


def _in_template(number: str, template: str) -> str:
    places = template.count("0")
    if not number.isdecimal() or len(number) > places:
        return number
    digits = iter(number.zfill(places))
    return "".join(next(digits) if place == "0" else place for place in template)
