"""The rows of a sheet as CSV: each cell as the sheet shows it, each row on the line of its own number."""

import re
from collections.abc import Callable
from typing import Final, TextIO

from plaintiff_moat.containers.archive import shown
from plaintiff_moat.containers.limits import Limits
from plaintiff_moat.containers.number_formats import as_text
from plaintiff_moat.containers.sheet_lines import SheetLines
from plaintiff_moat.containers.workbook import Sheet, Workbook
from plaintiff_moat.containers.xml_parts import Attributes, Part
from plaintiff_moat.errors import BadInput

__all__ = ["write_sheet"]

# The last cell that a sheet can have is XFD1048576.
_LAST_ROW: Final = 1 << 20
_LAST_COLUMN: Final = 1 << 14
_LETTERS: Final = re.compile("[A-Z]{1,3}")
_ESCAPE: Final = re.compile("_x([0-9A-Fa-f]{4})_")  # a character that XML cannot hold (section 22.9.2.19)
_MIDNIGHT: Final = re.compile(r"T00:00(?::00(?:\.0+)?)?Z?\Z")


def write_sheet(name: str, workbook: Workbook, sheet: Sheet, content: TextIO, limits: Limits) -> None:
    """Writes the sheet as comma-separated UTF-8 text; an empty row is a blank line.

    Raises BadInput for a sheet with an error such as #REF! in a cell or a formula that was never calculated, and for
    one that is damaged or passes the limits.
    """
    lines = SheetLines(name, content, limits)
    rows = _Rows(name, workbook, sheet, limits, lines.add)
    workbook.read_cells(sheet, rows)
    rows.refuse_unusable()
    lines.close()


class _Rows(Part):
    """Hands on the rows that have a cell with something in it: their numbers, and the cells by column from 1."""

    def __init__(
        self,
        name: str,
        workbook: Workbook,
        sheet: Sheet,
        limits: Limits,
        hand_on: Callable[[int, dict[int, str]], None],
    ) -> None:
        self._name = name
        self._workbook = workbook
        self._title = shown(sheet.name)
        self._limits = limits
        self._hand_on = hand_on
        self._columns: dict[str, int] = {}
        self._in_data = False
        self._row = self._column = 0
        self._cells: dict[int, str] = {}
        self._row_length = 0
        self._type = self._style = ""
        self._pieces: list[str] | None = None
        self._length = 0
        self._value: str | None = None
        self._has_formula = self._is_reading_aid = False
        self._unusable: dict[tuple[str, str], tuple[int, str]] = {}

    def start(self, element: str, attributes: Attributes) -> None:
        if element == "sheetData":
            self._in_data = True
        elif not self._in_data:
            return
        elif element == "c":
            self._start_cell(attributes)
        elif element == "row":
            self._start_row(attributes)
        elif element == "v" or (element == "t" and not self._is_reading_aid):
            self._pieces = []
        elif element == "f":
            self._has_formula = True
        elif element == "rPh":
            self._is_reading_aid = True

    def text(self, text: str) -> None:
        if self._pieces is not None:
            self._length += len(text)
            if self._length > self._limits.field_bytes:
                raise self._limits.refusal(self._name, "field_bytes", "bytes in a cell")
            self._pieces.append(text)

    def end(self, element: str) -> None:
        if element in {"v", "t"} and self._pieces is not None:
            self._value = (self._value or "") + "".join(self._pieces)
            self._pieces = None
        elif element == "c":
            text = self._cell()
            if text:
                self._row_length += len(text)
                if self._row_length > self._limits.field_bytes:
                    raise self._limits.refusal(self._name, "field_bytes", "bytes in a row")
                self._cells[self._column] = text
        elif element == "row" and self._cells:
            self._hand_on(self._row, self._cells)
            self._cells = {}
        elif element == "rPh":
            self._is_reading_aid = False
        elif element == "sheetData":
            self._in_data = False

    def refuse_unusable(self) -> None:
        """Raises BadInput when cells were passed that stand for nothing."""
        if self._unusable:
            found = " and ".join(
                f"{count:,} {what[count > 1]}, the first in {where}" for what, (count, where) in self._unusable.items()
            )
            raise BadInput(
                f"{self._name}: expected a value in each cell of sheet {self._title} that is not empty, found {found}; "
                "correct the sheet, let Excel calculate and save it"
            )

    def _start_row(self, attributes: Attributes) -> None:
        row = _whole(attributes["r"]) if "r" in attributes else self._row + 1
        if not self._row < row <= _LAST_ROW:
            raise self._damaged()
        self._row, self._column, self._row_length = row, 0, 0

    def _start_cell(self, attributes: Attributes) -> None:
        column = self._column + 1
        reference = attributes.get("r")
        if reference is not None:
            letters = reference.rstrip("0123456789")
            if reference[len(letters) :] != str(self._row):
                raise self._damaged()
            column = self._columns.get(letters) or self._number(letters)
        if not self._column < column <= _LAST_COLUMN or not self._row:
            raise self._damaged()
        self._column = column
        self._type = attributes.get("t", "n")
        self._style = attributes.get("s", "")
        self._value = None
        self._length = 0
        self._has_formula = False

    def _number(self, letters: str) -> int:
        if not _LETTERS.fullmatch(letters):
            raise self._damaged()
        number = 0
        for letter in letters:
            number = 26 * number + ord(letter) - ord("A") + 1
        if number > _LAST_COLUMN:
            raise self._damaged()
        self._columns[letters] = number
        return number

    def _cell(self) -> str:
        """The cell as its sheet shows it; an empty text for an empty cell."""
        value = self._value
        if not value:
            if self._has_formula and self._type != "str":
                self._count("formula that was never calculated", "formulas that were never calculated")
            return ""
        if self._type == "e":
            self._count("error such as #REF!", "errors such as #REF!")
            return ""
        try:
            return self._text(value)
        except (ValueError, OverflowError, IndexError):
            self._count(
                "cell that holds no number, day or text as it says",
                "cells that hold no number, day or text as they say",
            )
            return ""

    def _text(self, value: str) -> str:
        if self._type == "n":
            shape = self._workbook.formats[_whole(self._style)] if self._style and self._workbook.formats else None
            return as_text(value.strip(), shape, from_1904=self._workbook.from_1904)
        if self._type == "b":
            return {"1": "TRUE", "true": "TRUE", "0": "FALSE", "false": "FALSE"}.get(value.strip()) or _refuse()
        if self._type == "d":
            return _MIDNIGHT.sub("", value)
        if self._type == "s":
            value = self._workbook.texts[_whole(value)]
        elif self._type not in {"inlineStr", "str"}:
            raise ValueError
        return _ESCAPE.sub(_unescaped, value) if "_x" in value else value

    def _count(self, one: str, several: str) -> None:
        what = one, several
        count, where = self._unusable.get(what, (0, f"row {self._row}, column {self._column}"))
        self._unusable[what] = count + 1, where

    def _damaged(self) -> BadInput:
        return BadInput(
            f"{self._name}: expected the rows and cells of sheet {self._title} in order and inside the sheet, found "
            f"others after row {self._row}; open it in Excel and save it again"
        )


def _unescaped(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return "\N{REPLACEMENT CHARACTER}" if "\ud800" <= character <= "\udfff" else character


def _whole(text: str) -> int:
    if not (text.isascii() and text.strip().isdecimal()):  # Python takes underscores and digits of other scripts
        raise ValueError
    return int(text)


def _refuse() -> str:
    raise ValueError
