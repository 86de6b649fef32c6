"""Proving that bytes are well-formed CSV, with vector operations only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.records import RECORD_LIMIT

__all__ = ["CR", "LF", "Bytes", "Positions", "Proof", "blank_lines", "count", "find", "find_quotes", "prove"]

LF = 10
CR = 13

Bytes = NDArray[np.uint8]
Positions = NDArray[np.int64]

# 16 MiB in one go: 14 ms; in blocks that stay in the cache: 9 ms.
_CACHED = 1 << 20


@dataclass(frozen=True, slots=True)
class Proof:
    """How far a block that begins with a record is well-formed.

    All offsets are relative to the block. `starts` are the records in `block[:clean]`, without blank lines; `newlines`
    are all line feeds of the block, those inside quotes too. When `broken`, the record at `clean` violates the
    grammar; otherwise the bytes from `clean` on are a record that the block ends within.
    """

    starts: Positions
    newlines: Positions
    clean: int
    broken: bool


def prove(block: Bytes, dialect: Dialect, *, final: bool) -> Proof:
    """Find the records of `block` up to the first one whose quoting is not that of RFC 4180.

    With the parity of quotes counted from a record's start, every opening quote must stand first in its cell and
    every closing one last. `final` says that the file ends with the block. Records above RECORD_LIMIT are violations.
    """
    newlines = find(block, LF)
    quotes = find_quotes(block, dialect)
    ends = newlines + 1
    violation = block.size
    if quotes.size:
        violation = _first_violation(block, quotes, dialect, final=final)
        ends = ends[(np.searchsorted(quotes, newlines) & 1) == 0]
        ends = ends[: np.searchsorted(ends, violation, side="right")]
    unbroken = violation == block.size
    if final and unbroken and (ends.size == 0 or ends[-1] < block.size):
        ends = np.append(ends, block.size)
    starts = np.concatenate((np.zeros(1, np.int64), ends))
    too_long = np.flatnonzero(np.diff(starts, append=block.size if unbroken else starts[-1]) > RECORD_LIMIT)
    if too_long.size:
        ends = ends[: too_long[0]]
        unbroken = False
    clean = int(ends[-1]) if ends.size else 0
    starts = starts[: ends.size]
    return Proof(starts[~blank_lines(block, starts, ends)], newlines, clean, broken=not unbroken)


def find(block: Bytes, byte: int) -> Positions:
    """Return where `byte` stands in the block, in order."""
    if block.size <= _CACHED:
        return np.flatnonzero(block == byte)
    return np.concatenate(
        [np.flatnonzero(block[at : at + _CACHED] == byte) + at for at in range(0, block.size, _CACHED)]
    )


def count(block: Bytes, byte: int) -> int:
    """Return how often `byte` stands in the block: a third of the time of finding it where it is frequent."""
    return sum(int(np.count_nonzero(block[at : at + _CACHED] == byte)) for at in range(0, block.size, _CACHED))


def find_quotes(block: Bytes, dialect: Dialect) -> Positions:
    """Return where quotes stand that enclose cells: nowhere, where nothing does."""
    return find(block, ord(dialect.quote)) if dialect.quote else np.zeros(0, np.int64)


def blank_lines(block: Bytes, starts: Positions, ends: Positions) -> NDArray[np.bool_]:
    """Tell which of the ranges are lines that hold nothing but their line end."""
    lengths = ends - starts
    first = block[starts]
    alone = (lengths == 1) & ((first == LF) | (first == CR))
    pair = (lengths == 2) & (first == CR)  # noqa: PLR2004 (CR LF)
    pair[pair] = block[starts[pair] + 1] == LF
    return np.asarray(alone | pair)


def _first_violation(block: Bytes, quotes: Positions, dialect: Dialect, *, final: bool) -> int:
    """Return the first quote that may not stand where it does, or the block's size.

    What the block's last bytes cannot decide is no violation yet: that record is proved again with more bytes.
    """
    # A quote beside a quote is half of a doubled one, since openings and closings alternate.
    separates = np.zeros(256, np.bool_)
    separates[[ord(dialect.delimiter), LF, ord(dialect.quote)]] = True
    opening, closing = quotes[::2], quotes[1::2]
    wrong_opening = opening[~separates[block[opening - 1]] & (opening > 0)]
    following = np.minimum(closing + 1, block.size - 1)
    suspects = closing[~separates[block[following]] & (closing + 1 < block.size)]
    wrong_closing = suspects[~_before_crlf(block, suspects, final=final)]
    unclosed = quotes[-1:] if final and quotes.size % 2 else quotes[:0]
    found = np.concatenate((wrong_opening[:1], wrong_closing[:1], unclosed))
    return int(found.min()) if found.size else block.size


def _before_crlf(block: Bytes, quotes: Positions, *, final: bool) -> NDArray[np.bool_]:
    second = quotes + 2
    inside = second < block.size
    is_crlf = (block[quotes + 1] == CR) & (block[np.minimum(second, block.size - 1)] == LF)
    undecided = (block[quotes + 1] == CR) & ~inside
    return np.asarray((is_crlf & inside) | (undecided & (not final)))
