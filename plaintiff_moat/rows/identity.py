"""The dedupe key: what makes two records one, in this file, in the next one and on every machine.

Version 1: the source system and then the identity's columns; each part NFKC, every run of white space (Unicode
White_Space, and U+001F as well) folded to one space, trimmed, lower-cased without regard to context (a final
sigma is written as any other), null as the empty text; joined with U+001F; SHA-256; the first 128 bits as a uuid.

For every character of Unicode 14 this equals what plain Python computes; characters assigned later follow the
tables of polars, and the stability policy of Unicode keeps keys that exist from changing. Case is not folded
beyond lower-casing: `Strauß` and `STRAUSS` are two plaintiffs.
"""

from collections.abc import Sequence
from typing import Final

import polars as pl
import polars_hash as plh

__all__ = ["KEY_VERSION", "dedupe_keys"]

KEY_VERSION: Final = 1

_SEPARATOR: Final = "\x1f"
_FINAL_SIGMA: Final = "\N{GREEK SMALL LETTER FINAL SIGMA}"
_SIGMA: Final = "\N{GREEK SMALL LETTER SIGMA}"
# All that separates a joined text from being normal but for its case: a character outside printable ASCII, two
# spaces together, or a space at the end of a part. Such records are few; NFKC of all would take 1.2 s per million.
_UNUSUAL: Final = r"[^\x1f-~]|  | \x1f|\x1f |^ | $"


def dedupe_keys(parts: pl.DataFrame, source_system: str) -> pl.Series:
    """Give one uuid text per record; the columns of `parts`, in their order, follow the source system."""
    system = pl.lit(pl.select(_normal(pl.lit(source_system))).item(), pl.String)
    joined = parts.select(_joined([system, *(pl.col(name).fill_null("") for name in parts.columns)])).to_series()
    table = joined.to_frame("joined").select(
        plain=pl.col("joined").str.to_lowercase(),
        unusual=pl.col("joined").str.contains(_UNUSUAL)
        | (pl.col("joined").str.count_matches(_SEPARATOR, literal=True) != parts.width),
    )
    plain, unusual = table["plain"], table["unusual"].arg_true()
    if not unusual.is_empty():
        careful = _joined([system, *(_normal(pl.col(name).fill_null("")) for name in parts.columns)])
        plain = plain.scatter(unusual, parts[unusual].select(careful).to_series())
    return _uuid(plain)


def _normal(text: pl.Expr) -> pl.Expr:
    folded = text.str.normalize("NFKC").str.replace_all(r"[\s\x1f]+", " ").str.strip_chars(" ")
    return folded.str.to_lowercase().str.replace_all(_FINAL_SIGMA, _SIGMA, literal=True)


def _joined(parts: Sequence[pl.Expr]) -> pl.Expr:
    return pl.concat_str(parts, separator=_SEPARATOR)


def _uuid(text: pl.Series) -> pl.Series:
    digest = text.to_frame("text").select(digest=plh.col("text").chash.sha2_256())
    hex_digits = pl.col("digest").str
    groups = [hex_digits.slice(start, size) for start, size in ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))]
    return digest.select(pl.concat_str(groups, separator="-")).to_series()
