"""What surrounds digits and makes them part of something innocent: a digest, a fraction, an amount, an address.

Every look around is bounded, so that a megabyte of near misses costs what a megabyte of prose costs.
"""

import re

__all__ = ["in_fraction", "in_identifier", "of_address", "of_amount", "of_clock"]

_UUID = re.compile(rb"(?<![0-9a-z])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-z])")
_UUID_LENGTH = 36
# Hex that programs print without dashes: trace and span ids, ObjectIds, UUIDs, MD5, SHA-1, SHA-2.
_DIGEST_LENGTHS = frozenset({16, 24, 32, 40, 56, 64, 96, 128})
_ALPHANUMERIC = b"0123456789abcdefghijklmnopqrstuvwxyz"
_HEX = b"0123456789abcdef"
_SHORTEST_MEMORY_ADDRESS = len("0x") + 10

_LONGEST_INTEGER = 12
_JOINED = re.compile(rb"[0-9A-Za-z-]")

# An integer part as long as a number to hide is taken for one: two numbers with a dot between, not a fraction.
_FRACTION = re.compile(rb"(?:(?<![0-9])(?:[0-9]{1,8}|[0-9]{10,12})\.|:[0-9][0-9]:[0-9][0-9],)\Z")
_SECONDS = re.compile(rb":[0-9][0-9]:[0-9][0-9][.,]\Z")
_TWO_OCTETS = re.compile(rb"(?<![0-9])[0-9]{1,3}\.[0-9]{1,3}\.\Z")
_CENTS = re.compile(rb"\.[0-9][0-9](?![0-9A-Za-z_]|[-.][0-9A-Za-z])")


def in_identifier(reading: bytes, start: int, end: int) -> bool:
    """Whether the digits lie within a UUID, a hex digest or a memory address.

    Hex of any other length does not count: `abc123456789` is a number that somebody glued to letters.
    """
    if not _JOINED.match(reading, max(0, start - 1)) and not _JOINED.match(reading, end):
        return False
    return _in_digest(reading, start, end) or _in_uuid(reading, start, end)


def _in_digest(reading: bytes, start: int, end: int) -> bool:
    longest = max(_DIGEST_LENGTHS) + 1
    left = reading[max(0, start - longest) : start].lower()
    right = reading[end : end + longest].lower()
    word = (
        left[len(left.rstrip(_ALPHANUMERIC)) :]
        + reading[start:end]
        + right[: len(right) - len(right.lstrip(_ALPHANUMERIC))]
    )
    if word.startswith(b"0x"):
        return len(word) >= _SHORTEST_MEMORY_ADDRESS and not word[2:].strip(_HEX)
    return len(word) in _DIGEST_LENGTHS and not word.strip(_HEX) and not word.isdigit()


def _in_uuid(reading: bytes, start: int, end: int) -> bool:
    offset = max(0, start - _UUID_LENGTH)
    window = reading[offset : end + _UUID_LENGTH].lower()
    return any(offset + uuid.start() <= start and end <= offset + uuid.end() for uuid in _UUID.finditer(window))


def in_fraction(reading: bytes, start: int) -> bool:
    """Whether the digits are the decimals of a number, or of a second: `0.123456789`, `12:00:01,123456789`."""
    return _FRACTION.search(reading, max(0, start - _LONGEST_INTEGER - 2), start) is not None


def of_clock(reading: bytes, start: int) -> bool:
    """Whether the digits begin as milliseconds of a time of day: `12:00:01,123 45 6789`."""
    return _SECONDS.search(reading, max(0, start - 7), start) is not None


def of_address(reading: bytes, start: int) -> bool:
    """Whether two octets of an IP address stand before the digits: `10.0.` before `123.45 6789`."""
    return _TWO_OCTETS.search(reading, max(0, start - 9), start) is not None


def of_amount(reading: bytes, end: int) -> bool:
    """Whether exactly two decimals end the number: `123456789.50`; a float's single one does not count."""
    return _CENTS.match(reading, end) is not None
