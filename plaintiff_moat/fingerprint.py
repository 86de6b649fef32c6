"""How a reader's fingerprint ends: which part of a container was read, and whether it was rejects that come back."""

import re

__all__ = ["ending", "is_one_of_several", "part_of"]

_OUT_OF = ", out of "
_RETURNS = ", rejects that come back"
_ONE_OF_SEVERAL = re.compile(r", [0-9]+ of (?!1\b)")


def ending(part: str | None, *, returns: bool) -> str:
    """The end of the fingerprint of who reads this part of a container, None for a plain file."""
    return f"{_OUT_OF}{part}" * (part is not None) + _RETURNS * returns


def part_of(fingerprint: str | None) -> str:
    """The container and what of it was opened; empty for a plain file, or where nothing is known."""
    return (fingerprint or "").partition(_OUT_OF)[2].removesuffix(_RETURNS)


def is_one_of_several(fingerprint: str) -> bool:
    """Whether other parts of the container could have been read instead."""
    return _ONE_OF_SEVERAL.search(part_of(fingerprint)) is not None
