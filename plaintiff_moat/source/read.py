"""Reading one chunk of a scanned file into a frame with one row per record."""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl

from plaintiff_moat.errors import MoatError, SourceChanged
from plaintiff_moat.source.delivery import opened, read_range
from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.layout import CODES, Layout, lay_out
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
from plaintiff_moat.source.text import TextDecoder, exchanged

__all__ = ["RAW_LIMIT", "ReadingsDisagree", "cell_names", "read"]

# Bytes of an unreadable record that are kept to be looked at.
RAW_LIMIT = 64 << 10

_MESSAGES = {
    MALFORMED_RECORD: "expected one record of cells and delimiters, found text that is none; correct the record",
    FIELD_TOO_LONG: f"expected cells of at most {FIELD_LIMIT:,} bytes, found a longer one; shorten it",
    NUL_BYTE: "expected text, found a NUL byte; remove it",
    BARE_QUOTE: "expected quotes only around a whole cell, found one inside; double it and quote the cell",
    UNCLOSED_QUOTE: "expected a closing quote, found none that ends its cell; close it or remove the opening one",
}


class ReadingsDisagree(MoatError):
    """The parser's answer is not what the proof says must come out; a fault of this program, nothing was kept."""


def cell_names(width: int) -> list[str]:
    """Return the frame's names of the source columns, by position: a vendor's names may be anything."""
    return [f"c{position}" for position in range(width)]


def read(path: str | os.PathLike[str], dialect: Dialect, header: tuple[str, ...], chunk: Chunk) -> pl.DataFrame:
    """Return one row per record of the chunk, in order; refused when its bytes are not those that were scanned.

    Columns: `row_number`, `line_start`, `line_end` (physical lines, inclusive), `error_code`, `error_message` and
    `raw` (null for a record that reads well), then `c0`, `c1`, … for the header's columns. Cells are exactly as sent,
    with an empty one, quoted or not, as null; an unreadable record has null cells. `raw` is the text of an unreadable
    record, its first RAW_LIMIT bytes, with NUL and what is not of the file's encoding replaced by U+FFFD.

    Raises SourceChanged, BadInput when the file is gone, ReadingsDisagree.
    """
    data = TextDecoder(dialect).text(_bytes_of(path, chunk), final=True)
    layout = lay_out(data, chunk, dialect, len(header))
    if layout.starts.size != chunk.records:
        raise ReadingsDisagree(
            f"chunk {chunk.number}: expected {chunk.records} records as scanned, found {layout.starts.size}; "
            "report this together with the file"
        )
    fates = _fates(data, layout, dialect, len(header))
    readable = b"".join(_readable(data, layout, dialect, len(header)))
    del data
    text = _as_utf_8(readable, dialect)
    cells = _cells(text, dialect, len(header))
    if not dialect.quote and len(header) == 1:
        cells = cells.select(pl.when(pl.Series(layout.verdicts == 0)).then(pl.all()).otherwise(pl.lit("")))
    _check(cells, layout.content + len(text) - len(readable), chunk)
    return pl.DataFrame([*_places(layout, chunk), *fates, *_as_sent(cells, dialect)])


def _bytes_of(path: str | os.PathLike[str], chunk: Chunk) -> bytes:
    with opened(path) as (descriptor, _):
        data = read_range(descriptor, chunk.start, chunk.end)
    if sha256(data).hexdigest() != chunk.digest:
        raise SourceChanged(
            f"{Path(path).name}: expected the bytes that were hashed, found others in chunk {chunk.number}; "
            "wait until its delivery is complete and import it again"
        )
    return data


def _places(layout: Layout, chunk: Chunk) -> Iterator[pl.Series]:
    yield pl.Series("row_number", np.arange(chunk.first_row, chunk.first_row + chunk.records, dtype=np.int64))
    yield pl.Series("line_start", layout.first_lines)
    yield pl.Series("line_end", layout.last_lines)


def _fates(data: bytes, layout: Layout, dialect: Dialect, width: int) -> list[pl.Series]:
    """Return code, message and raw text, all null for a record that reads well."""
    unreadable = np.flatnonzero(layout.verdicts).tolist()
    if not unreadable:
        nothing = pl.Series([None], dtype=pl.String).new_from_index(0, layout.starts.size)
        return [nothing.alias(name) for name in ("error_code", "error_message", "raw")]
    codes: list[str | None] = [None] * layout.starts.size
    messages, raws = codes.copy(), codes.copy()
    for record in unreadable:
        code = CODES[layout.verdicts[record]]
        codes[record] = code
        messages[record] = _message(code, width, int(layout.widths[record]), dialect)
        raws[record] = _shown(data[layout.starts[record] : layout.ends[record]], dialect)
    columns = {"error_code": codes, "error_message": messages, "raw": raws}
    return [pl.Series(name, values, dtype=pl.String) for name, values in columns.items()]


def _message(code: str, width: int, found: int, dialect: Dialect) -> str:
    if code == WRONG_FIELD_COUNT:
        return f"expected {width} fields, found {found}; correct the delimiters of the record"
    if code == BAD_ENCODING:
        encoding = dialect.encoding.upper()
        return f"expected {encoding}, found bytes of another encoding; save the file as UTF-8, or name its encoding"
    return _MESSAGES[code]


def _shown(record: bytes, dialect: Dialect) -> str:
    record = record[:RAW_LIMIT].removesuffix(b"\n").removesuffix(b"\r")
    record = exchanged(record) if dialect.line_end == "\r" else record
    return record.decode(dialect.text_encoding, "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _readable(data: bytes, layout: Layout, dialect: Dialect, width: int) -> Iterator[bytes | memoryview]:
    """Yield the text for the parser: the readable records, and a record of empty cells in place of each other one.

    Another one goes first, because a parser treats what a file begins with as it treats no other bytes: byte order
    marks, magic numbers of archives, a first line that sets the width.
    """
    empty = _empty_record(dialect, width)
    yield empty
    view = memoryview(data)
    readable = layout.verdicts == 0
    joined = readable[1:] & readable[:-1] & (layout.starts[1:] == layout.ends[:-1])
    first = np.flatnonzero(np.concatenate(([True], ~joined))).tolist()
    last = np.flatnonzero(np.concatenate((~joined, [True]))).tolist()
    for begin, end in zip(first, last, strict=True):
        yield view[layout.starts[begin] : layout.ends[end]] if readable[begin] else empty


def _empty_record(dialect: Dialect, width: int) -> bytes:
    # A record of one empty cell needs quotes: without them it is a blank line. Where quotes are text, it has that text.
    text = "+" if dialect.delimiter == "-" else "-"
    cells = dialect.delimiter * (width - 1) if width > 1 else dialect.quote * 2 or text
    return cells.encode() + b"\n"


def _as_utf_8(text: bytes, dialect: Dialect) -> bytes:
    # Delimiters, quotes and line ends are ASCII, so that all that grows is cells.
    if dialect.text_encoding == "utf-8" or text.isascii():
        return text
    return text.decode(dialect.text_encoding).encode()


def _cells(text: bytes, dialect: Dialect, width: int) -> pl.DataFrame:
    try:
        frame = pl.read_csv(
            text,
            has_header=False,
            schema=dict.fromkeys(cell_names(width), pl.String),
            separator=dialect.delimiter,
            quote_char=dialect.quote or None,
            empty_string_is_null=False,  # null is left to mean a cell that the parser did not find
        )
    except pl.exceptions.PolarsError:
        # The parser's text may quote a cell.
        raise ReadingsDisagree(
            "expected a chunk that parses as proved, found that the parser refuses it; report this with the file"
        ) from None
    return frame[1:]


def _as_sent(cells: pl.DataFrame, dialect: Dialect) -> pl.DataFrame:
    """Return the cells with the line ends of the file inside them, and null where they are empty."""
    sent = pl.all()
    if dialect.line_end == "\r":
        sent = sent.str.replace_many(["\r", "\n"], ["\n", "\r"])
    return cells.select(pl.when(pl.all() != "").then(sent))


def _check(cells: pl.DataFrame, expected: int, chunk: Chunk) -> None:
    """Raise ReadingsDisagree unless the parser returned every record, every cell and every byte of them."""
    content = sum(cells.select(pl.all().str.len_bytes().sum()).row(0))
    nulls = sum(cells.null_count().row(0))
    if (cells.height, nulls, content) != (chunk.records, 0, expected):
        raise ReadingsDisagree(
            f"chunk {chunk.number}: expected {chunk.records} records with {expected} bytes in cells as proved, "
            f"found {cells.height} with {content} bytes and {nulls} cells missing; report this with the file"
        )
