"""Where a text holds e-mail addresses and telephone numbers; searched only when asked."""

import re
from collections.abc import Iterator

from plaintiff_moat.redaction.readings import printed

__all__ = ["emails", "phones"]

# Each start of a word is tried once and no character twice, so that a megabyte of dots stays cheap.
_EMAIL = re.compile(r"(?<![\w.!#$%&'*+/=?^`{|}~-])[\w.!#$%&'*+/=?^`{|}~-]++@(?:[\w-]++\.)+[\w-]{2,}")

# NANP: neither area code nor exchange begins with 0 or 1. Elsewhere only the international form (E.164).
_NANP = rb"(?:\+?1[-. ]?)?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[-. ]?)[2-9][0-9]{2}[-. ]?[0-9]{4}"
_PHONE = re.compile(rb"(?<![0-9])(?:" + _NANP + rb"|\+[1-9](?:[-. ]?[0-9]){7,14}+)(?![0-9])")


def emails(text: str) -> Iterator[tuple[int, int]]:
    """Spans of addresses in any script."""
    if "@" in text:
        yield from (match.span() for match in _EMAIL.finditer(text))


def phones(text: str) -> Iterator[tuple[int, int]]:
    """Spans of North American numbers in their usual forms, and of any number in international form."""
    yield from (match.span() for match in _PHONE.finditer(printed(text)))
