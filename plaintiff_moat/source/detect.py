"""Finding out how a delivery is written; what is not evident is refused, with the candidates."""

import re

from plaintiff_moat.errors import BadInput
from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.encodings import marked
from plaintiff_moat.source.grammar import Grammar, after_line
from plaintiff_moat.source.header import Header, Heads, find_header, text_start
from plaintiff_moat.source.reading import DELIMITERS, Reading
from plaintiff_moat.source.text import TextDecoder

__all__ = ["OPENING", "detect_dialect", "detect_text"]

# Bytes of the file that decide about line ends.
OPENING = 1 << 20

_CANDIDATES = {DELIMITERS[name]: name for name in ("comma", "semicolon", "tab", "pipe")}
_RECORDS_JUDGED = 200
_FITS, _MAY_FIT = 0.9, 0.5
_LINES_JUDGED = 200
_FEWEST_LINES = 2
_ENCLOSED = re.compile(rb"""(?:\A|[,;\t|])(["'])(?:(?!\1)[^\r\n]|\1\1)*+\1(?=[,;\t|]|\Z)""")
_QUOTED = re.compile(rb'"(?:[^"]|"")*+"')
# An apostrophe encloses a cell or is none of a quote: that of O'Brien is not paired with the next one.
_QUOTED_SINGLY = re.compile(rb"(?<![^,;\t|\r\n\xbf])'(?:[^']|'')*+'(?=[,;\t|\r\n]|\Z)")
_LONE_CR = re.compile(rb"\r(?!\n)(?!\Z)")


def detect_text(name: str, opening: bytes, reading: Reading) -> Dialect:
    """Return encoding and line end as far as the file's first OPENING bytes tell them; the rest is still a guess.

    CR ends lines where the opening has some and no LF outside of quotes; in every other file LF or CRLF do,
    and a CR elsewhere outside of quotes flags its record. `encoding` is utf-8 where the characters are to decide.
    """
    encoding = marked(name, opening, reading.encoding) or "utf-8"
    text = TextDecoder(Dialect(encoding=encoding)).text(opening, final=False)
    returns = b"\r" in text and (b"\n" not in text or _LONE_CR.search(text) is not None)
    if returns and b"\n" in text:
        outside = [quoted.sub(b"", text) for quoted in _quoted(reading)]
        if any(_is_converted_twice(rest) for rest in (text, *outside)):
            raise BadInput(
                f"{name}: expected lines that end with LF, CRLF or CR, found CR CR LF: its line ends were converted"
                " twice; ask the vendor for it again, or convert them to CRLF"
            )
        returns = any(b"\n" not in rest and b"\r" in rest for rest in outside)
    return Dialect(encoding=encoding, line_end="\r" if returns else "\n")


def _quoted(reading: Reading) -> tuple[re.Pattern[bytes], ...]:
    """What may be within quotes."""
    if reading.quote is None:
        return _QUOTED, _QUOTED_SINGLY
    if reading.quote == "'":
        return (_QUOTED_SINGLY,)
    quote = re.escape(reading.quote).encode()
    return (re.compile(_QUOTED.pattern.replace(b'"', quote)),) if quote else ()


def _is_converted_twice(text: bytes) -> bool:
    ends = text.count(b"\r\r\n")
    return 0 < 2 * ends == text.count(b"\r") and ends == text.count(b"\n")


def detect_dialect(name: str, opening: bytes, reading: Reading, text: Dialect, heads: Heads) -> tuple[Dialect, Header]:
    """Return the whole dialect and the header, given the text's first bytes. Raises BadInput where it is not evident.

    The delimiter is the one that was said; or that a first line `sep=;` names; or the only one that makes a header
    that a mapping knows; or the only one of comma, semicolon, tab and pipe that stands in the header; or, of several,
    the only one that nine tenths of the first records fit.
    """
    start, separator = text_start(opening)
    quote = _quote(name, opening, start) if reading.quote is None else reading.quote
    said = reading.delimiter or separator

    def dialect_with(delimiter: str) -> Dialect:
        return Dialect(delimiter, quote, text.encoding, text.line_end)

    if said:
        if said == quote:
            raise BadInput(f"{name}: expected a delimiter and a quote that differ, found one for both; name them")
        return dialect_with(said), find_header(name, opening, dialect_with(said), heads)
    headers = {delimiter: _header(name, opening, dialect_with(delimiter), heads) for delimiter in _CANDIDATES}
    pool = {delimiter: header for delimiter, header in headers.items() if header and len(header.cells) > 1}
    if not pool:  # one column, or no header in any reading: then this says so
        return dialect_with(","), find_header(name, opening, dialect_with(","), heads)
    known = {delimiter: header for delimiter, header in pool.items() if heads(_shown(header, text))}
    pool = known or pool
    if len(pool) > 1:
        shares = {delimiter: _share(opening, header, dialect_with(delimiter)) for delimiter, header in pool.items()}
        best = max(shares, key=lambda delimiter: shares[delimiter])
        others = max(share for delimiter, share in shares.items() if delimiter != best)
        if shares[best] < _FITS or others >= _MAY_FIT:
            candidates = " or ".join(_CANDIDATES[delimiter] for delimiter in pool)
            raise BadInput(
                f"{name}: expected one evident delimiter, found that it may be {candidates}; "
                "ask the vendor and say which with --delimiter"
            )
        pool = {best: pool[best]}
    [(delimiter, header)] = pool.items()
    return dialect_with(delimiter), header


def _header(name: str, opening: bytes, dialect: Dialect, heads: Heads) -> Header | None:
    try:
        return find_header(name, opening, dialect, heads)
    except BadInput:
        return None


def _shown(header: Header, text: Dialect) -> list[str]:
    return [cell.decode(text.text_encoding, "replace") for cell in header.cells]


def _share(opening: bytes, header: Header, dialect: Dialect) -> float:
    """Return which share of the first records has the header's width."""
    grammar = Grammar(dialect, len(header.cells))
    at, fitting, lines = header.end, 0, 0
    while at < len(opening) and lines < _RECORDS_JUDGED:
        end = after_line(opening, at, len(opening))
        if opening[at:end].strip(b"\r\n"):
            record_end = grammar.record_end(opening, at)
            fitting += record_end is not None
            lines += 1
            end = record_end or end
        at = end
    return fitting / max(lines, 1)


def _quote(name: str, opening: bytes, start: int) -> str:
    """Return the quote: double, unless most of the first lines enclose cells in single ones and none does in double.

    Single it is where the header does so too, or nine tenths of the lines; between them it is not evident.
    """
    lines = opening[start : start + OPENING].split(b"\n", _LINES_JUDGED)[:_LINES_JUDGED]
    enclosed = [set(_ENCLOSED.findall(line.strip(b"\r"))) for line in lines if line.strip()]
    singles = sum(b"'" in quotes for quotes in enclosed)
    has_double = any(b'"' in quotes for quotes in enclosed)
    if len(enclosed) < _FEWEST_LINES or has_double or singles < _MAY_FIT * len(enclosed):
        return '"'
    if b"'" in enclosed[0] or singles >= _FITS * len(enclosed):
        return "'"
    raise BadInput(
        f"{name}: expected evident quotes, found cells within single quotes in {singles} of the "
        f"first {len(enclosed)} lines; ask whether they are part of the "
        "cells and say --quote double, or say --quote single"
    )
