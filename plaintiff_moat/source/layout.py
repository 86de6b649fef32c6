"""Where the records of a chunk stand, how wide they are, and which of them cannot be read."""

import ctypes
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from plaintiff_moat.native import function
from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.encodings import undefined
from plaintiff_moat.source.grammar import Grammar
from plaintiff_moat.source.proof import LF, Bytes, Positions, count, quote_of
from plaintiff_moat.source.records import (
    BAD_ENCODING,
    BARE_QUOTE,
    FIELD_LIMIT,
    FIELD_TOO_LONG,
    MALFORMED_RECORD,
    NUL_BYTE,
    UNCLOSED_QUOTE,
    WRONG_FIELD_COUNT,
    Chunk,
)

__all__ = ["CODES", "Layout", "lay_out"]

# A record's verdict is an index into these; 0 is a record that reads well.
CODES = (
    "",
    WRONG_FIELD_COUNT,
    MALFORMED_RECORD,
    FIELD_TOO_LONG,
    BAD_ENCODING,
    NUL_BYTE,
    BARE_QUOTE,
    UNCLOSED_QUOTE,
)


@dataclass(frozen=True, slots=True)
class Layout:
    """One entry per record, in order: byte range in the chunk, physical lines, fields found and verdict.

    `content` is the number of bytes that the cells of all readable records hold without quotes and separators.
    """

    starts: Positions
    ends: Positions
    first_lines: Positions
    last_lines: Positions
    widths: Positions
    verdicts: NDArray[np.int8]
    content: int


def lay_out(data: bytes, chunk: Chunk, dialect: Dialect, width: int) -> Layout:
    """Measure a chunk whose quoting the scan has proved outside of `chunk.damage`."""
    block = np.frombuffer(data, np.uint8)
    damage = _stretches(chunk, block.size)
    starts, ends, first_lines, last_lines, widths, contents, strays = _columns(block, chunk.first_line, damage, dialect)
    verdicts = np.zeros(starts.size, np.int8)
    verdicts[widths != width] = CODES.index(WRONG_FIELD_COUNT)
    verdicts[strays != 0] = CODES.index(MALFORMED_RECORD)
    verdicts[_with_long_field(data, starts, ends, dialect)] = CODES.index(FIELD_TOO_LONG)
    verdicts[_with_bad_encoding(data, block, starts, ends, dialect.text_encoding)] = CODES.index(BAD_ENCODING)
    if b"\0" in data:
        verdicts[_owners(np.flatnonzero(block == 0), starts)] = CODES.index(NUL_BYTE)
    if chunk.damage:
        verdicts[np.searchsorted(starts, damage[:, 0])] = [CODES.index(damage.code) for damage in chunk.damage]
    content = int(contents[verdicts == 0].sum())
    return Layout(starts, ends, first_lines, last_lines, widths, verdicts, content)


def _stretches(chunk: Chunk, size: int) -> Positions:
    """Return start and end of each damaged stretch, relative to the chunk; ValueError where they are not in order."""
    stretches = np.array([(damage.start, damage.end) for damage in chunk.damage], np.int64).reshape(-1, 2)
    stretches -= chunk.text_start
    is_in_order = bool((np.diff(stretches.ravel(), prepend=0, append=size) >= 0).all())
    if not is_in_order or (stretches[:, 0] == stretches[:, 1]).any():
        raise ValueError(
            f"chunk {chunk.number}: expected damaged stretches in order and within the chunk, found others"
        )
    return stretches


def _columns(block: Bytes, first_line: int, damage: Positions, dialect: Dialect) -> Positions:
    """Return one column per record: start, end, first and last line, width, bytes in cells, 1 where a CR is stray.

    A CR is stray that neither ends its line nor stands inside quotes. Blank lines are no records; a damaged stretch
    is one, as wide as it has delimiters, and its bytes in cells and CR mean nothing.
    """
    columns = np.empty((7, count(block, LF) + 2 * len(damage) + 1), np.int64)
    records = _LAY_OUT(
        block,
        block.size,
        ord(dialect.delimiter),
        quote_of(dialect),
        first_line,
        damage,
        len(damage),
        columns,
        columns.shape[1],
    )
    return columns[:, :records]


def _owners(positions: Positions, starts: Positions) -> Positions:
    """Return the index of the record that each position stands in, or behind when it is in a blank line."""
    return np.asarray(np.searchsorted(starts, positions, side="right") - 1)


def _with_long_field(data: bytes, starts: Positions, ends: Positions, dialect: Dialect) -> list[int]:
    suspects = np.flatnonzero(ends - starts > FIELD_LIMIT).tolist()
    if not suspects:
        return []
    grammar = Grammar(dialect, 1)
    return [record for record in suspects if grammar.longest_cell(data, int(starts[record])) > FIELD_LIMIT]


def _with_bad_encoding(data: bytes, block: Bytes, starts: Positions, ends: Positions, encoding: str) -> Positions:
    if encoding == "utf-8":
        undecodable = np.empty(ends.size, np.int64)
        return undecodable[: _FIND_UNDECODABLE(block, ends, ends.size, undecodable)]
    if data.isascii():  # all encodings extend it
        return np.zeros(0, np.int64)
    return _owners(np.flatnonzero(undefined(encoding)[block]), starts)


_BYTES: Final = np.ctypeslib.ndpointer(np.uint8, flags="C_CONTIGUOUS")
_POSITIONS: Final = np.ctypeslib.ndpointer(np.int64, flags="C_CONTIGUOUS")
_LAY_OUT: Final = function(
    "moat_lay_out",
    ctypes.c_int64,
    _BYTES,
    ctypes.c_int64,
    ctypes.c_uint8,
    ctypes.c_int,
    ctypes.c_int64,
    _POSITIONS,
    ctypes.c_int64,
    _POSITIONS,
    ctypes.c_int64,
)
_FIND_UNDECODABLE: Final = function(
    "moat_find_undecodable", ctypes.c_int64, _BYTES, _POSITIONS, ctypes.c_int64, _POSITIONS
)
