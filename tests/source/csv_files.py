"""What the reader's tests share: writing a table, loading a file whole, and hypothesis strategies for both."""

from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import strategies as st

from plaintiff_moat.source import Reading, Scan, cell_names, read, scan

PIECES = ("a", "b", "é", " ", '"', '""', ",", "\n", "\r\n", "\r", "x,y", "", "\ufeff", "x\x01", "l1\nl2")
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


def written(records: list[list[str]], *, quote_all: bool = False, line_end: str = "\n") -> str:
    """Write a table as CSV; unlike Python's writer it quotes a CR, which ends a line for many readers."""
    return "".join(
        ",".join(_cell(cell, quoted=quote_all or record == [""]) for cell in record) + line_end for record in records
    )


def _cell(cell: str, *, quoted: bool) -> str:
    special = any(character in cell for character in ',"\r\n')
    return '"' + cell.replace('"', '""') + '"' if quoted or special else cell


def tables(max_width: int = 4) -> st.SearchStrategy[list[list[str]]]:
    """Tables of awkward cells, at least one record."""
    cell = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
    return st.integers(1, max_width).flatmap(
        lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1, max_size=12)
    )


def damaged_texts() -> st.SearchStrategy[str]:
    """Bodies of files that are mostly damage."""
    return st.lists(st.sampled_from(DAMAGED_PIECES), min_size=1, max_size=60).map("".join)
