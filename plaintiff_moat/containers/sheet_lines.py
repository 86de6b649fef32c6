"""A sheet's rows as lines of CSV, all of them as wide as its table."""

import csv
import re
from collections.abc import Sequence
from typing import Final, TextIO

from plaintiff_moat.containers.limits import Limits

__all__ = ["SheetLines"]

_PREAMBLE_ROWS: Final = 50  # as many lines as `source.header` looks at
_ROWS_LOOKED_AT: Final = 200
_SHARE: Final = 10  # one row of so many is enough to show how wide a table is
_SEPARATOR: Final = re.compile("sep=.", re.IGNORECASE | re.DOTALL)  # Excel's instruction, no row of a table

_Row = tuple[int, dict[int, str]]


class SheetLines:
    """Writes rows as they come, behind the first ones, which say how wide the table is; `close` writes the last.

    A line has as many cells as the table, and more only where its row does, which makes it a reject. Where the rows
    above the header or the header itself are narrower, they are filled up too: what has no name is an unnamed column.
    """

    def __init__(self, name: str, content: TextIO, limits: Limits) -> None:
        self._name = name
        self._content = content
        self._limits = limits
        self._writer = csv.writer(content, lineterminator="\r\n")
        self._line = 1
        self._width: int | None = None
        self._first: list[_Row] = []
        self._length = 0

    def add(self, number: int, cells: dict[int, str]) -> None:
        """Writes the row of this number, behind blank lines for the empty rows before it."""
        if max(cells) > self._limits.columns:
            raise self._limits.refusal(self._name, "columns", "columns")
        if number > self._limits.rows:
            raise self._limits.refusal(self._name, "rows", "rows")
        if self._width is not None:
            self._write(number, cells, self._width)
            return
        self._first.append((number, cells))
        self._length += sum(map(len, cells.values()))
        if len(self._first) == _ROWS_LOOKED_AT or self._length > self._limits.field_bytes:
            self._write_first()

    def close(self) -> None:
        """Writes what waits for rows that never came."""
        if self._width is None:
            self._write_first()

    def _write_first(self) -> None:
        rows, self._first = self._first, []
        if rows and _is_separator(rows[0][1]):
            self._write(*rows.pop(0), 1)
        self._width = _table_width([cells for _, cells in rows])
        for number, cells in rows:
            self._write(number, cells, self._width)

    def _write(self, number: int, cells: dict[int, str], width: int) -> None:
        self._content.write("\r\n" * (number - self._line))
        self._writer.writerow([cells.get(column, "") for column in range(1, max(width, *cells) + 1)])
        self._line = number + 1


def _is_separator(cells: dict[int, str]) -> bool:
    return cells.keys() == {1} and _SEPARATOR.fullmatch(cells[1]) is not None


def _table_width(rows: Sequence[dict[int, str]]) -> int:
    """How many columns the table has that these rows begin, be there a title above it, or notes beside it.

    It is as wide as the first row, unless one of the next is wider, has no gap, and is followed by rows of which some
    are wider than what was taken for the table so far: that one is a header below a title. A note is wider by itself.
    """
    ends = [max(cells) for cells in rows]
    width = ends[0] if ends else 0
    for at, (end, cells) in enumerate(zip(ends[: _PREAMBLE_ROWS + 1], rows, strict=False)):
        if end > width and len(cells) == end:
            wider = sum(below > width for below in ends[at + 1 :])
            width = end if wider and _SHARE * wider >= len(rows) - 1 else width
    return width
