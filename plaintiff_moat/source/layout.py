"""Where the records of a chunk stand, how wide they are, and which of them cannot be read."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.proof import CR, LF, Bytes, Positions, blank_lines, find
from plaintiff_moat.source.records import (
    BAD_ENCODING,
    BARE_QUOTE,
    MALFORMED_RECORD,
    NUL_BYTE,
    UNCLOSED_QUOTE,
    WRONG_FIELD_COUNT,
    Chunk,
)

__all__ = ["CODES", "Layout", "lay_out"]

# A record's verdict is an index into these; 0 is a record that reads well.
CODES = (
    None,
    WRONG_FIELD_COUNT,
    MALFORMED_RECORD,
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
    damaged = _Stretches.of(chunk)
    newlines = find(block, LF)
    quotes = damaged.outside(find(block, ord(dialect.quote)))
    starts, ends = _records(block, newlines, quotes, damaged)
    delimiters = find(block, ord(dialect.delimiter))
    widths = _widths(starts, ends, quotes, delimiters)
    verdicts = np.zeros(starts.size, np.int8)
    verdicts[widths != width] = CODES.index(WRONG_FIELD_COUNT)
    verdicts[_with_stray_cr(block, starts, ends, quotes)] = CODES.index(MALFORMED_RECORD)
    verdicts[_with_bad_encoding(data, starts, ends, dialect)] = CODES.index(BAD_ENCODING)
    if b"\0" in data:
        verdicts[_owners(find(block, 0), starts)] = CODES.index(NUL_BYTE)
    verdicts[np.searchsorted(starts, damaged.starts)] = [CODES.index(damage.code) for damage in chunk.damage]
    return Layout(
        starts=starts,
        ends=ends,
        first_lines=chunk.first_line + np.searchsorted(newlines, starts),
        last_lines=chunk.first_line + np.searchsorted(newlines, ends - 1),
        widths=widths,
        verdicts=verdicts,
        content=_content(block, starts, ends, quotes, verdicts == 0, width),
    )
