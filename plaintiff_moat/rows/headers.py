"""Header cells: when two are one spelling, which head sensitive columns, and how they are shown.

A header cell is data from outside: it may hold a social security number (a file without a header line), escape
sequences or nothing at all. Only labels made here reach messages, keys and pages.
"""

import itertools
from collections.abc import Container, Sequence
from typing import Final

from plaintiff_moat.redaction import keys, redact
from plaintiff_moat.redaction.keys import reduced

__all__ = ["is_sensitive", "labels", "reduced"]

LABEL_LIMIT: Final = 100  # characters of a header that are worth showing


def is_sensitive(header: str, declared: frozenset[str] = frozenset()) -> bool:
    """Tell whether a column so headed may never be stored in clear; `declared` are further reduced spellings.

    Whole words decide, so that `Debtor SSN` is sensitive and `Business Name` is not.
    """
    return reduced(header) in declared or keys.is_sensitive(header)


def labels(header: Sequence[str]) -> tuple[str, ...]:
    """Give each column a name that is safe to show and to store: redacted, printable, not empty and unique."""
    taken: dict[str, None] = {}
    for position, cell in enumerate(header, start=1):
        # twice: folding white space can bring the groups of a number together, cutting can end a longer one
        label = redact(_printable(redact(cell))) or f"column {position}"
        taken[_free(label, taken)] = None
    return tuple(taken)


def _printable(text: str) -> str:
    words = "".join(character if character.isprintable() else " " for character in text).split()
    return " ".join(words)[:LABEL_LIMIT]


def _free(label: str, taken: Container[str]) -> str:
    if label not in taken:
        return label
    return next(name for count in itertools.count(2) if (name := f"{label} ({count})") not in taken)
