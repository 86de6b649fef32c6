"""Where a text holds social security and card numbers.

A social security number is nine digits: 3-2-4 with any separators, 3-6 with a dash, or unbroken. Its validity
does not matter: a 000, 666 or 9xx number is somebody's typing error of a real one. 5-4 is a ZIP+4 and is left
alone, as are nine digits within a longer run of digits, a digest, a fraction or an amount.
"""

import re
from typing import NamedTuple

from plaintiff_moat.redaction.cards import cards, is_card, marked_cards
from plaintiff_moat.redaction.context import Span, blanked, in_fraction, innocents, of_amount
from plaintiff_moat.redaction.readings import HIDDEN, Decoded, decode, printed

__all__ = ["Finding", "find"]


class Finding(NamedTuple):
    """One number in a text; `text[start:end]` is all of it and nothing else."""

    start: int
    end: int
    is_card: bool


def _shape_table() -> bytes:
    table = bytearray(range(256))
    hidden = ord(HIDDEN)
    table[:32] = bytes([hidden]) * 32
    for characters, stands_for in (
        (b"0123456789", ord("0")),
        (b"\t\r", ord(" ")),
        (b"\n\v\f", ord("\n")),
        (b"/:|*~,;#", ord(",")),
        (b"%&\\\x7f", hidden),
    ):
        for character in characters:
            table[character] = stands_for
    return bytes(table)


# Digits become 0 so that the patterns begin with a literal, which `re` finds three times as fast as a class.
_SHAPE = _shape_table()
# What there may be to decode: anything escaped or without width; and a number with quoted-printable text behind it.
_ESCAPED, _QUOTED = HIDDEN, "0="
_SEPARATORS = b"-._+ \t\r\n\v\f"
# How most log lines begin: ten digits of which none can be part of a number, for the clock's colon ends them.
_DIGITS_OF_DATE, _MARKS_OF_DATE = "0000000000,", b"-- :"
_AT_MARKS = slice(len("2026"), len("2026-01-15 12:"), len("01-"))
_FOUR_DIGITS, _NINE_DIGITS, _THIRTEEN_DIGITS = "0" * 4, "0" * 9, "0" * 13
_MARKED, _MARKED_FOURS, _MARKED_SIX = "0000,000", "0000,0000,0000,000", "0000,000000,0000"
_MARKED_BY_ESCAPE, _MARKED_BY_EQUALS = "0000\x01", "0000="
# Between two groups: up to three separators, or a line break and its indent.
_GAP = rb"(?:[-._+ ]{1,3}|[-._+ ]{0,3}\n[-._+ ]{0,12})"
# Groups of digits and the separators that join them, not all too few; the one group of the pattern ends the first.
_CHAIN = re.compile(rb"0(?<!00)(?=[-._+ \n0]{8})(0*+)(?:[-._+ \n]++0++)*+")
_DECIMAL = re.compile(rb"0{1,6}\.0++")  # most chains in a log are a float; to say so later takes five times the time
_SSN = re.compile(rb"000(?<!0000)(?:000000|-000000|" + _GAP + rb"00" + _GAP + rb"0000)(?!0)")


def find(text: str) -> list[Finding]:
    """Findings in the order of the text, none overlapping another; linear in the length of the text."""
    reading = text.encode() if text.isascii() else printed(text)
    digits = _digits(reading)
    if digits[: len(_DIGITS_OF_DATE)] == _DIGITS_OF_DATE and reading[_AT_MARKS] == _MARKS_OF_DATE:
        digits = digits[len(_DIGITS_OF_DATE) :]
    is_escaped = _ESCAPED in digits or _QUOTED in digits
    if not is_escaped and _FOUR_DIGITS not in digits:
        return []  # as for most lines that people write, after 1 µs
    found = _in_reading(reading, digits, is_escaped)
    decoded = None
    if is_escaped and (decoded := decode(text, reading)):
        found += _in_decoded(decoded)
    return _confirmed(found, reading, decoded) if found else found


def _confirmed(found: list[Finding], reading: bytes, decoded: Decoded | None) -> list[Finding]:
    """What is still found once everything innocent around it, in either reading, is out of the way."""
    numbers = sorted((start, end) for start, end, _ in found)
    spans = list(innocents(reading, numbers))
    spans_decoded: list[Span] = []
    if decoded:
        # What is innocent in one reading is so in the other as well, unless escapes make something else of it there.
        as_decoded = list(map(decoded.original, innocents(decoded.reading, list(map(decoded.of, numbers)))))
        spans_decoded = [*as_decoded, *(span for span in spans if not decoded.joins(span, reading))]
        spans += [span for span in as_decoded if not decoded.glues(span, reading)]
    if spans or spans_decoded:
        clear = blanked(reading, spans)
        found = _in_reading(clear, _digits(clear), is_escaped=True)
        if decoded:
            found += _in_decoded(decoded.blanked(spans_decoded))
    return _without_overlap(found) if len(found) > 1 else found


def _in_decoded(decoded: Decoded) -> list[Finding]:
    found = _in_reading(decoded.reading, _digits(decoded.reading), is_escaped=True)
    return [Finding(*decoded.original((start, end)), is_card) for start, end, is_card in found]


def _digits(reading: bytes) -> str:
    """The reading with digits as 0 and without separators; as text, in which `in` takes half the time."""
    return reading.translate(_SHAPE, _SEPARATORS).decode("ascii")


def _in_reading(reading: bytes, digits: str, is_escaped: bool) -> list[Finding]:
    """What one reading holds; of its digits there may be lacking, in front, what is no part of a number."""
    is_long = _NINE_DIGITS in digits
    is_marked = _MARKED in digits and (_MARKED_FOURS in digits or _MARKED_SIX in digits)
    if is_escaped and not is_marked:
        is_marked = _MARKED_BY_ESCAPE in digits or _MARKED_BY_EQUALS in digits
    # Most lines end here: nowhere do nine digits come together once the separators are gone.
    if not is_long and not is_marked:
        return []
    shape = reading.translate(_SHAPE)
    found = []
    if is_long:
        # Where digits come together without the separators is no farther from either end than it is with them.
        first = digits.index(_NINE_DIGITS)
        after = len(reading) - len(digits) + digits.rindex(_NINE_DIGITS) + len(_NINE_DIGITS)
        search = _in_chains if _THIRTEEN_DIGITS in digits else _social_security_numbers
        found = search(reading, shape, first, after)
    if is_marked:
        found += [Finding(start, end, True) for start, end in marked_cards(reading, shape)]
    return found


def _in_chains(reading: bytes, shape: bytes, first: int, after: int) -> list[Finding]:
    """Social security and card numbers; digits that no separator divides, as times are told, are settled at once."""
    found = []
    match = _CHAIN.search(shape, first, after)
    while match:
        chain = start, end = match.span()
        if match.end(1) == end:
            if end - start == len(_NINE_DIGITS):
                found += _social_security_numbers(reading, shape, start, end)
            elif is_card(reading, chain):
                found.append(Finding(start, end, True))
        elif (count := shape.count(b"0", *chain)) >= len(_NINE_DIGITS) and not _DECIMAL.fullmatch(shape, *chain):
            found += _social_security_numbers(reading, shape, *chain)
            if count >= len(_THIRTEEN_DIGITS):
                found += [Finding(*span, True) for span in cards(reading, shape, chain)]
        match = _CHAIN.search(shape, end, after)
    return found


def _social_security_numbers(reading: bytes, shape: bytes, first: int, after: int) -> list[Finding]:
    found = []
    # Rarely is there one: `search` costs half as much as `finditer` then.
    match = _SSN.search(shape, first, after)
    while match:
        start, end = match.span()
        if end - start > len(_NINE_DIGITS) or not (in_fraction(reading, start) or of_amount(reading, end)):
            found.append(Finding(start, end, False))
        match = _SSN.search(shape, end, after)
    return found


def _without_overlap(found: list[Finding]) -> list[Finding]:
    """What overlaps becomes one finding as wide as all of it, and a card if any of it is."""
    merged: list[Finding] = []
    for finding in sorted(found):
        if merged and finding.start < merged[-1].end:
            last = merged[-1]
            merged[-1] = Finding(last.start, max(last.end, finding.end), last.is_card or finding.is_card)
        else:
            merged.append(finding)
    return merged
