"""Card numbers: known issuer prefixes, the Luhn digit, and the shapes in which people write them.

Prefixes and lengths are the issuer identification numbers (ISO/IEC 7812) that the networks publish. No
network issues 13 digits that begin with 1 or 2, nor any number that begins with 19 or 20; hence epoch
milliseconds (13 digits, 1… until the year 2033, then 2…), microseconds and nanoseconds and compact dates
cannot be taken for a card, whatever their check digit.
"""

import re
from collections.abc import Iterator
from functools import cache

from plaintiff_moat.redaction.context import Span, in_fraction

__all__ = ["cards", "is_card", "marked_cards"]

_SHORTEST, _LONGEST = 13, 19
_LENGTHS = range(_SHORTEST, _LONGEST + 1)
_ISSUERS: tuple[tuple[range, bytes], ...] = (
    (range(13, 20, 3), b"4"),  # Visa
    (range(16, 17), b"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"),  # Mastercard
    (range(15, 16), b"3[47]|1800|2131"),  # American Express, old JCB
    (range(14, 20), b"30[0-5]|3095|3[689]"),  # Diners Club
    (range(16, 20), b"6011|64[4-9]|65|62|81|35(?:2[89]|[3-8])|220[0-4]"),  # Discover, UnionPay, JCB, Mir
    (range(13, 20), b"5018|5020|5038|5612|5893|6304|6390|6759|676"),  # Maestro, in the lengths it is rarely of
    (range(16, 20), b"50|5[678]|6"),  # Maestro; within it Elo, Hipercard, Verve and most of RuPay
    (range(16, 17), b"0604|508|82|35[36]|8600|9860|9792|9704"),  # Maestro, RuPay, Uzcard, Humo, Troy, Napas
)
_DOUBLED = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))

_CLASSIC = frozenset({(4, 4, 4, 4), (4, 6, 5), (4, 4, 4, 3)})
_PRINTED_GROUP, _PRINTED_END = 4, 3  # the least that networks print as a group, and as the last one
_FOURS = 4  # groups in the commonest print
_SSN_DIGITS, _BESIDE_SSN = 9, 3  # and the most groups beside them that are looked at
_WIDEST = 12  # a wider one is a number of its own: `%(process)d %(thread)d` is 4 and 15 digits
# Thirteen digits after a plus are a telephone in two countries whose code is also a card's prefix, Austria's and
# Germany's; a plus behind a letter is a space in a form's encoding.
_INTERNATIONAL_PHONE = re.compile(rb"(?<![0-9A-Za-z])\+4[39][0-9]{11}(?![0-9])")

_GAP, _INDENTED_GAP = 3, 16  # the most between two groups, on one line and across a line break

_GROUP = re.compile(rb"0+")
_MARK = rb" {0,2}[,=\x01]{1,2} {0,2}"
# Ahead and not behind: what begins within a match that is no number may be one.
_MARKED = re.compile(rb"0000(?<!00000)(?=(M(?:0000M0000M0{3,4}(?:M000)?|000000M0{4,5}))(?!0))".replace(b"M", _MARK))


def cards(reading: bytes, shape: bytes, chain: Span) -> Iterator[Span]:
    """Spans of numbers in a chain, all the groups that separators join; shape is the reading with digits as 0."""
    for groups in _neighbours(shape, *chain):
        yield from _in_chain(reading, groups)


def marked_cards(reading: bytes, shape: bytes) -> Iterator[Span]:
    """Spans of numbers in printed grouping that any other mark joins: `4111/1111/1111/1111`, `4111, 1111, …`."""
    for marked in _MARKED.finditer(shape):
        groups = [group.span() for group in _GROUP.finditer(shape, marked.start(), marked.end(1))]
        for number in (groups, groups[:_FOURS]):  # what may stand behind four fours is not always the number's
            if _one_gap(reading, number) and _is_number(reading, number) and not _is_listed(reading, shape, number):
                yield number[0][0], number[-1][1]


def _is_listed(reading: bytes, shape: bytes, groups: list[Span]) -> bool:
    """Whether the groups are some of a longer list, `[4111, 1111, 1111, 1111, 2222]`; without spaces, of cells."""
    gap = _gap(reading, groups, 0)
    if b" " not in gap:
        return False
    before, after = groups[0][0] - len(gap), groups[-1][1] + len(gap)
    is_before = reading[max(0, before) : groups[0][0]] == gap and shape.endswith(b"0000", 0, max(0, before))
    return is_before or (reading.startswith(gap, groups[-1][1]) and shape.startswith(b"0000", after))


def _neighbours(shape: bytes, start: int, end: int) -> Iterator[list[Span]]:
    """The groups of digits, divided where too much stands between two of them."""
    groups: list[Span] = []
    for match in _GROUP.finditer(shape, start, end):
        group = match.span()
        if groups:
            gap = groups[-1][1], group[0]
            if _size(gap) > (_GAP if shape.find(b"\n", *gap) < 0 else _INDENTED_GAP):
                yield groups
                groups = []
        groups.append(group)
    yield groups


def _in_chain(reading: bytes, groups: list[Span]) -> Iterator[Span]:
    """Numbers in printed grouping anywhere in the chain; in any other grouping where they fill what is left.

    They may overlap: where two numbers can be read into the same groups, both are hidden.
    """
    taken = 0
    for first in range(len(groups)):
        after = _printed_number(reading, groups, first) if _size(groups[first]) >= _PRINTED_GROUP else 0
        if first == taken and _fills(reading, rest := groups[taken : taken + _LONGEST + 1]):
            after = taken + len(rest)
        if after:
            if _fills(reading, groups[taken:first]):
                yield groups[taken][0], groups[first - 1][1]
            yield groups[first][0], groups[after - 1][1]
            taken = max(taken, after)
    yield from _around_nine_digits(reading, groups)


def _around_nine_digits(reading: bytes, groups: list[Span]) -> Iterator[Span]:
    """Numbers in three groups or more, one of nine digits: alone these would be hidden, and the others be shown."""
    sizes = [*map(_size, groups)]
    for at in [at for at, size in enumerate(sizes) if size == _SSN_DIGITS]:
        for first in range(max(0, at - _BESIDE_SSN), at + 1):
            for after in range(max(at + 1, first + 3), min(at + _BESIDE_SSN, len(groups)) + 1):
                if sum(sizes[first:after]) > _LONGEST:
                    break
                if sum(sizes[first:after]) >= _SHORTEST and _fills(reading, groups[first:after]):
                    yield groups[first][0], groups[after - 1][1]


def _printed_number(reading: bytes, groups: list[Span], first: int) -> int:
    """One past the last group of the longest number that begins with the first group; 0 when none does."""
    found = digits = 0
    for last in range(first, len(groups)):
        size = _size(groups[last])
        digits += size
        if digits > _LONGEST:
            break
        if digits >= _SHORTEST and size >= _PRINTED_END:
            if last == first:
                known = is_card(reading, groups[first])
            else:
                number = groups[first : last + 1]
                known = _is_number(reading, number) or _is_classic(reading, groups, first, last)
            found = last + 1 if known else found
        if size < _PRINTED_GROUP:
            break
    return found


def _fills(reading: bytes, groups: list[Span]) -> bool:
    return 1 < len(groups) <= _LONGEST and _is_number(reading, groups) and _one_gap(reading, groups)


def is_card(reading: bytes, group: Span) -> bool:
    """Whether a group of digits is a number by itself."""
    size = group[1] - group[0]
    if not _SHORTEST <= size <= _LONGEST or not _prefixes(size).match(reading, *group):
        return False
    if not _passes_luhn(reading[slice(*group)]) or in_fraction(reading, group[0]):
        return False
    return not _INTERNATIONAL_PHONE.match(reading, max(0, group[0] - 1))


def _is_number(reading: bytes, groups: list[Span]) -> bool:
    """Whether two groups or more make an issued number, and not a decimal number or a pair of ids."""
    if not _is_issued(reading, groups) or max(map(_size, groups)) > _WIDEST:
        return False
    # A dot in the very middle of the digits separates: `41111111.11111111`.
    is_decimal = len(groups) == len(("12", "34")) and _gap(reading, groups, 0) == b"."
    return not is_decimal or _size(groups[0]) == _size(groups[1])


def _is_issued(reading: bytes, groups: list[Span]) -> bool:
    digits = b"".join([reading[start:end] for start, end in groups])
    if len(digits) not in _LENGTHS:
        return False
    if not _prefixes(len(digits)).match(digits) and not _is_grouped_uatp(groups, digits):
        return False
    return _passes_luhn(digits)


@cache
def _prefixes(length: int) -> re.Pattern[bytes]:
    return re.compile(b"|".join(prefixes for lengths, prefixes in _ISSUERS if length in lengths))


def _is_grouped_uatp(groups: list[Span], digits: bytes) -> bool:
    # Without its grouping it is what every 64-bit Linux prints as a thread id: 15 digits that begin with 1.
    return digits.startswith(b"1") and [*map(_size, groups)] == [4, 5, 6]


def _is_classic(reading: bytes, groups: list[Span], first: int, last: int) -> bool:
    """Whether the shape alone gives it away, whatever prefix and check digit."""
    number = groups[first : last + 1]
    if tuple(map(_size, number)) not in _CLASSIC or not _one_gap(reading, number):
        return False
    gap = _gap(reading, groups, first)
    before = first > 0 and _size(groups[first - 1]) == _PRINTED_GROUP and _gap(reading, groups, first - 1) == gap
    after = last + 1 < len(groups) and _size(groups[last + 1]) == _PRINTED_GROUP
    return not before and not (after and _gap(reading, groups, last) == gap)


def _one_gap(reading: bytes, groups: list[Span]) -> bool:
    return len({_gap(reading, groups, at) for at in range(len(groups) - 1)}) == 1


def _gap(reading: bytes, groups: list[Span], at: int) -> bytes:
    return reading[groups[at][1] : groups[at + 1][0]]


def _size(span: Span) -> int:
    return span[1] - span[0]


def _passes_luhn(digits: bytes) -> bool:
    kept, doubled = digits[-1::-2], digits[-2::-2].translate(_DOUBLED)
    return (sum(kept) - ord("0") * len(kept) + sum(doubled)) % 10 == 0
