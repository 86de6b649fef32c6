"""What the scanner knows of a delivery: plain data that a worker on another machine can be handed."""

from dataclasses import dataclass

from plaintiff_moat.source.dialect import Dialect

__all__ = [
    "BAD_ENCODING",
    "BARE_QUOTE",
    "FIELD_LIMIT",
    "FIELD_TOO_LONG",
    "MALFORMED_RECORD",
    "NUL_BYTE",
    "RECORD_LIMIT",
    "UNCLOSED_QUOTE",
    "WRONG_FIELD_COUNT",
    "Chunk",
    "Damage",
    "Scan",
]

BAD_ENCODING = "BAD_ENCODING"
BARE_QUOTE = "BARE_QUOTE"
FIELD_TOO_LONG = "FIELD_TOO_LONG"
MALFORMED_RECORD = "MALFORMED_RECORD"
NUL_BYTE = "NUL_BYTE"
UNCLOSED_QUOTE = "UNCLOSED_QUOTE"
WRONG_FIELD_COUNT = "WRONG_FIELD_COUNT"

# Far above any vendor's record, and all that one unclosed quote can make the scanner hold or look ahead.
RECORD_LIMIT = 1 << 20
# Bytes of one cell as it stands in the text, quotes included: as many as Python's csv module takes.
FIELD_LIMIT = 128 << 10


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of whole lines that no reading makes sense of; it counts as one record.

    `start` and `end` are byte offsets in the text, `first_line` and `last_line` physical lines counted from 1.
    """

    start: int
    end: int
    code: str
    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A contiguous byte range of whole records, with what reading it must find there.

    The chunks of a scan tile the file from the end of the header to its last byte. `number` counts from 0,
    `first_row` from 1 (the header is no row), `first_line` is the physical line at `start`, `digest` is the
    SHA-256 of the range in hex. `text_start` is the offset in the text, which is another where the file is in UTF-16.
    """

    number: int
    start: int
    end: int
    text_start: int
    first_row: int
    records: int
    first_line: int
    digest: str
    damage: tuple[Damage, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """A delivery as it was hashed: its identity, how it is written, its header, its chunks and its count of records.

    `header_line` is the physical line at which the header begins; blank lines aside, those before it are no records.

    `records` is counted from record boundaries alone, so that it can contradict whatever was landed. It includes
    the records that cannot be read.
    """

    path: str
    name: str
    size: int
    file_hash: str
    dialect: Dialect
    header: tuple[str, ...]
    header_line: int
    chunks: tuple[Chunk, ...]
    records: int
