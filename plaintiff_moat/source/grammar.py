"""The grammar of one record, strictly: RFC 4180 with LF or CRLF, or no quotes at all."""

import re
from collections.abc import Iterator
from functools import cache

from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.records import BARE_QUOTE, MALFORMED_RECORD, RECORD_LIMIT, UNCLOSED_QUOTE

__all__ = ["Grammar", "after_line"]

_LF = b"\n"


class Grammar:
    """Matches single records of a header's width; every question is about one place in a text.

    A text's end is the file's end, or more than RECORD_LIMIT bytes behind the place asked about.
    """

    def __init__(self, dialect: Dialect, width: int) -> None:
        self.width = width
        self.delimiter = dialect.delimiter.encode()
        self.quote = dialect.quote.encode()
        delimiter, quote = re.escape(self.delimiter), re.escape(self.quote)
        # Possessive throughout: a record is matched or refused in one pass over its bytes.
        never = rb"(?!)"
        quoted = b"%b[^%b]*+(?:%b%b[^%b]*+)*+%b" % ((quote,) * 6) if quote else never
        plain = rb"[^%b%b\r\n]*+" % (quote, delimiter)
        cell = b"(?:%b|%b)" % (quoted, plain)
        line_end = rb"(?:\r?\n|\Z)"
        self._record = re.compile(b"%b(?:%b%b){%d}%b" % (cell, delimiter, cell, width - 1, line_end))
        self._cells = re.compile(b"(?:%b%b)*+" % (cell, delimiter))
        self._quoted = re.compile(quoted)
        self._plain = re.compile(plain)
        # What the vector proof accepts: any width, and a stray CR outside of quotes, which the reader flags.
        lenient = rb"(?:%b|[^%b%b\n]*+)" % (quoted, quote, delimiter)
        self._proved = re.compile(rb"%b(?:%b%b)*+(?:\r?\n|\Z)" % (lenient, delimiter, lenient))
        self._closed = re.compile(rb"%b|%b|\r?\n|\Z" % (delimiter, quote or never))
        self._cell = re.compile(b"(?:(%b)|(%b))(%b|%b)" % (quoted, plain, delimiter, line_end))
        self._content = re.compile(b"[^%b]*+(?:%b%b[^%b]*+)*+" % ((quote,) * 4) if quote else never)
        self._separator = re.compile(b"%b|%b" % (delimiter, line_end))
        self._rest = cache(lambda more: re.compile(b"(?:%b%b){%d}%b" % (delimiter, cell, more, line_end)))

    def record_end(self, text: bytes, at: int) -> int | None:
        """Return where the record that begins at `at` ends; None unless it is strictly one of the header's width."""
        match = self._record.match(text, at, at + RECORD_LIMIT + 1)
        if match is None or not 0 < match.end() - at <= RECORD_LIMIT:
            return None
        return match.end()

    def cells(self, text: bytes, at: int) -> tuple[list[bytes], int, bool]:
        """Return the cells of the record at `at`, of any width, where they end, and whether a line end follows them."""
        cells: list[bytes] = []
        limit = at + RECORD_LIMIT
        while match := self._cell.match(text, at, limit):
            quoted, plain, separator = match.groups()
            cells.append(plain if quoted is None else quoted[1:-1].replace(self.quote * 2, self.quote))
            at = match.end()
            if separator != self.delimiter:
                return cells, at, True
        return cells, at, False

    def longest_cell(self, text: bytes, at: int) -> int:
        """Return the bytes of the longest cell of the record at `at`, as far as it is one."""
        longest = 0
        while match := self._cell.match(text, at, at + RECORD_LIMIT):
            longest = max(longest, match.start(3) - at)
            at = match.end()
            if match[3] != self.delimiter:
                break
        return longest

    def is_well_formed(self, text: bytes, at: int) -> bool:
        """Tell whether the vector proof holds for the record at `at`."""
        match = self._proved.match(text, at, at + RECORD_LIMIT + 1)
        return match is not None and match.end() - at <= RECORD_LIMIT

    def violation(self, text: bytes, at: int) -> tuple[str, int]:
        """Return the code of what is wrong with the record at `at`, and where; any quote up to it may be to blame."""
        limit = min(at + RECORD_LIMIT, len(text))
        cells = self._cells.match(text, at, limit)
        begin = cells.end() if cells else at
        if self.quote and text.startswith(self.quote, begin):
            quoted = self._quoted.match(text, begin, limit)
            if quoted is None:
                return UNCLOSED_QUOTE, limit
            # A cell that ends in text on another line than it began on was meant to end before.
            return UNCLOSED_QUOTE if _LF in quoted.group() else BARE_QUOTE, quoted.end() - 1
        plain = self._plain.match(text, begin, limit)
        end = plain.end() if plain else begin
        bare = self.quote and text.startswith(self.quote, end)
        return BARE_QUOTE if bare else MALFORMED_RECORD, end

    def closed_ends(self, text: bytes, at: int) -> Iterator[tuple[str, int | None]]:
        """Try where one quote more makes a strict record of what begins at `at`, and yield where it would end.

        A cell that a quote opens may have lost its closing one (UNCLOSED_QUOTE) before any delimiter or line end; a
        cell without may have lost its opening one (BARE_QUOTE). Yields None for a place where the quote does not help.
        """
        for column in range(self.width):
            rest = self._rest(self.width - column - 1)
            if text.startswith(self.quote, at):
                content = self._content.match(text, at + 1)
                for separator in self._separator.finditer(text, at + 1, content.end() if content else at + 1):
                    match = rest.match(text, separator.start())
                    yield UNCLOSED_QUOTE, match and match.end()
                    # A quote that ends its line more likely closes what began before than opens a cell of several.
                    if separator.start() == at + 1 and separator.group() != self.delimiter:
                        break
            content = self._content.match(text, at)
            if content and text.startswith(self.quote, content.end()):
                match = rest.match(text, content.end() + 1)
                yield BARE_QUOTE, match and match.end()
            cell = self._cell.match(text, at)
            if cell is None or cell[3] != self.delimiter:
                break
            at = cell.end()

    def opens(self, text: bytes, quote: int) -> bool:
        """Tell whether a quote may open a cell, or continue one as the second of a doubled quote."""
        return quote == 0 or text[quote - 1 : quote] in (self.delimiter, _LF, self.quote)

    def closes(self, text: bytes, quote: int) -> bool:
        """Tell whether a quote may close a cell, or continue one as the first of a doubled quote."""
        return self._closed.match(text, quote + 1) is not None


def after_line(text: bytes, at: int, limit: int) -> int:
    """Return where the line of `at` ends, its line feed included; `limit` or the text's end when none comes before."""
    found = text.find(_LF, at, limit)
    return min(limit, len(text)) if found < 0 else found + 1
