"""What the reader's tests share: writing a table, loading a file whole, and hypothesis strategies for both."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

import polars as pl
from hypothesis import strategies as st

from plaintiff_moat.source import Reading, boundaries
from plaintiff_moat.source.read import cell_names, read
from plaintiff_moat.source.records import Scan
from plaintiff_moat.source.scan import scan
from plaintiff_moat.source.text import TextDecoder

PIECES = ("a", "b", "é", " ", '"', '""', ",", "\n", "\r\n", "\r", "x,y", "", "\ufeff", "x\x01", "l1\nl2")
NO_PAUSES: Mapping[str, int] = MappingProxyType({})
COMMA = Reading(delimiter=",", encoding="utf-8", quote='"')
DAMAGED_PIECES = (*PIECES, '"', '","', '"\n', '\n"', ",,", "a,b,c\n", '"a","b","c"\n', "\n\n", "\0", "\udcff")


def frame_of(scanned: Scan) -> pl.DataFrame:
    """Read all chunks of a scan."""
    return pl.concat([read(scanned.path, scanned.dialect, scanned.header, chunk) for chunk in scanned.chunks])


def load(path: Path, content: str | bytes, **options: Any) -> pl.DataFrame:
    """Write a file, scan it and read it whole."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))
    return frame_of(scan(path, **options))


def cells_of(frame: pl.DataFrame) -> list[tuple[str | None, ...]]:
    """Return the cells of the records that read well."""
    sound = frame.filter(pl.col("error_code").is_null())
    return sound.select(cell_names(frame.width - 6)).rows()


def rejects_of(frame: pl.DataFrame) -> list[tuple[int, int, str]]:
    """Return first line, last line and code of the records that do not."""
    unreadable = frame.filter(pl.col("error_code").is_not_null())
    return unreadable.select("line_start", "line_end", "error_code").rows()


def written(
    records: list[list[str]], *, quote_all: bool = False, line_end: str = "\n", delimiter: str = ",", quote: str = '"'
) -> str:
    """Write a table as CSV; unlike Python's writer it quotes a CR, which ends a line for many readers."""

    def cell(text: str, *, is_alone: bool) -> str:
        special = any(character in text for character in (delimiter, quote, "\r", "\n"))
        return quote + text.replace(quote, quote * 2) + quote if quote_all or is_alone or special else text

    return "".join(
        delimiter.join(cell(text, is_alone=record == [""]) for text in record) + line_end for record in records
    )


def tables(max_width: int = 4) -> st.SearchStrategy[list[list[str]]]:
    """Tables of awkward cells, at least one record."""
    cell = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
    return st.integers(1, max_width).flatmap(
        lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1, max_size=12)
    )


def damaged_texts() -> st.SearchStrategy[str]:
    """Bodies of files that are mostly damage."""
    return st.lists(st.sampled_from(DAMAGED_PIECES), min_size=1, max_size=60).map("".join)


def check_accounts(path: Path, reading: Reading, chunk_bytes: int, pauses: Mapping[str, int] = NO_PAUSES) -> None:
    """Assert that every physical line is the header's, one record's or blank, and that chunk borders change nothing.

    Nor does it matter how much is read and proved at once, if `pauses` says so for the scan in chunks, by the names of
    `boundaries`. Raises BadInput for what is no delivery.
    """
    whole = scan(path, reading=reading)
    frame = frame_of(whole)
    with patch.dict(vars(boundaries), pauses):
        parts = scan(path, reading=reading, chunk_bytes=chunk_bytes)
    assert replace(parts, chunks=whole.chunks) == whole
    assert parts.chunks == whole.chunks or frame_of(parts).equals(frame)
    content = path.read_bytes()
    assert [sha256(content[chunk.start : chunk.end]).hexdigest() for chunk in parts.chunks] == [
        chunk.digest for chunk in parts.chunks
    ]
    assert [chunk.end for chunk in parts.chunks] == [*[chunk.start for chunk in parts.chunks[1:]], len(content)]
    lines = TextDecoder(whole.dialect).text(content, final=True).split(b"\n")
    first = whole.chunks[0].first_line
    ranges = zip(frame["line_start"], frame["line_end"], strict=True)
    accounted = [line for begin, end in ranges for line in range(begin, end + 1)]
    assert frame["row_number"].to_list() == list(range(1, whole.records + 1))
    assert len(set(accounted)) == len(accounted)
    assert min(accounted) >= first
    assert all(lines[line - 1] in (b"", b"\r") for line in {*range(first, len(lines) + 1)} - set(accounted))
    assert all(None in pair for pair in zip(frame["error_code"], frame["c0"], strict=True))
