"""Where a text holds social security and card numbers.

A social security number is nine digits: 3-2-4 with any separators, 3-6 with a dash, or unbroken. Its validity
does not matter: a 000, 666 or 9xx number is somebody's typing error of a real one. 5-4 is a ZIP+4 and is left
alone, as are nine digits within a longer run of digits, a digest, a fraction or an amount.
"""

import re
from typing import NamedTuple

from plaintiff_moat.redaction.cards import cards, marked_cards
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
_ESCAPED, _QUOTED = HIDDEN.encode(), b"0="
_SEPARATORS = b"-._+ \t\r\n\v\f"
# How most log lines begin: ten digits of which none can be part of a number, for the clock's colon ends them.
_DATE, _DIGITS_OF_DATE = b"0000-00-00 00,", len("2026011512")
_NINE_DIGITS, _THIRTEEN_DIGITS = b"0" * 9, b"0" * 13
_MARKED, _MARKED_FOURS, _MARKED_SIX = b"0000,000", b"0000,0000,0000,000", b"0000,000000,0000"
_MARKED_BY_ESCAPE, _MARKED_BY_EQUALS = b"0000\x01", b"0000="
# Between two groups: up to three separators, or a line break and its indent.
_GAP = rb"(?:[-._+ ]{1,3}|[-._+ ]{0,3}\n[-._+ ]{0,12})"
_SSN = re.compile(rb"000(?<!0000)(?:000000|-000000|" + _GAP + rb"00" + _GAP + rb"0000)(?!0)")


def find(text: str) -> list[Finding]:
    """Findings in the order of the text, none overlapping another; linear in the length of the text."""
    reading = text.encode() if text.isascii() else printed(text)
    digits = reading.translate(_SHAPE, _SEPARATORS)
    is_escaped = digits.find(_ESCAPED) >= 0 or ("=" in text and digits.find(_QUOTED) >= 0)
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
        found = _in_reading(clear, clear.translate(_SHAPE, _SEPARATORS), is_escaped=True)
        if decoded:
            found += _in_decoded(decoded.blanked(spans_decoded))
    return _without_overlap(found) if len(found) > 1 else found


def _in_decoded(decoded: Decoded) -> list[Finding]:
    found = _in_reading(decoded.reading, decoded.reading.translate(_SHAPE, _SEPARATORS), is_escaped=True)
    return [Finding(*decoded.original((start, end)), is_card) for start, end, is_card in found]


def _in_reading(reading: bytes, digits: bytes, is_escaped: bool) -> list[Finding]:
    # Most lines end here, after 1 µs: no nine digits come together once the separators are gone. (`find` and
    # not `in`, which costs twice as much on bytes.)
    is_long = digits.find(_NINE_DIGITS) >= 0
    is_marked = digits.find(_MARKED) >= 0 and (digits.find(_MARKED_FOURS) >= 0 or digits.find(_MARKED_SIX) >= 0)
    if is_escaped and not is_marked:
        is_marked = digits.find(_MARKED_BY_ESCAPE) >= 0 or digits.find(_MARKED_BY_EQUALS) >= 0
    if not is_long and not is_marked:
        return []
    shape = reading.translate(_SHAPE)
    if is_long and shape.startswith(_DATE):
        is_long = digits.find(_NINE_DIGITS, _DIGITS_OF_DATE) >= 0
    found = _social_security_numbers(reading, shape) if is_long else []
    if is_long and digits.find(_THIRTEEN_DIGITS) >= 0:
        found += [Finding(start, end, True) for start, end in cards(reading, shape)]
    if is_marked:
        found += [Finding(start, end, True) for start, end in marked_cards(reading, shape)]
    return found


def _social_security_numbers(reading: bytes, shape: bytes) -> list[Finding]:
    found = []
    for match in _SSN.finditer(shape):
        start, end = match.span()
        if end - start > len(_NINE_DIGITS) or not (in_fraction(reading, start) or of_amount(reading, end)):
            found.append(Finding(start, end, False))
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
