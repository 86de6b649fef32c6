"""Telephone numbers to E.164, by Google's metadata.

A number is stored as `+12125550143`, one with an extension as `+12125550143;ext=12` (RFC 3966), and what is not a
valid number stays as sent. Numbers without a country are read as North American. Text beside the number, letters
in place of digits or a second number leave a doubt about what was meant: they are kept as sent too.
"""

import re
from functools import cache
from typing import Final

import phonenumbers
import polars as pl
from phonenumbers import PhoneMetadata, PhoneNumberFormat
from phonenumbers.phonenumberutil import region_codes_for_country_code

from plaintiff_moat.native.arrow import maker

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
    is_valid = pl.all().str.contains(_valid_pattern())
    return numbers.to_frame().select(pl.when(is_valid).then(pl.all())).to_series()


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
