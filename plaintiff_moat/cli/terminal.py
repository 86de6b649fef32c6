"""Text from outside as a terminal may have it."""

from typing import Final

from plaintiff_moat.redaction import redact

__all__ = ["counted", "harmless"]

# C0 but for the line feed, DEL and C1: what a terminal obeys (ECMA-48, section 5); and the marks that turn the order of
# what the eye reads (UAX #9, table 1)
_OBEYED: Final = (*range(10), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_REPLACED: Final = str.maketrans(dict.fromkeys(_OBEYED, "\N{REPLACEMENT CHARACTER}"))


def harmless(text: str) -> str:
    """The text redacted, and nothing in it that moves a cursor, clears a screen or turns the order of characters."""
    # redacted again: what is replaced can bring the groups of a number together
    return redact(redact(text).translate(_REPLACED))


def counted(number: int, name: str) -> str:
    """So many of what has this name: `1 record`, `2,000 records`."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"
