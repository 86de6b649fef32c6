"""Cells by column label: what no canonical column took, and as a JSON object what a reject was."""

from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

from plaintiff_moat.redaction import redact
from plaintiff_moat.rows.blank import nothing

__all__ = ["is_redacted", "masked", "readable_payload", "unmapped", "unreadable_payload"]

TEXT_LIMIT: Final = 10_000  # characters of one cell in a payload; the line range leads to the rest
_WITHHELD: Final = "[withheld: the file has sensitive columns]"
_CUT: Final = " [cut]"
# Without either no text holds a number: it takes nine digits, and nothing but these characters hides one. Of most cells
# `redact` would find so too, at a hundred times the cost.
_UNUSUAL: Final = r"[^ -~]|[%\\&=]"
_NINE_DIGITS: Final = r"(?:[0-9][^0-9]*){9}"
_KEPT: Final = 4  # Federal Rule of Civil Procedure 5.2(a): at most the last four digits


def masked(texts: pl.Series) -> pl.Series:
    """Show the last four characters at most, and nothing of a text of four or fewer."""
    bare = pl.all().str.strip_chars()
    shown = pl.when(bare.str.len_chars() > _KEPT).then(bare.str.tail(_KEPT)).otherwise(bare.str.head(0))
    return texts.to_frame().select("****" + shown).to_series()


def unmapped(
    cells: pl.DataFrame, labels: Sequence[str], positions: Sequence[int], sensitive: frozenset[int]
) -> pl.Series:
    """Give structs of the cells at these positions by their labels, sensitive ones masked, the others exactly as sent.

    Without a position they are null.
    """
    if not positions:
        return nothing(cells.height)
    shown = zip(_shown(cells, positions, sensitive), positions, strict=True)
    return pl.DataFrame([column.alias(labels[at]) for column, at in shown]).to_struct()


def readable_payload(rejects: pl.DataFrame, labels: Sequence[str], sensitive: frozenset[int]) -> pl.Series:
    """Give the cells of parsed rejects as JSON objects, redacted, sensitive columns masked."""
    # all columns as one: a call costs a millisecond, whatever it is given
    safe = _safe(pl.concat(_shown(rejects, range(len(labels)), sensitive)))
    height = rejects.height
    return _objects(safe.slice(at * height, height).alias(label) for at, label in enumerate(labels))


def unreadable_payload(rejects: pl.DataFrame, *, withheld: bool) -> pl.Series:
    """Give the text of malformed records as JSON objects with the one key `record`, redacted.

    Where a malformed record has its sensitive cells nobody can tell: in a file that has such columns the text is
    withheld, and the line range leads to it.
    """
    texts = pl.repeat(_WITHHELD, rejects.height, dtype=pl.String, eager=True) if withheld else _safe(rejects["raw"])
    return _objects([texts.alias("record")])


def is_redacted(text: str) -> bool:
    """Whether a text of a payload looks as if it were not what was sent."""
    return text == _WITHHELD or text.startswith("****") or "_REDACTED]" in text or text.endswith(_CUT)


def _shown(cells: pl.DataFrame, positions: Iterable[int], sensitive: frozenset[int]) -> list[pl.Series]:
    return [masked(cells[f"c{at}"]) if at in sensitive else cells[f"c{at}"] for at in positions]


def _objects(columns: Iterable[pl.Series]) -> pl.Series:
    return pl.DataFrame(columns).select(pl.struct(pl.all()).struct.json_encode()).to_series()


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
