"""The dedupe key: what makes two records one, in this file, in the next one and on every machine.

Version 1: the source system and then the identity's columns; each part NFKC, every run of white space (Unicode
White_Space, and U+001F as well) folded to one space, trimmed, lower-cased without regard to context (a final
sigma is written as any other), null as the empty text; joined with U+001F; SHA-256; the first 128 bits as a uuid.

For every character of Unicode 14 this equals what plain Python computes; characters assigned later follow the
tables of polars, and the stability policy of Unicode keeps keys that exist from changing. Case is not folded
beyond lower-casing: `Strauß` and `STRAUSS` are two plaintiffs.
"""

import ctypes
from functools import cache
from typing import Final

import polars as pl
import polars_hash as plh

from plaintiff_moat.native.arrow import maker

__all__ = ["KEY_VERSION", "dedupe_keys"]

KEY_VERSION: Final = 1

_SEPARATOR: Final = "\x1f"
_FINAL_SIGMA: Final = "\N{GREEK SMALL LETTER FINAL SIGMA}"
_SIGMA: Final = "\N{GREEK SMALL LETTER SIGMA}"
# Joins the parts that are normal but for their case, words of printable ASCII with one space between them, in lower
# case. Records of other parts are few, and null here; NFKC of all would take 1.2 s per million.
_JOIN_USUAL: Final = maker("moat_join_usual", ctypes.c_char_p, ctypes.c_int32)
_SHORTEN: Final = maker("moat_shorten_texts", ctypes.c_int32)
_HEX_DIGITS: Final = 32  # of 128 bits


def dedupe_keys(parts: pl.DataFrame, source_system: str) -> pl.Series:
    """Give one key per record, the 32 hex digits of a uuid; `parts`, in their order, follow the source system."""
    system = _normal_system(source_system).encode()
    plain = _JOIN_USUAL(parts, system, len(system))
    if plain.null_count():
        unusual = plain.is_null().arg_true()
        joined = [pl.lit(system.decode()), *map(_behind_separator, parts[unusual])]
        plain = plain.scatter(unusual, pl.select(pl.concat_str(joined)).to_series())
    return _key(plain)


def _behind_separator(part: pl.Series) -> pl.Series:
    """Give what these add to the texts of their records. Of a record that is not usual most parts are."""
    joined = _JOIN_USUAL(part.to_frame(), b"", 0)
    if not joined.null_count():
        return joined
    unusual = joined.is_null().arg_true()
    normal = part[unusual].to_frame().select(pl.lit(_SEPARATOR) + _normal(pl.all()))
    return joined.scatter(unusual, normal.to_series())


@cache
def _normal_system(source_system: str) -> str:
    normal: str = pl.select(_normal(pl.lit(source_system))).item()
    return normal


def _normal(text: pl.Expr) -> pl.Expr:
    folded = text.str.normalize("NFKC").str.replace_all(r"[\s\x1f]+", " ").str.strip_chars(" ")
    return folded.str.to_lowercase().str.replace_all(_FINAL_SIGMA, _SIGMA, literal=True)


def _key(text: pl.Series) -> pl.Series:
    hashes = text.to_frame("text").select(plh.col("text").chash.sha2_256()).to_series()
    return _SHORTEN(hashes.rechunk(), _HEX_DIGITS)
