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
    MALFORMED_RECORD,
    NUL_BYTE,
    UNCLOSED_QUOTE,
    WRONG_FIELD_COUNT,
    Chunk,
)

__all__ = ["RAW_LIMIT", "ReadingsDisagree", "cell_names", "read"]

# Bytes of an unreadable record that are kept to be looked at.
RAW_LIMIT = 64 << 10

_MESSAGES = {
    MALFORMED_RECORD: "expected one record of cells and delimiters, found text that is none; correct the record",
    BAD_ENCODING: "expected UTF-8, found bytes of another encoding; save the file as UTF-8",
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
    record, its first RAW_LIMIT bytes, with what is not UTF-8 and NUL replaced by U+FFFD.

    Raises SourceChanged, BadInput when the file is gone, ReadingsDisagree.
    """
    data = _bytes_of(path, chunk)
    layout = lay_out(data, chunk, dialect, len(header))
    if layout.starts.size != chunk.records:
        raise ReadingsDisagree(
            f"chunk {chunk.number}: expected {chunk.records} records as scanned, found {layout.starts.size}; "
            "report this together with the file"
        )
    fates = _fates(data, layout, len(header))
    cells = _cells(b"".join(_readable(data, layout, dialect, len(header))), dialect, len(header))
    del data
    _check(cells, layout, chunk)
    empty_as_null = pl.when(pl.all() != "").then(pl.all())
    return pl.concat([_places(layout, chunk), fates, cells.select(empty_as_null)], how="horizontal")


def _bytes_of(path: str | os.PathLike[str], chunk: Chunk) -> bytes:
    with opened(path) as (descriptor, _):
        data = read_range(descriptor, chunk.start, chunk.end)
    if sha256(data).hexdigest() != chunk.digest:
        raise SourceChanged(
            f"{Path(path).name}: expected the bytes that were hashed, found others in chunk {chunk.number}; "
            "wait until its delivery is complete and import it again"
        )
    return data


def _places(layout: Layout, chunk: Chunk) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "row_number": np.arange(chunk.first_row, chunk.first_row + chunk.records, dtype=np.int64),
            "line_start": layout.first_lines,
            "line_end": layout.last_lines,
        }
    )


def _fates(data: bytes, layout: Layout, width: int) -> pl.DataFrame:
    """Return code, message and raw text, all null for a record that reads well."""
    unreadable = np.flatnonzero(layout.verdicts).tolist()
    if not unreadable:
        nothing = pl.repeat(None, layout.starts.size, dtype=pl.String)
        return pl.select(error_code=nothing, error_message=nothing, raw=nothing)
    codes: list[str | None] = [None] * layout.starts.size
    messages, raws = codes.copy(), codes.copy()
    for record in unreadable:
        code = CODES[layout.verdicts[record]]
        codes[record] = code
        messages[record] = (
            f"expected {width} fields, found {layout.widths[record]}; correct the delimiters of the record"
            if code == WRONG_FIELD_COUNT
            else _MESSAGES[code]
        )
        raws[record] = _shown(data[layout.starts[record] : layout.ends[record]])
    columns = {"error_code": codes, "error_message": messages, "raw": raws}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def _shown(record: bytes) -> str:
    text = record[:RAW_LIMIT].decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.removesuffix("\n").removesuffix("\r")


def _readable(data: bytes, layout: Layout, dialect: Dialect, width: int) -> Iterator[bytes | memoryview]:
    """Yield the bytes for the parser: the readable records, and a record of empty cells in place of each other one.

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
    # A record of one empty cell needs quotes: without them it is a blank line.
    cells = dialect.delimiter * (width - 1) if width > 1 else dialect.quote * 2
    return cells.encode() + b"\n"


def _cells(text: bytes, dialect: Dialect, width: int) -> pl.DataFrame:
    try:
        frame = pl.read_csv(
            text,
            has_header=False,
            schema=dict.fromkeys(cell_names(width), pl.String),
            separator=dialect.delimiter,
            quote_char=dialect.quote,
            empty_string_is_null=False,  # null is left to mean a cell that the parser did not find
        )
    except pl.exceptions.PolarsError:
        # The parser's text may quote a cell.
        raise ReadingsDisagree(
            "expected a chunk that parses as proved, found that the parser refuses it; report this with the file"
        ) from None
    return frame[1:]


def _check(cells: pl.DataFrame, layout: Layout, chunk: Chunk) -> None:
    """Raise ReadingsDisagree unless the parser returned every record, every cell and every byte of them."""
    content = sum(cells.select(pl.all().str.len_bytes().sum()).row(0))
    nulls = sum(cells.null_count().row(0))
    if (cells.height, nulls, content) != (chunk.records, 0, layout.content):
        raise ReadingsDisagree(
            f"chunk {chunk.number}: expected {chunk.records} records with {layout.content} bytes in cells as proved, "
            f"found {cells.height} with {content} bytes and {nulls} cells missing; report this with the file"
        )
