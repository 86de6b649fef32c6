"""What to make of the lines around a quote that stands where none may: how far the damage goes."""

from typing import NamedTuple

from plaintiff_moat.source.grammar import Grammar, after_line
from plaintiff_moat.source.records import RECORD_LIMIT
from plaintiff_moat.source.repair import Repair, repair, repair_before

__all__ = ["LOOKAHEAD", "Stretch", "assess"]

# Bytes behind a damaged record's first line on which a judgement may depend.
LOOKAHEAD = 4 * RECORD_LIMIT

_BLANK = (b"\n", b"\r\n", b"\r")
# After so many lines or quotes that fit, a line is believed to begin a record.
_CONVINCING_LINES = 8
_CONVINCING_QUOTES = 64


class Stretch(NamedTuple):
    """A damaged stretch of whole lines in a text."""

    start: int
    end: int
    code: str


def assess(grammar: Grammar, text: bytes, start: int, previous: int | None) -> Stretch:
    """Decide which lines the record at `start`, which is no strict one, costs.

    `previous` is where the well-formed record before it begins, if one does: it is included when it may be the stray
    quote's true place. The judgement depends on LOOKAHEAD bytes behind the record's first line and on nothing else.
    """
    code, violation = grammar.violation(text, start)
    if not grammar.quote:
        return Stretch(start, _extent(grammar, text, start, start), code)
    within = repair(grammar, text, start, violation + 1)
    before = None if previous is None else repair_before(grammar, text, previous, start)
    if previous is not None and before:
        # Well-formed and yet suspect, it cannot be told from what was sent. Of another width it is damaged
        # in any case, and the lines that it swallowed may be sound.
        suspect = grammar.record_end(text, previous) is not None
        if within is None or _explains_both(text, before, suspect=suspect):
            if before.stray is None:
                return Stretch(previous, before.end, before.code or code)
            return Stretch(previous, _extent(grammar, text, previous, before.end if suspect else previous), code)
    if within:
        return Stretch(start, within.end, within.code or code)
    return Stretch(start, _extent(grammar, text, start, start), code)


def _explains_both(text: bytes, before: Repair, *, suspect: bool) -> bool:
    """Tell whether a quote in the record before is the likelier one, though one in the damaged record would do.

    It is where it ends its record, as no quote but a stray one does; or where it is missing and the record before is
    damaged in any case: one fault for both.
    """
    return not suspect if before.stray is None else _ends_record(text, before.stray)


def _ends_record(text: bytes, quote: int) -> bool:
    return text.startswith((b"\n", b"\r\n"), quote + 1)


def _extent(grammar: Grammar, text: bytes, start: int, resume: int) -> int:
    """Return where a damaged record ends that no repair explains.

    It takes its first line, all that begins before `resume`, and every further line up to the first one that begins a
    record. Blank lines at its end are not part of it.
    """
    end = at = after_line(text, start, len(text))
    while at < len(text):
        line_end = after_line(text, at, at + RECORD_LIMIT)
        if text[at:line_end] not in _BLANK:
            if line_end - at == RECORD_LIMIT or at - start > RECORD_LIMIT:
                break
            if at >= resume and _begins_record(grammar, text, start, at, line_end):
                break
            end = line_end
        at = line_end
    return end


def _begins_record(grammar: Grammar, text: bytes, start: int, at: int, line_end: int) -> bool:
    """Tell whether the line at `at` begins a record, good or damaged, rather than continues the one at `start`."""
    if grammar.record_end(text, at) is None and text.count(grammar.delimiter, at, line_end) < grammar.width - 1:
        return False
    return not _may_be_open(grammar, text, start, at) or _is_outside(grammar, text, at)


def _may_be_open(grammar: Grammar, text: bytes, start: int, at: int) -> bool:
    """Tell whether a cell of the lines from `start` could still be open at `at`."""
    return bool(grammar.quote) and (
        text.startswith(grammar.quote, start)
        or text.find(grammar.delimiter + grammar.quote, start, at) >= 0
        or text.find(b"\n" + grammar.quote, start, at) >= 0
        or text.count(grammar.delimiter, start, at) < grammar.width - 1
    )


def _is_outside(grammar: Grammar, text: bytes, at: int) -> bool:
    """Decide by the quotes from `at` on whether a line stands outside of quotes or inside.

    Of the two readings one opens a cell where the other closes it: the first quote that fits only one of them decides.
    A quote that fits neither decides for the reading that flags more.
    """
    limit = at
    for _ in range(_CONVINCING_LINES):
        limit = after_line(text, limit, at + RECORD_LIMIT)
    opening = True
    quote = at - 1
    for _ in range(_CONVINCING_QUOTES):
        quote = text.find(grammar.quote, quote + 1, limit)
        if quote < 0:
            break
        may_open, may_close = grammar.opens(text, quote), grammar.closes(text, quote)
        if not (may_open and may_close):
            return may_open if opening else may_close
        opening = not opening
    return opening
