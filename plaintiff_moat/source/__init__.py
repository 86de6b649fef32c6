"""Bytes to records: hash a delivered file, find its records, read them chunk by chunk; never silently wrong."""

from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.header import Heads
from plaintiff_moat.source.read import RAW_LIMIT, ReadingsDisagree, cell_names, read
from plaintiff_moat.source.reading import AS_IT_IS, Reading
from plaintiff_moat.source.records import (
    BAD_ENCODING,
    BARE_QUOTE,
    FIELD_LIMIT,
    FIELD_TOO_LONG,
    MALFORMED_RECORD,
    NUL_BYTE,
    RECORD_LIMIT,
    UNCLOSED_QUOTE,
    WRONG_FIELD_COUNT,
    Chunk,
    Damage,
    Scan,
)
from plaintiff_moat.source.scan import CHUNK_BYTES, scan

__all__ = [
    "AS_IT_IS",
    "BAD_ENCODING",
    "BARE_QUOTE",
    "CHUNK_BYTES",
    "FIELD_LIMIT",
    "FIELD_TOO_LONG",
    "MALFORMED_RECORD",
    "NUL_BYTE",
    "RAW_LIMIT",
    "RECORD_LIMIT",
    "UNCLOSED_QUOTE",
    "WRONG_FIELD_COUNT",
    "Chunk",
    "Damage",
    "Dialect",
    "Heads",
    "Reading",
    "ReadingsDisagree",
    "Scan",
    "cell_names",
    "read",
    "scan",
]
