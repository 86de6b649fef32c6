"""What is full of digits and nobody's number: fractions, amounts, ids, digests, times, addresses, postal codes.

Fractions and amounts are told from the few characters beside a number. The rest is looked for only around what
was found, and then taken out before the search is repeated: so a number within one of them is no finding, and a
number beside one of them is seen as if it stood alone.
"""

import re
from collections.abc import Iterator
from functools import cache

__all__ = ["Span", "blanked", "in_fraction", "innocents", "of_amount"]

Span = tuple[int, int]

_FARTHEST = 160  # a digest of 128 digits and what it is recognised by
_HEX = "[0-9A-Fa-f]"
_UUID = f"{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"
_ID_LENGTHS = (16, 24, 32, 40, 56, 64, 96, 128)
_LENGTHS_OF_IDS = frozenset((*_ID_LENGTHS, len("7c9e6679-7425-40de-944b-e07fc1f90ae7")))
_PIECE = "[0-9A-Fa-f]{1,4}"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_GAP = "[-._+\\s]"
_JOINT = f"(?:{_GAP}{{1,3}}|[-._+ \\t\\r]{{0,3}}[\\n\\v\\f][-._+ \\t\\r]{{0,12}})"  # or a line break and its indent
_MARK = "[-._+\\s/:|*~,;#=]"
# What follows the first group of a number, of which a card's can be joined by any mark, and of a card as it is printed.
_TAIL = f"(?:{_JOINT}[0-9]{{2,6}}{_JOINT}[0-9]{{4}}|{_MARK}[0-9]{{4,6}}{_MARK}[0-9]{{4}})"
_TAIL_OF_CARD = f"{_JOINT}(?:[0-9]{{4}}{_JOINT}[0-9]{{4}}{_JOINT}[0-9]{{3}}|[0-9]{{6}}{_JOINT}[0-9]{{4}})"


def _not_behind(*sizes: int) -> str:
    """A pattern's assertion that these groups of a number do not stand in front."""
    spelled = ("".join(f"[0-9]{{{size}}}{_MARK}{{{gap}}}" for size in sizes) for gap in (1, 2, 3))
    return "".join(f"(?<!{groups})" for groups in spelled)


_NO_HEAD = _not_behind(1, 2) + _not_behind(4, 4) + _not_behind(4, 6)
_OFFSET = "[-+](?:0[0-9]|1[0-4]):?[0-5][0-9]"

# An integer part as long as a number to hide is taken for one: two numbers with a dot between, not a fraction.
_FRACTION = re.compile(rb"(?<![0-9])(?:[0-9]{1,8}|[0-9]{10,12})\.\Z")
_LONGEST_INTEGER = 12
# With the currency or without; a float's single decimal does not count.
_CENTS = re.compile(rb"\.[0-9][0-9](?:[A-Za-z]{3})?(?![0-9A-Za-z_]|[-.][0-9A-Za-z?])")  # ? as `blanked` leaves


def in_fraction(reading: bytes, start: int) -> bool:
    """Whether the digits that start here are the decimals of a number or of a second: `0.123456789`."""
    if not reading.startswith(b".", start - 1):
        return False
    return _FRACTION.search(reading, max(0, start - _LONGEST_INTEGER - 1), start) is not None


def of_amount(reading: bytes, end: int) -> bool:
    """Whether exactly two decimals end the number: `123456789.50`, `123456789.50USD`."""
    return _CENTS.match(reading, end) is not None


@cache
def _innocent() -> re.Pattern[bytes]:
    """The pattern; its one group that matches is what to take out. Compiled at its first use: that takes 5 ms."""
    # Every repetition is bounded or possessive, so that a megabyte of near misses costs what one of prose costs.
    pattern = rf"""
    (?=[0-9A-Fa-f:.]) (?:
    # A UUID, and hex that programs print without dashes: trace and span ids, ObjectIds, UUIDs, MD5, SHA-1, SHA-2. Of
    # any other length it does not count (`abc123456789` is a number that somebody glued to letters), nor where all
    # of it but the ends is a card's number of digits, nor where its first or last digits are a group of a number.
    (?:(?<!{_HEX})|(?<=%[0-9]{{2}})) (?={_HEX}{{8}})
    {_NO_HEAD} (?:
        ({_UUID})
      | (?={_HEX}{{16}}) (?=[0-9]*+[A-Fa-f]) (?![A-Fa-f]*+[0-9]{{13,}}+[A-Fa-f]*+(?![0-9]))
        ({"|".join(f"{_HEX}{{{length}}}" for length in _ID_LENGTHS)})
      ) (?!{_HEX}|{_TAIL})
    # A memory address.
    | (?<![0-9A-Za-z]) (0x{_HEX}{{10,128}}+) (?![0-9A-Za-z]|{_TAIL})
    # Fractions of a second, with the offset from UTC. A comma before them also ends a cell: what follows it is
    # a fraction where a log's line goes on with a space, or where an offset says so.
    | :[0-5][0-9]:[0-5][0-9] (
        \.[0-9]{{1,9}}(?:[ ]?{_OFFSET}(?!{_TAIL_OF_CARD}))?|,[0-9]{{3}}(?=\s)|,[0-9]{{9}}(?=Z|{_OFFSET})
      ) (?![0-9]|[-._][0-9]) (?<!:[0-9]{{2}}\.[0-9]{{4}}(?={_TAIL_OF_CARD}))
    | (?<![0-9]) (?:
        # An address of IPv4.
        {_not_behind(4, 4, 4)} (?<![0-9]\.) ({_OCTET}(?:\.{_OCTET}){{3}}) (?![0-9]|\.[0-9])
        # ZIP+4.
      | {_not_behind(4, 6)} (?<![0-9]-) ([0-9]{{5}}-[0-9]{{4}}) (?![0-9]|-[0-9]|{_TAIL_OF_CARD})
      )
    # An address or a net of IPv6, of so many groups that a card number could be read into them.
    | (?<![0-9A-Za-z:]) (?={_PIECE}:) (
        (?:{_PIECE}:){{7}}{_PIECE}|(?:{_PIECE}:){{4,6}}(?::{_PIECE}){{1,3}}|(?:{_PIECE}:){{4,7}}:
      | (?:{_PIECE}:){{1,3}}(?::{_PIECE}){{4,6}}
      ) (?![0-9A-Za-z:])
    )
    """
    return re.compile(pattern.encode(), re.VERBOSE)


@cache
def _word_of_id() -> re.Pattern[bytes]:
    """A word in which an id or a digest is all that `_innocent` would find: the common case, in a tenth of the time."""
    pattern = rf"""
    (?:(?<=[A-Za-z])[ ]|[ ]?[A-Za-z_/.-]{{0,14}}[A-Za-z][=/]"?)
    ({_UUID} | (?=[0-9]*+[A-Fa-f]) (?![A-Fa-f]*+[0-9]{{13,}}+[A-Fa-f]*+(?![0-9])) {_HEX}{{16,}}+)
    (?:["')\]}}]|(?!{_HEX})) [,;]? [ ]?
    """
    return re.compile(pattern.encode(), re.VERBOSE)


def innocents(reading: bytes, found: list[Span]) -> Iterator[Span]:
    """What is innocent and overlaps, or shares a word with, one of the spans that were found; these in their order."""
    for start, end, last in _neighbourhoods(reading, found):
        word = _word_of_id().fullmatch(reading, start, end)
        if word and word.end(1) - word.start(1) in _LENGTHS_OF_IDS:
            yield word.span(1)
            continue
        for match in _innocent().finditer(reading, start, end):
            if match.start() < last:
                yield match.span(match.lastindex or 0)


def _neighbourhoods(reading: bytes, found: list[Span]) -> Iterator[tuple[int, int, int]]:
    """The words around the spans, where they are not too long, and where the last span in them ends; none overlap."""
    start = end = last = 0
    for first, after in found:
        begins = max(reading.rfind(b" ", max(0, first - _FARTHEST), first), first - _FARTHEST, 0)
        ends = reading.find(b" ", after, after + _FARTHEST) + 1 or after + _FARTHEST
        if begins > end:
            if last:
                yield start, end, last
            start = begins
        end, last = max(end, ends), max(last, after)
    yield start, end, last


def blanked(reading: bytes, spans: list[Span]) -> bytes:
    """The reading, as long as before, with what has no part in any number in the place of the spans."""
    blank = bytearray(reading)
    for start, end in spans:
        blank[start:end] = b"?" * (end - start)
    return bytes(blank)
