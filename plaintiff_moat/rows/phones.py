"""Telephone numbers to E.164, by Google's metadata.

A number is stored as `+12125550143`, one with an extension as `+12125550143;ext=12` (RFC 3966), and what is not a
valid number stays as sent. Numbers without a country are read as North American. Text beside the number, letters
in place of digits or a second number leave a doubt about what was meant: they are kept as sent too.
"""

import ctypes
import re
from functools import cache
from typing import Final

import numpy as np
import phonenumbers
import polars as pl
from phonenumbers import PhoneMetadata, PhoneNumberFormat
from phonenumbers.phonenumberutil import region_codes_for_country_code

from plaintiff_moat.native.arrow import maker, taker

__all__ = ["e164"]

_EXTENSION: Final = r"[ ,]{0,2}(?:;ext=|extension|ext|x|#)[.:]? {0,2}([0-9]{1,7})"
_TRAILING: Final = rf"(?i){_EXTENSION}$"
_WRITTEN: Final = re.compile(rf"[+(]?[0-9(][0-9()./ \u00a0\u2010-\u2015-]*(?:{_EXTENSION})?", re.IGNORECASE)
_KINDS: Final = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost",
    "personal_number", "voip", "pager", "uan", "voicemail",
)  # fmt: skip
# The ways in which ten digits are commonly written, where only the digits matter to phonenumbers as well: behind an
# optional +1, groups of three, three and four, the first perhaps in brackets, up to three of "-. " between them.
_READ_NUMBERS: Final = maker("moat_read_numbers")
# What is known of the numbers that begin with each area code and exchange: all of these are valid or none is. Patterns
# are asked of a new one alone.
_DECISIVE: Final = 6
_UNKNOWN, _VALID, _INVALID = range(3)
_VERDICTS: Final = np.zeros(10**_DECISIVE, np.uint8)
_FIND_VERDICTS: Final = taker("moat_find_verdicts", ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)


def e164(texts: pl.Series) -> pl.Series:
    """Give the stored form of each trimmed cell; null where it is empty or not a valid number.

    Ten-digit shapes are decided here for the whole column (0.1 s per million), the rest once per distinct value
    by phonenumbers (40 s per million).
    """
    numbers = _READ_NUMBERS(texts)
    if numbers.null_count() == texts.null_count():
        return _valid(numbers)
    left = (texts.is_not_null() & numbers.is_null()).arg_true()
    numbers = _valid(numbers)
    rest = texts.gather(left)
    distinct = rest.unique()
    return numbers.scatter(left, rest.replace_strict(distinct, _read(distinct), return_dtype=pl.String))


def _valid(numbers: pl.Series) -> pl.Series:
    """Give those of these North American numbers that phonenumbers would call valid, and null for any other."""
    verdicts = _found(numbers)
    if not verdicts.all():
        new = numbers.filter(verdicts == _UNKNOWN).str.slice(len("+1"), _DECISIVE).unique()
        _VERDICTS[new.cast(pl.Int64).to_numpy()] = np.where(_are_valid("+1" + new + "0000"), _VALID, _INVALID)
        verdicts = _found(numbers)
    invalid = np.flatnonzero(verdicts == _INVALID)
    return numbers.scatter(invalid, None) if invalid.size else numbers


def _found(numbers: pl.Series) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    """Give what is known of each number; one that is null is not invalid."""
    verdicts = np.empty(len(numbers), np.uint8)
    _FIND_VERDICTS(numbers, len(numbers), _VERDICTS.ctypes.data, verdicts.ctypes.data)
    return verdicts


def _are_valid(numbers: pl.Series) -> pl.Series:
    return numbers.str.contains(_valid_pattern())


@cache
def _valid_pattern() -> str:
    """Join the patterns of every North American region; phonenumbers tries them one region at a time."""
    regions = (PhoneMetadata.metadata_for_region(region) for region in region_codes_for_country_code(1))
    kinds = (getattr(region, kind) for region in regions if region for kind in _KINDS)
    patterns = {kind.national_number_pattern for kind in kinds if kind and kind.national_number_pattern}
    return rf"^\+1(?:{'|'.join(sorted(patterns))})$".replace(r"\d", "[0-9]")


def _read(texts: pl.Series) -> pl.Series:
    """Read distinct values: ten-digit shapes with an extension as a column too, the others one by one."""
    bare = texts.str.replace(_TRAILING, "")
    extended = _valid(_READ_NUMBERS(bare)) + ";ext=" + texts.str.extract(_TRAILING)
    read = (known or _parsed(sent) for sent, known in zip(texts, extended, strict=True))
    return pl.Series(read, dtype=pl.String)


def _parsed(text: str) -> str | None:
    if not _WRITTEN.fullmatch(text):
        return None
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    extension = f";ext={number.extension}" if number.extension else ""
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) + extension
