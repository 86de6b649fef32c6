"""Excel workbooks (.xlsx): which sheets one has, and the texts and formats that its cells refer to.

The parts are those of ECMA-376 part 1 (SpreadsheetML) and part 2 (packages). Read as a stream: no library of
today (python-calamine 0.9, openpyxl 3.1) tells a formula without a value from an empty cell; calamine reads an error as
one too, and holds the rectangle between the outermost cells.
"""

import os
import posixpath
import re
from array import array
from dataclasses import dataclass
from typing import Final

from plaintiff_moat.containers.archive import Archive, shown
from plaintiff_moat.containers.limits import Limits
from plaintiff_moat.containers.number_formats import BUILT_IN, Format, format_of
from plaintiff_moat.containers.xml_parts import Attributes, Part, feed, local
from plaintiff_moat.errors import BadInput
from plaintiff_moat.spool import Spool, SpoolFile

__all__ = ["Sheet", "Workbook", "is_workbook", "refuse_other_documents"]

_CONTENT_TYPES: Final = "[Content_Types].xml"
# Ten times what a full column holds, at eight bytes each.
_TEXTS: Final = 10_000_000
_VALUE: Final = re.compile(rb"<(?:\w{1,40}:)?(?:v|is|f)[\s>]")
_OTHER_DOCUMENTS: Final = {
    "xl/workbook.bin": "a binary workbook (.xlsb)",
    "mimetype": "an OpenDocument file (.ods)",
    "word/document.xml": "a Word document",
    "ppt/presentation.xml": "a presentation",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A worksheet: its name, its place among the worksheets from 1, where its cells are, and whether people see it."""

    name: str
    number: int
    part: str
    is_hidden: bool


def is_workbook(archive: Archive) -> bool:
    """Whether the archive is a workbook rather than files packed together."""
    return archive.find(_CONTENT_TYPES) is not None and archive.find("xl/workbook.xml") is not None


def refuse_other_documents(name: str, archive: Archive) -> None:
    """Raises BadInput for a document that is an archive too, but none of files."""
    for member, what in _OTHER_DOCUMENTS.items():
        if any(held.name == member for held in archive.members):
            raise BadInput(
                f"{name}: expected CSV text or an Excel workbook (.xlsx), found {what}; save it as .xlsx or as CSV"
            )


class Workbook:
    """A workbook's sheets, and what their cells refer to. Holds the texts in the spool, eight bytes of each in memory.

    Raises BadInput for a damaged workbook, or one that passes the limits.
    """

    def __init__(self, name: str, archive: Archive, spool: Spool, limits: Limits) -> None:
        self._name = name
        self._archive = archive
        self._limits = limits
        book = _Book()
        self._read("xl/workbook.xml", book)
        related = _Relations()
        self._read("xl/_rels/workbook.xml.rels", related)
        self.from_1904 = book.from_1904
        self.sheets = [
            Sheet(title, number, related.targets[relation], is_hidden)
            for number, (title, relation, is_hidden) in enumerate(
                (held for held in book.sheets if related.kinds.get(held[1]) == "worksheet"), 1
            )
        ]
        styles = _Styles()
        if "styles" in related.parts:
            self._read(related.parts["styles"], styles)
        self.formats: list[Format] = styles.formats()
        packed = sum(member.info.compress_size for member in archive.members)
        self.texts = _Texts(spool.create(name, *limits.content_bytes(packed)), name, limits)
        if "sharedStrings" in related.parts:
            self._read(related.parts["sharedStrings"], self.texts)
        self.texts.flush()

    def sheet(self, title: str | None) -> Sheet:
        """The sheet of this name, else the first that is not hidden."""
        visible = [sheet for sheet in self.sheets if not sheet.is_hidden]
        chosen = [sheet for sheet in self.sheets if sheet.name == title] if title is not None else visible
        if not chosen:
            names = ", ".join(shown(sheet.name) for sheet in self.sheets[:10])
            raise BadInput(
                f"{self._name}: expected {'a sheet' if title is None else 'a sheet of the name that was asked for'}, "
                f"found {names or 'none'}; name one with --sheet"
            )
        return chosen[0]

    def is_one_of_several(self, sheet: Sheet) -> bool:
        """Whether it had to be asked for, and is not the only sheet with something in it."""
        if sheet == next((held for held in self.sheets if not held.is_hidden), None):
            return False
        return any(self._has_cells(other) for other in self.sheets if other != sheet)

    def _has_cells(self, sheet: Sheet) -> bool:
        """Whether a cell of it has a value; of a sheet that cannot be read nobody knows, and it counts as one."""
        found = self._archive.find(sheet.part)
        last = b""
        try:
            for block in self._archive.blocks(found) if found is not None else ():
                seen = last + block.replace(b"\0", b"")  # which UTF-16 has between the letters
                if _VALUE.search(seen):
                    return True
                last = seen[-64:]
        except BadInput:
            return True
        return False

    def read_cells(self, sheet: Sheet, part: Part) -> None:
        """Tells the part of the sheet's elements."""
        self._read(sheet.part, part)

    def _read(self, member: str, part: Part) -> None:
        found = self._archive.find(member)
        if found is None:
            raise BadInput(
                f"{self._name}: expected a workbook as Excel writes it, found one that lacks a part; "
                "open it in Excel and save it again"
            )
        feed(self._name, self._archive.blocks(found), part, 2 * self._limits.field_bytes)


class _Book(Part):
    """The sheets in their order, and where the days are counted from."""

    def __init__(self) -> None:
        self.sheets: list[tuple[str, str, bool]] = []
        self.from_1904 = False

    def start(self, element: str, attributes: Attributes) -> None:
        if element == "workbookPr":
            self.from_1904 = attributes.get("date1904") in {"1", "true"}
        elif element == "sheet":
            is_hidden = attributes.get("state", "visible") != "visible"
            relation = next(value for key, value in attributes.items() if local(key) == "id")
            self.sheets.append((attributes["name"], relation, is_hidden))


class _Relations(Part):
    """Where the parts are, by relation and by kind."""

    def __init__(self) -> None:
        self.targets: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        self.parts: dict[str, str] = {}

    def start(self, element: str, attributes: Attributes) -> None:
        if element != "Relationship":
            return
        kind = attributes["Type"].rsplit("/", 1)[-1]
        target = posixpath.normpath(posixpath.join("/xl", attributes["Target"].replace("\\", "/"))).lstrip("/")
        self.targets[attributes["Id"]] = self.parts[kind] = target
        self.kinds[attributes["Id"]] = kind


class _Styles(Part):
    """The number format of each style that a cell may have."""

    def __init__(self) -> None:
        self._codes = dict(BUILT_IN)
        self._of_style: list[int] = []
        self._in_cell_styles = False

    def start(self, element: str, attributes: Attributes) -> None:
        if element == "numFmt":
            self._codes[int(attributes["numFmtId"])] = attributes["formatCode"]
        elif element == "cellXfs":
            self._in_cell_styles = True
        elif element == "xf" and self._in_cell_styles:
            self._of_style.append(int(attributes.get("numFmtId", "0")))

    def end(self, element: str) -> None:
        if element == "cellXfs":
            self._in_cell_styles = False

    def formats(self) -> list[Format]:
        shapes = {number: format_of(code) for number, code in self._codes.items()}
        return [shapes.get(number) for number in self._of_style]


class _Texts(Part):
    """The texts that cells share, one after the other in a file; indexing gives one."""

    def __init__(self, file: SpoolFile, name: str, limits: Limits) -> None:
        self._file = file
        self._name = name
        self._limits = limits
        self._ends = array("Q", [0])
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._pieces: list[str] = []
        self._length = 0
        self._is_text = self._is_reading_aid = False

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self._ends) - 1:
            raise IndexError(index)
        start = self._ends[index]
        return os.pread(self._file.fileno(), self._ends[index + 1] - start, start).decode()

    def start(self, element: str, attributes: Attributes) -> None:  # noqa: ARG002 - they say nothing of a text
        if element == "t":
            self._is_text = not self._is_reading_aid
        elif element == "rPh":
            self._is_reading_aid = True

    def text(self, text: str) -> None:
        if self._is_text:
            self._length += len(text)
            if self._length > self._limits.field_bytes:
                raise self._limits.refusal(self._name, "field_bytes", "bytes in a cell")
            self._pieces.append(text)

    def end(self, element: str) -> None:
        if element == "t":
            self._is_text = False
        elif element == "rPh":
            self._is_reading_aid = False
        elif element == "si":
            text = "".join(self._pieces).encode()
            self._pieces.clear()
            self._length = 0
            self._pending.append(text)
            self._pending_bytes += len(text)
            self._ends.append(self._ends[-1] + len(text))
            if len(self._ends) > _TEXTS:
                raise BadInput(
                    f"{self._name}: expected at most {_TEXTS:,} different texts, found more; split the sheet"
                )
            if self._pending_bytes > self._limits.field_bytes:
                self.flush()

    def flush(self) -> None:
        data = b"".join(self._pending)
        while data:
            data = data[self._file.write(data) :]
        self._pending.clear()
        self._pending_bytes = 0
