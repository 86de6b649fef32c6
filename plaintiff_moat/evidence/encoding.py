"""The encoding under every hash of a chain: no two lists of values encode alike, and no locale has a say in it."""

__all__ = ["length_prefixed"]

_NULL = b"\xff\xff\xff\xff"


def length_prefixed(text: str | None) -> bytes:
    """The text's UTF-8 bytes behind their number as four bytes, big-endian; four bytes of ones for None."""
    if text is None:
        return _NULL
    encoded = text.encode()
    return len(encoded).to_bytes(4, "big") + encoded
