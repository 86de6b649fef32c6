"""The one quote too many, or too few, that explains why a record is no strict one."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from plaintiff_moat.source.grammar import Grammar
from plaintiff_moat.source.records import BARE_QUOTE

__all__ = ["Repair", "repair", "repair_before"]

# After so many records that fit, a repair is believed to be the right one.
_CONVINCING_RECORDS = 8
# Repairs are sought in records of a human size, and at so many places.
_BYTES = 64 << 10
_QUOTES = 64
_PLACES = 1024


class Repair(NamedTuple):
    """With one quote less or more there are strict records up to `end`, and `following` more behind it.

    `stray` is where the quote stands that is too many; where one is missing it is None, and `code` says which.
    """

    following: int
    end: int
    stray: int | None = None
    code: str | None = None


def repair(grammar: Grammar, text: bytes, start: int, limit: int) -> Repair | None:
    """Find the quote to take out before `limit`, or to add, that makes a strict record of what begins at `start`.

    Of several, the one with most strict records behind it; then the one that costs the fewest lines. The judgement
    depends on the next _BYTES bytes and on nothing else.
    """
    return _best([*_stray(grammar, text, start, start, limit), *_lost(grammar, text, start, start)])


def repair_before(grammar: Grammar, text: bytes, previous: int, start: int) -> Repair | None:
    """Find the quote in or behind the well-formed record at `previous` that makes strict records across `start`."""
    first = text.find(grammar.quote, start, start + _BYTES)
    # Without a quote before it, the first one of the damaged record would close a cell.
    if start - previous > _BYTES or first < 0 or not grammar.closes(text, first):
        return None
    lost = _lost(grammar, text, previous, start)
    if grammar.opens(text, first):  # rather that than the end of a cell that began in the record before
        lost = (found for found in lost if found.code != BARE_QUOTE)
    return _best([*_stray(grammar, text, previous, start, start), *lost])


def _best(repairs: list[Repair]) -> Repair | None:
    return max(repairs, key=lambda found: (found.following, -found.end), default=None)


def _stray(grammar: Grammar, text: bytes, start: int, across: int, limit: int) -> Iterator[Repair]:
    window = text[start : across + _BYTES]
    stray = -1
    for _ in range(_QUOTES):
        stray = window.find(grammar.quote, stray + 1, limit - start)
        if stray < 0:
            break
        repaired = window[:stray] + window[stray + 1 :]
        end = _lead_across(grammar, repaired, 0, max(across - start - 1, 0))
        if end is not None and end >= stray:
            yield Repair(_following(grammar, repaired, end), start + end + 1, stray=start + stray)


def _lost(grammar: Grammar, text: bytes, start: int, across: int) -> Iterator[Repair]:
    # Every line of a single column is a record: nothing tells where a cell that is not closed was to end.
    if grammar.width == 1:
        return
    # Unlike a quote that is there, one that is not is believed in only with a record behind it.
    window = text[start : across + _BYTES]
    ends: set[int] = set()
    for code, end in islice(grammar.closed_ends(window, 0), _PLACES):
        # Behind the window's end stands no record that could bear it out.
        if end is None or end in ends or end == len(window):
            continue
        ends.add(end)
        if _lead_across(grammar, window, end, across - start) is None:
            continue
        following = _following(grammar, window, end)
        if following:
            yield Repair(following, start + end, code=code)
        if following == _CONVINCING_RECORDS:  # what ends behind it costs more lines
            break


def _lead_across(grammar: Grammar, text: bytes, at: int, boundary: int) -> int | None:
    end: int | None = at or grammar.record_end(text, 0)
    while end is not None and end < boundary:
        end = grammar.record_end(text, end)
    return None if boundary and end == boundary else end


def _following(grammar: Grammar, text: bytes, at: int) -> int:
    for count in range(_CONVINCING_RECORDS):
        if at == len(text):
            return _CONVINCING_RECORDS
        end = grammar.record_end(text, at)
        if end is None:
            return count
        at = end
    return _CONVINCING_RECORDS
