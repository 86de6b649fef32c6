"""The careful reader: what to make of the lines around a quote that stands where none may."""

import re

from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.records import BARE_QUOTE, MALFORMED_RECORD, RECORD_LIMIT, UNCLOSED_QUOTE

__all__ = ["LOOKAHEAD", "Tokenizer"]

# Bytes after a damaged record's first line on which the answers below may depend.
LOOKAHEAD = 4 * RECORD_LIMIT

_LF = b"\n"
# After so many lines and quotes that fit, a line is believed to begin a record.
_CONVINCING_LINES = 8
_CONVINCING_QUOTES = 64
# A quote is sought in the record before a damaged one only where both are of a human size.
_EARLIER_REACH = 1 << 16
_EARLIER_QUOTES = 64


class Tokenizer:
    """Reads single records strictly and finds where a damaged one ends.

    Every `text` is a piece of a file in which at least LOOKAHEAD bytes follow the line asked about, unless the file
    ends first. All answers depend on the file alone, not on where the piece was cut.
    """

    def __init__(self, dialect: Dialect, width: int) -> None:
        self._width = width
        self._delimiter = dialect.delimiter.encode()
        self._quote = dialect.quote.encode()
        delimiter, quote = re.escape(self._delimiter), re.escape(self._quote)
        # Possessive throughout: a record is matched or refused in one pass over its bytes.
        quoted = b"%b[^%b]*+(?:%b%b[^%b]*+)*+%b" % ((quote,) * 6)
        plain = rb"[^%b%b\r\n]*+" % (quote, delimiter)
        cell = b"(?:%b|%b)" % (quoted, plain)
        line_end = rb"(?:\r?\n|\Z)"
        self._record = re.compile(b"%b(?:%b%b){%d}%b" % (cell, delimiter, cell, width - 1, line_end))
        self._cells = re.compile(b"(?:%b%b)*+" % (cell, delimiter))
        self._quoted = re.compile(quoted)
        self._plain = re.compile(plain)
        self._separator = re.compile(rb"%b|%b|\r?\n|\Z" % (delimiter, quote))

    def record_end(self, text: bytes, at: int) -> int | None:
        """Return where the record that begins at `at` ends; None unless it is strictly one of the header's width."""
        match = self._record.match(text, at, at + RECORD_LIMIT + 1)
        if match is None or not 0 < match.end() - at <= RECORD_LIMIT:
            return None
        return match.end()

    def damage(self, text: bytes, start: int, resume: int) -> tuple[int, str]:
        """Return where the damaged record that begins at `start` ends, and its code.

        It takes its first line, whatever comes before `resume`, and every further line up to the first one that
        begins a record. Blank lines at its end are not part of it.
        """
        end = at = _after_line(text, start, len(text))
        while at < len(text):
            line_end = _after_line(text, at, at + RECORD_LIMIT)
            if text[at:line_end] not in (b"\n", b"\r\n", b"\r"):
                overlong = line_end - at == RECORD_LIMIT
                if overlong or at - start > RECORD_LIMIT:
                    break
                if at >= resume and self._begins_record(text, start, at, line_end):
                    break
                end = line_end
            at = line_end
        return end, self._code(text, start)

    def explained_earlier(self, text: bytes, previous: int, start: int) -> int | None:
        """Return where records end that explain the damage at `start` by a stray quote in the record before it.

        Without that quote, strict records of the header's width lead from `previous` across `start`: then nothing
        tells which of the two readings the vendor meant.
        """
        if start - previous > _EARLIER_REACH:
            return None
        first = text.find(self._quote, start, start + _EARLIER_REACH)
        if first < 0 or not self._may_close(text, first):
            return None
        window = text[previous : start + _EARLIER_REACH]
        boundary = start - previous
        stray = -1
        for _ in range(_EARLIER_QUOTES):
            stray = window.find(self._quote, stray + 1, boundary)
            if stray < 0:
                break
            end = self._leads_across(window[:stray] + window[stray + 1 :], boundary - 1)
            if end is not None:
                return previous + end + 1
        return None

    def _leads_across(self, text: bytes, boundary: int) -> int | None:
        end: int | None = 0
        while end is not None and end < boundary:
            end = self.record_end(text, end)
        return None if end == boundary else end

    def _begins_record(self, text: bytes, start: int, at: int, line_end: int) -> bool:
        """Tell whether the line at `at` begins a record, good or damaged, rather than continues the one at `start`."""
        whole = self.record_end(text, at) is not None
        if not whole and text.count(self._delimiter, at, line_end) < self._width - 1:
            return False
        return not self._may_be_open(text, start, at) or self._is_outside(text, at)

    def _may_be_open(self, text: bytes, start: int, at: int) -> bool:
        """Tell whether a cell of the lines from `start` could still be open at `at`."""
        return (
            text.startswith(self._quote, start)
            or text.find(self._delimiter + self._quote, start, at) >= 0
            or text.find(_LF + self._quote, start, at) >= 0
            or text.count(self._delimiter, start, at) < self._width - 1
        )

    def _is_outside(self, text: bytes, at: int) -> bool:
        """Decide by the next quotes whether the line at `at` stands outside of quotes or inside.

        Of the two readings one opens a cell where the other closes it; the first quote that fits only one decides.
        Quotes that fit neither speak for nothing, and are taken for the reading that flags more.
        """
        limit = at
        for _ in range(_CONVINCING_LINES):
            limit = _after_line(text, limit, at + RECORD_LIMIT)
        opens = True
        quote = at - 1
        for _ in range(_CONVINCING_QUOTES):
            quote = text.find(self._quote, quote + 1, limit)
            if quote < 0:
                break
            as_opening = self._may_open(text, quote, at)
            as_closing = self._may_close(text, quote)
            if not (as_opening and as_closing):
                return as_opening if opens else as_closing
            opens = not opens
        return opens

    def _may_open(self, text: bytes, quote: int, line: int) -> bool:
        return quote == line or text[quote - 1 : quote] in (self._delimiter, _LF, self._quote)

    def _may_close(self, text: bytes, quote: int) -> bool:
        return self._separator.match(text, quote + 1) is not None

    def _code(self, text: bytes, start: int) -> str:
        limit = start + RECORD_LIMIT
        cells = self._cells.match(text, start, limit)
        at = cells.end() if cells else start
        if text.startswith(self._quote, at):
            quoted = self._quoted.match(text, at, limit)
            spans_lines = quoted is None or _LF in quoted.group()
            return UNCLOSED_QUOTE if spans_lines else BARE_QUOTE
        plain = self._plain.match(text, at, limit)
        bare = plain is not None and text.startswith(self._quote, plain.end())
        return BARE_QUOTE if bare else MALFORMED_RECORD


def _after_line(text: bytes, at: int, limit: int) -> int:
    """Return where the line of `at` ends, its line feed included; `limit` or the text's end when none comes before."""
    found = text.find(_LF, at, limit)
    return min(limit, len(text)) if found < 0 else found + 1
