"""The row that names a delivery's columns: its first one, or one behind a preamble that a mapping knows."""

import codecs
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plaintiff_moat.errors import BadInput
from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.grammar import Grammar, after_line

__all__ = ["Header", "Heads", "find_header", "text_start"]

# Tells whether a row of cells is a header that a mapping knows.
Heads = Callable[[Sequence[str]], bool]

_PREAMBLE_LINES = 50
_BLANK = re.compile(rb"(?:\r?\n|\r\Z)*+")
# What Excel takes for an instruction, not for data: the first line says which delimiter follows.
_SEPARATOR_LINE = re.compile(rb'"?sep=([\x01-\x09\x0b\x0c\x0e-\x7f])"?(?:\r?\n|\Z)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Header:
    """The names of the columns as bytes of the text, where they begin and end, and the physical lines of both."""

    cells: tuple[bytes, ...]
    line: int
    end: int
    next_line: int

    def names(self, name: str, encoding: str) -> tuple[str, ...]:
        """Return the names of the columns as sent. Raises BadInput when they are not in this encoding."""
        try:
            return tuple(cell.decode(encoding) for cell in self.cells)
        except UnicodeDecodeError:
            raise BadInput(
                f"{name}: expected a header in {encoding.upper()}, found other bytes; "
                "save it as CSV in UTF-8, or say its encoding with --encoding"
            ) from None


def text_start(opening: bytes) -> tuple[int, str | None]:
    """Return where rows begin, behind a mark and a line such as `sep=;`, and the delimiter that such a line names."""
    start = len(codecs.BOM_UTF8) if opening.startswith(codecs.BOM_UTF8) else 0
    separator = _SEPARATOR_LINE.match(opening, start)
    return (separator.end(), separator[1].decode()) if separator else (start, None)


def find_header(name: str, opening: bytes, dialect: Dialect, heads: Heads) -> Header:
    """Return the first row, or the first of the next that `heads` knows where it does not know that one.

    What stands before such a row is a preamble, as `_is_preamble` tells of every line; else it is a table, and its
    first row the header. `opening` holds at least RECORD_LIMIT bytes unless the file is shorter. Raises BadInput for
    what is empty or damaged.
    """
    start = _filled(opening, text_start(opening)[0])
    if start == len(opening):
        raise BadInput(f"{name}: expected a header and records, found an empty file; ask the vendor for it again")
    grammar = Grammar(dialect, 1)
    first = _row(opening, start, grammar)
    if first is not None and heads(_shown(first, dialect)):
        return first
    at, before = start, list[list[str]]()
    for _ in range(_PREAMBLE_LINES):
        row = _row(opening, at, grammar)
        shown = [] if row is None else _shown(row, dialect)
        if row is not None and heads(shown) and all(_is_preamble(line, shown) for line in before):
            return row
        before.append(shown)
        at = _filled(opening, row.end if row else after_line(opening, at, len(opening)))
        if at == len(opening):
            break
    if first is None:
        raise BadInput(f"{name}: expected {_damage(opening, start, grammar, dialect)}")
    if any(b"\0" in cell for cell in first.cells):
        raise BadInput(f"{name}: expected CSV text, found binary data (NUL bytes); save it as CSV in UTF-8")
    return first


def _damage(opening: bytes, start: int, grammar: Grammar, dialect: Dialect) -> str:
    """Say what was expected of the first row, and where it is damaged."""
    cells, at, _ = grammar.cells(opening, start)
    line = opening.count(b"\n", 0, start) + 1
    end = after_line(opening, at, len(opening))
    rest = opening[at:end].removesuffix(b"\n").removesuffix(b"\r")
    quote = rest.find(grammar.quote) if grammar.quote else -1
    if dialect.line_end == "\n" and 0 <= rest.find(b"\r") < (len(rest) if quote < 0 else quote):
        if rest.count(b"\r") == 1 and opening.endswith(b"\r\r\n", at, end):
            return (
                f"lines that end with LF, CRLF or CR, found CR CR LF at the end of line {line}: line ends were"
                " converted twice; ask the vendor for it again, or convert them to CRLF"
            )
        return (
            f"lines that all end with CR, or all with LF or CRLF, found CR within line {line} and LF at its end;"
            " convert them to CRLF"
        )
    return f"a header with balanced quotes, found line {line} damaged at column {len(cells) + 1}; correct that line"


def _is_preamble(line: list[str], header: list[str]) -> bool:
    """Tell whether a line above a header may be no record: it has fewer filled cells than the header has names.

    Where it has as many cells as a record, as a spreadsheet saves every line, it is filled by half at most, or begins
    with a label such as `Date:`. Records sorted above their header are thus no preamble, unless half empty themselves.
    """
    filled = [cell.strip() for cell in line if cell.strip()]
    names = sum(bool(cell.strip()) for cell in header)
    if len(filled) >= names:
        return False
    return len(line) < names or 2 * len(filled) <= names or len(filled) == 1 or filled[0].endswith(":")


def _filled(opening: bytes, at: int) -> int:
    blank = _BLANK.match(opening, at)
    return blank.end() if blank else at


def _row(opening: bytes, at: int, grammar: Grammar) -> Header | None:
    cells, end, is_whole = grammar.cells(opening, at)
    if not is_whole:
        return None
    return Header(tuple(cells), 1 + opening.count(b"\n", 0, at), end, 1 + opening.count(b"\n", 0, end))


def _shown(row: Header, dialect: Dialect) -> list[str]:
    return [cell.decode(dialect.text_encoding, "replace") for cell in row.cells]
