"""The first record of a delivery: the names of its columns."""

import codecs
import re
from dataclasses import dataclass

from plaintiff_moat.errors import BadInput
from plaintiff_moat.source.delivery import refuse_binary
from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.records import RECORD_LIMIT

__all__ = ["Header", "read_header"]

_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "pipes", ",": "commas"}


@dataclass(frozen=True, slots=True)
class Header:
    """The names of the columns as sent, the offset of what follows them, and the physical line there."""

    names: tuple[str, ...]
    end: int
    next_line: int


def read_header(name: str, opening: bytes, dialect: Dialect) -> Header:
    """Read the header off the file's first bytes, behind a byte order mark and blank lines.

    `opening` holds at least RECORD_LIMIT bytes unless the file is shorter. Raises BadInput for what is empty, binary,
    not in the dialect, or leaves a column without a name of its own.
    """
    refuse_binary(name, opening)
    start = len(codecs.BOM_UTF8) if opening.startswith(codecs.BOM_UTF8) else 0
    blank = re.compile(rb"(?:\r?\n|\r\Z)*+").match(opening, start)
    start = blank.end() if blank else start
    if start == len(opening):
        raise BadInput(f"{name}: expected a header and records, found an empty file; ask the vendor for it again")
    cells, end = _split(name, opening, start, dialect)
    names = _decode(name, cells, dialect)
    _check_names(name, names, dialect)
    return Header(names, end, 1 + opening.count(b"\n", 0, end))


def _split(name: str, opening: bytes, start: int, dialect: Dialect) -> tuple[list[bytes], int]:
    delimiter, quote = re.escape(dialect.delimiter.encode()), re.escape(dialect.quote.encode())
    cell = re.compile(
        rb"(?:%b((?:[^%b]|%b%b)*+)%b|([^%b%b\r\n]*+))(%b|\r?\n|\Z)"
        % (quote, quote, quote, quote, quote, quote, delimiter, delimiter)
    )
    doubled, single = dialect.quote.encode() * 2, dialect.quote.encode()
    cells: list[bytes] = []
    at = start
    while match := cell.match(opening, at, start + RECORD_LIMIT):
        quoted, plain, separator = match.groups()
        cells.append(plain if quoted is None else quoted.replace(doubled, single))
        at = match.end()
        if separator != dialect.delimiter.encode():
            return cells, at
    line = opening.count(b"\n", 0, start) + 1
    if b"\r" in opening[at : at + RECORD_LIMIT] and b"\n" not in opening:
        raise BadInput(
            f"{name}: expected lines that end with LF or CRLF, found CR alone; save it with one of those line ends"
        )
    raise BadInput(
        f"{name}: expected a header with balanced quotes, found line {line} damaged at column {len(cells) + 1}; "
        "correct that line"
    )


def _decode(name: str, cells: list[bytes], dialect: Dialect) -> tuple[str, ...]:
    if any(b"\0" in cell for cell in cells):
        raise BadInput(f"{name}: expected CSV text, found binary data (NUL bytes); save it as CSV in UTF-8")
    try:
        return tuple(cell.decode(dialect.encoding) for cell in cells)
    except UnicodeDecodeError:
        raise BadInput(
            f"{name}: expected a header in {dialect.encoding.upper()}, found other bytes; save it as CSV in UTF-8"
        ) from None


def _check_names(name: str, names: tuple[str, ...], dialect: Dialect) -> None:
    expected = _OTHER_DELIMITERS.get(dialect.delimiter, "the delimiter")
    if len(names) == 1:
        for delimiter, found in _OTHER_DELIMITERS.items():
            if delimiter in names[0]:
                raise BadInput(f"{name}: expected {expected} between columns, found {found}; save it with {expected}")
    # Positions, not names: in a file without a header these would be a person's data.
    seen: dict[str, int] = {}
    for position, column in enumerate((column.strip() for column in names), 1):
        if not column:
            raise BadInput(f"{name}: expected a name for every column, found none for column {position}; name it")
        if column in seen:
            raise BadInput(
                f"{name}: expected a different name for every column, found one name for columns {seen[column]} "
                f"and {position}; rename one of them"
            )
        seen[column] = position
