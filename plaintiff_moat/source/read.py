"""Reading one chunk of a scanned file into a frame with one row per record."""

import ctypes
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from plaintiff_moat.errors import MoatError, SourceChanged
from plaintiff_moat.native.arrow import splitter
from plaintiff_moat.source.delivery import opened, read_range
from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.layout import CODES, Layout, lay_out
from plaintiff_moat.source.proof import Positions, quote_of
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
    """What was read is not what the proof says must come out; a fault of this program, nothing was kept."""


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
    return pl.DataFrame([*_places(layout, chunk), *fates, *_cells(data, layout, dialect, len(header), chunk)])


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


def _cells(data: bytes, layout: Layout, dialect: Dialect, width: int, chunk: Chunk) -> list[pl.Series]:
    """Return the cells with the line ends of the file inside them; null where one is empty or its record unreadable."""
    stretches = _readable(layout)
    content = layout.content
    if dialect.text_encoding != "utf-8" and not data.isascii():
        size = int((stretches[:, 1] - stretches[:, 0]).sum())
        data, stretches = _in_utf_8(data, stretches, dialect.text_encoding)
        content += len(data) - size  # delimiters, quotes and line ends are ASCII: all that grows is cells
    columns = _LAY_CELLS(
        data,
        len(data),
        ord(dialect.delimiter),
        quote_of(dialect),
        stretches,
        len(stretches),
        layout.starts.size,
        content,
        width,
    )
    if columns is None:
        raise ReadingsDisagree(
            f"chunk {chunk.number}: expected records of {width} cells with {content} bytes in all of them as proved, "
            "found others; report this with the file"
        )
    sent = (column.alias(name) for name, column in zip(cell_names(width), columns, strict=True))
    if dialect.line_end == "\r":
        return [column.str.replace_many(["\r", "\n"], ["\n", "\r"]) for column in sent]
    return list(sent)


def _readable(layout: Layout) -> Positions:
    """Return the stretches of records that all read well: start, end, first record and the one behind the last."""
    readable = np.concatenate(([False], layout.verdicts == 0, [False]))
    first, behind = np.flatnonzero(readable[1:] != readable[:-1]).reshape(-1, 2).T
    return np.stack((layout.starts[first], layout.ends[behind - 1], first, behind), axis=1)


def _in_utf_8(data: bytes, stretches: Positions, encoding: str) -> tuple[bytes, Positions]:
    """Return the text of the stretches in UTF-8, and where they stand in it."""
    texts = [data[start:end].decode(encoding).encode() for start, end in stretches[:, :2].tolist()]
    sizes = np.array([len(text) for text in texts], np.int64)
    ends = sizes.cumsum()
    return b"".join(texts), np.column_stack((ends - sizes, ends, stretches[:, 2:]))


_LAY_CELLS: Final = splitter(
    "moat_lay_cells",
    ctypes.c_char_p,
    ctypes.c_int64,
    ctypes.c_uint8,
    ctypes.c_int,
    np.ctypeslib.ndpointer(np.int64, flags="C_CONTIGUOUS"),
    ctypes.c_int64,
    ctypes.c_int64,
    ctypes.c_int64,
)
