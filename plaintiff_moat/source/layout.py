"""Where the records of a chunk stand, how wide they are, and which of them cannot be read."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.encodings import undefined
from plaintiff_moat.source.grammar import Grammar
from plaintiff_moat.source.proof import CR, LF, Bytes, Positions, blank_lines, count, find, find_quotes
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

_BEHIND_ASCII = 0x80

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
    damaged = _Stretches.of(chunk)
    newlines = find(block, LF)
    quotes = damaged.outside(find_quotes(block, dialect))
    starts, ends = _records(block, newlines, quotes, damaged)
    delimiters = find(block, ord(dialect.delimiter))
    widths = _widths(starts, ends, quotes, delimiters)
    verdicts = np.zeros(starts.size, np.int8)
    verdicts[widths != width] = CODES.index(WRONG_FIELD_COUNT)
    if b"\r" in data and count(block, CR) != _returned(block, newlines):
        verdicts[_with_stray_cr(block, starts, ends, quotes)] = CODES.index(MALFORMED_RECORD)
    verdicts[_with_long_field(data, starts, ends, dialect)] = CODES.index(FIELD_TOO_LONG)
    verdicts[_with_bad_encoding(data, block, starts, ends, dialect.text_encoding)] = CODES.index(BAD_ENCODING)
    if b"\0" in data:
        verdicts[_owners(find(block, 0), starts)] = CODES.index(NUL_BYTE)
    if chunk.damage:
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


@dataclass(frozen=True, slots=True)
class _Stretches:
    """The damaged byte ranges, relative to the chunk."""

    starts: Positions
    ends: Positions

    @classmethod
    def of(cls, chunk: Chunk) -> "_Stretches":
        ranges = [(damage.start - chunk.text_start, damage.end - chunk.text_start) for damage in chunk.damage]
        both = np.array(ranges, np.int64).reshape(-1, 2)
        return cls(both[:, 0], both[:, 1])

    def outside(self, positions: Positions) -> Positions:
        if not self.starts.size:
            return positions
        begun = np.searchsorted(self.starts, positions, side="right")
        outside: Positions = positions[begun == np.searchsorted(self.ends, positions, side="right")]
        return outside


def _records(block: Bytes, newlines: Positions, quotes: Positions, damaged: _Stretches) -> tuple[Positions, Positions]:
    ends = damaged.outside(newlines)
    if quotes.size:
        ends = ends[(np.searchsorted(quotes, ends) & 1) == 0]
    ends = ends + 1
    if damaged.ends.size:
        ends = np.union1d(ends, damaged.ends)
    if ends.size == 0 or ends[-1] < block.size:
        ends = np.append(ends, block.size)
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1]))
    filled = ~blank_lines(block, starts, ends)
    return starts[filled], ends[filled]


def _widths(starts: Positions, ends: Positions, quotes: Positions, delimiters: Positions) -> Positions:
    # Between records stand only blank lines, which hold no delimiter.
    widths: Positions = np.searchsorted(delimiters, ends) + 1
    widths[1:] -= widths[:-1] - 1
    if not quotes.size:
        return widths
    # Delimiters inside quotes are few: subtracting them takes a fifth of the time of masking all.
    before = np.searchsorted(delimiters, quotes)
    quoted = before[1::2] - before[::2]
    held = np.flatnonzero(quoted)
    np.subtract.at(widths, _owners(quotes[::2][held], starts), quoted[held])
    return widths


def _owners(positions: Positions, starts: Positions) -> Positions:
    """Return the index of the record that each position stands in, or behind when it is in a blank line."""
    return np.asarray(np.searchsorted(starts, positions, side="right") - 1)


def _returned(block: Bytes, newlines: Positions) -> int:
    """Return how many line feeds stand behind a CR."""
    return int(np.count_nonzero(block[newlines[newlines > 0] - 1] == CR))


def _with_stray_cr(block: Bytes, starts: Positions, ends: Positions, quotes: Positions) -> Positions:
    """Return the records with a CR that neither ends their line nor stands inside quotes."""
    returns = find(block, CR)
    following = np.minimum(returns + 1, block.size - 1)
    stray = returns[block[following] != LF]
    stray = stray[(np.searchsorted(quotes, stray) & 1) == 0]
    owners = _owners(stray, starts)
    # A lone CR at the end of the file is a blank line behind the last record.
    return np.asarray(owners[stray < ends[owners]])


def _with_long_field(data: bytes, starts: Positions, ends: Positions, dialect: Dialect) -> list[int]:
    suspects = np.flatnonzero(ends - starts > FIELD_LIMIT).tolist()
    if not suspects:
        return []
    grammar = Grammar(dialect, 1)
    return [record for record in suspects if grammar.longest_cell(data, int(starts[record])) > FIELD_LIMIT]


def _with_bad_encoding(data: bytes, block: Bytes, starts: Positions, ends: Positions, encoding: str) -> Positions:
    if data.isascii():  # all encodings extend it
        return np.zeros(0, np.int64)
    if encoding != "utf-8":
        return _owners(np.flatnonzero(undefined(encoding)[block]), starts)
    # Polars checks without building the text that Python's decoder would: a third of the time.
    try:
        pl.Series([data], dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.ComputeError:
        suspects = np.unique(_owners(np.flatnonzero(block >= _BEHIND_ASCII), starts))
        decodes = [_decodes(data[start:end]) for start, end in zip(starts[suspects], ends[suspects], strict=True)]
        return suspects[~np.array(decodes, np.bool_)]
    return np.zeros(0, np.int64)


def _decodes(record: bytes) -> bool:
    try:
        record.decode()
    except UnicodeDecodeError:
        return False
    return True


def _content(
    block: Bytes, starts: Positions, ends: Positions, quotes: Positions, readable: NDArray[np.bool_], width: int
) -> int:
    if not readable.all():
        quotes = quotes[readable[_owners(quotes, starts)]]
        starts, ends = starts[readable], ends[readable]
    fed = block[ends - 1] == LF
    returned = fed & (ends - 1 > starts) & (block[ends - 2] == CR)
    # A doubled quote is where a closing one meets an opening one; it stands for one byte of content.
    doubled = np.count_nonzero(quotes[2::2] - 1 == quotes[1:-1:2])
    separators = (width - 1) * starts.size + np.count_nonzero(fed) + np.count_nonzero(returned)
    return int((ends - starts).sum() - separators - quotes.size + doubled)
