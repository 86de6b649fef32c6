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

__all__ = ["e164"]

# The ways in which ten digits are commonly written, where only the digits matter to phonenumbers as well.
_NANP: Final = r"^(?:\+?1[-. ]{0,3})?(?:\([2-9][0-9]{2}\)|[2-9][0-9]{2})[-. ]{0,3}[0-9]{3}[-. ]{0,3}[0-9]{4}$"
_EXTENSION: Final = r"[ ,]{0,2}(?:;ext=|extension|ext|x|#)[.:]? {0,2}([0-9]{1,7})"
_TRAILING: Final = rf"(?i){_EXTENSION}$"
_WRITTEN: Final = re.compile(rf"[+(]?[0-9(][0-9()./ \u00a0\u2010-\u2015-]*(?:{_EXTENSION})?", re.IGNORECASE)
_KINDS: Final = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost",
    "personal_number", "voip", "pager", "uan", "voicemail",
)  # fmt: skip


def e164(texts: pl.Series) -> pl.Series:
    """Give the stored form of each trimmed cell; null where it is empty or not a valid number.

    Ten-digit shapes are decided here for the whole column (0.3 s per million), the rest once per distinct value
    by phonenumbers (40 s per million).
    """
    shaped = texts.str.contains(_NANP)
    numbers = _north_american(texts, shaped)
    left = (~shaped).arg_true()
    if left.is_empty():
        return numbers
    rest = texts.gather(left)
    distinct = rest.unique()
    return numbers.scatter(left, rest.replace_strict(distinct, _read(distinct), return_dtype=pl.String))


def _north_american(texts: pl.Series, shaped: pl.Series) -> pl.Series:
    """Read the ten-digit shapes; null for anything else and for numbers that phonenumbers would not call valid."""
    bare = pl.when(shaped).then(texts).str.replace_many(["+", "(", ")", "-", ".", " "], [""] * 6)
    digits = pl.select(bare.str.tail(10)).to_series()
    return pl.select(pl.when(digits.str.contains(_valid_pattern())).then("+1" + digits)).to_series()


@cache
def _valid_pattern() -> str:
    """Join the patterns of every North American region; phonenumbers tries them one region at a time."""
    regions = (PhoneMetadata.metadata_for_region(region) for region in region_codes_for_country_code(1))
    kinds = (getattr(region, kind) for region in regions if region for kind in _KINDS)
    patterns = {kind.national_number_pattern for kind in kinds if kind and kind.national_number_pattern}
    return f"^(?:{'|'.join(sorted(patterns))})$".replace(r"\d", "[0-9]")


def _read(texts: pl.Series) -> pl.Series:
    """Read distinct values: ten-digit shapes with an extension as a column too, the others one by one."""
    bare = texts.str.replace(_TRAILING, "")
    extended = _north_american(bare, bare.str.contains(_NANP)) + ";ext=" + texts.str.extract(_TRAILING)
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
