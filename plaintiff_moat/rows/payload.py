"""Cells by column label: what no canonical column took, and as a JSON object what a reject was."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from plaintiff_moat.redaction import redact

__all__ = ["is_redacted", "masked", "readable_payload", "unmapped", "unreadable_payload"]

TEXT_LIMIT: Final = 10_000  # characters of one cell in a payload; the line range leads to the rest
_WITHHELD: Final = "[withheld: the file has sensitive columns]"
_CUT: Final = " [cut]"
# Without either no text holds a number: it takes nine digits, and nothing but these characters hides one. Of most cells
# `redact` would find so too, at a hundred times the cost.
_UNUSUAL: Final = r"[^ -~]|[%\\&=]"
_NINE_DIGITS: Final = r"(?:[0-9][^0-9]*){9}"
_KEPT: Final = 4  # Federal Rule of Civil Procedure 5.2(a): at most the last four digits


def masked(text: pl.Expr) -> pl.Expr:
    """Show the last four characters at most, and nothing of a text of four or fewer."""
    bare = text.str.strip_chars()
    return "****" + pl.when(bare.str.len_chars() > _KEPT).then(bare.str.tail(_KEPT)).otherwise(bare.str.head(0))


def unmapped(labels: Sequence[str], positions: Sequence[int], sensitive: frozenset[int]) -> pl.Expr:
    """Give a struct of the cells at these positions, sensitive ones masked, the others exactly as sent; null of none."""
    if not positions:
        return pl.lit(None)
    return pl.struct(_cell(at, sensitive).alias(labels[at]) for at in positions)


def readable_payload(rejects: pl.DataFrame, labels: Sequence[str], sensitive: frozenset[int]) -> pl.Series:
    """Give the cells of parsed rejects as JSON objects, redacted, sensitive columns masked."""
    cells = rejects.select(_cell(at, sensitive) for at in range(len(labels)))
    # all columns as one: a call costs a millisecond, whatever it is given
    safe = _safe(pl.concat(cells.get_columns()))
    height = rejects.height
    columns = [safe.slice(at * height, height).alias(label) for at, label in enumerate(labels)]
    return pl.DataFrame(columns).select(_object([pl.all()])).to_series()


def unreadable_payload(rejects: pl.DataFrame, *, withheld: bool) -> pl.Series:
    """Give the text of malformed records as JSON objects with the one key `record`, redacted.

    Where a malformed record has its sensitive cells nobody can tell: in a file that has such columns the text is
    withheld, and the line range leads to it.
    """
    texts = pl.repeat(_WITHHELD, rejects.height, dtype=pl.String, eager=True) if withheld else _safe(rejects["raw"])
    return texts.alias("record").to_frame().select(_object([pl.all()])).to_series()


def is_redacted(text: str) -> bool:
    """Whether a text of a payload looks as if it were not what was sent."""
    return text == _WITHHELD or text.startswith("****") or "_REDACTED]" in text or text.endswith(_CUT)


def _cell(at: int, sensitive: frozenset[int]) -> pl.Expr:
    cell = pl.col(f"c{at}")
    return masked(cell).alias(f"c{at}") if at in sensitive else cell


def _object(fields: Sequence[pl.Expr]) -> pl.Expr:
    return pl.struct(fields).struct.json_encode()


def _safe(texts: pl.Series) -> pl.Series:
    """Redact the texts that may need it; show NUL, which jsonb refuses, as its symbol; cut what is overlong."""
    text = pl.col("text")
    is_doubtful = text.str.contains(_UNUSUAL) | text.str.contains(_NINE_DIGITS) | (text.str.len_bytes() > TEXT_LIMIT)
    doubtful = texts.to_frame("text").select(pl.arg_where(is_doubtful)).to_series()
    if doubtful.is_empty():
        return texts
    return texts.scatter(doubtful, pl.Series([_safe_text(text) for text in texts[doubtful]], dtype=pl.String))


def _safe_text(text: str) -> str:
    shown = redact(text).replace("\0", "\N{SYMBOL FOR NULL}")
    return shown if len(shown) <= TEXT_LIMIT else shown[:TEXT_LIMIT] + _CUT
