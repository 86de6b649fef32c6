"""Proving that bytes are well-formed CSV: native/csv.c looks at each of them, in blocks of 64."""

import ctypes
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from plaintiff_moat.native import function
from plaintiff_moat.source.dialect import Dialect
from plaintiff_moat.source.records import RECORD_LIMIT

__all__ = ["CR", "LF", "Bytes", "Positions", "Proof", "count", "prove", "quote_of"]

LF = 10
CR = 13

Bytes = NDArray[np.uint8]
Positions = NDArray[np.int64]

_NO_QUOTE = -1


@dataclass(frozen=True, slots=True)
class Proof:
    """How far a block that begins with a record is well-formed.

    All offsets are relative to the block. `starts` are the records in `block[:clean]`, without blank lines; `newlines`
    are all line feeds of the block, those inside quotes too. When `broken`, the record at `clean` violates the
    grammar; otherwise the bytes from `clean` on are a record that the block ends within.
    """

    starts: Positions
    newlines: Positions
    clean: int
    broken: bool


class _Proved(ctypes.Structure):
    _fields_ = (("starts", ctypes.c_int64), ("clean", ctypes.c_int64), ("broken", ctypes.c_int64))


def prove(block: Bytes, dialect: Dialect, *, final: bool) -> Proof:
    """Find the records of `block` up to the first one whose quoting is not that of RFC 4180.

    With the parity of quotes counted from a record's start, every opening quote must stand first in its cell and
    every closing one last. `final` says that the file ends with the block. Records above RECORD_LIMIT are violations.
    What the block's last bytes cannot decide is no violation yet: that record is proved again with more bytes.
    """
    newlines = np.empty(count(block, LF), np.int64)
    starts = np.empty(newlines.size + 1, np.int64)
    proved = _Proved()
    _PROVE(
        block,
        block.size,
        ord(dialect.delimiter),
        quote_of(dialect),
        final,
        RECORD_LIMIT,
        newlines,
        starts,
        ctypes.byref(proved),
    )
    return Proof(starts[: proved.starts], newlines, proved.clean, broken=bool(proved.broken))


def count(block: Bytes, byte: int) -> int:
    """Return how often `byte` stands in the block."""
    return int(_COUNT(block, block.size, byte))


def quote_of(dialect: Dialect) -> int:
    """Return the byte that encloses cells, or what stands for none."""
    return ord(dialect.quote) if dialect.quote else _NO_QUOTE


_BYTES: Final = np.ctypeslib.ndpointer(np.uint8, flags="C_CONTIGUOUS")
_POSITIONS: Final = np.ctypeslib.ndpointer(np.int64, flags="C_CONTIGUOUS")
_COUNT: Final = function("moat_count", ctypes.c_int64, _BYTES, ctypes.c_int64, ctypes.c_uint8)
_PROVE: Final = function(
    "moat_prove",
    None,
    _BYTES,
    ctypes.c_int64,
    ctypes.c_uint8,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int64,
    _POSITIONS,
    _POSITIONS,
    ctypes.POINTER(_Proved),
)
