"""What the cells of a record are together: for the rules that any cell can break."""

import ctypes
from typing import Final

import numpy as np
import polars as pl

from plaintiff_moat.native.arrow import taker

__all__ = ["contents"]

_HOLDS_NUL: Final = 1
_HOLDS_PLACEHOLDER: Final = 2
_LOOK_AT: Final = taker("moat_look_at_cells", ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


def contents(cells: pl.DataFrame) -> tuple[pl.DataFrame, frozenset[str]]:
    """Give for each record `size`, the bytes of its cells, and whether one of these `holds_nul` or `holds_placeholder`.

    A placeholder stands for a number in what was redacted: a reject that came back without what was sent first. Give as
    well the names of the columns that have something to trim: both are told by one look at each cell.
    """
    sizes, findings = np.zeros(cells.height, np.int64), np.zeros(cells.height, np.uint8)
    are_padded = np.zeros(cells.width, np.bool_)
    _LOOK_AT(cells, cells.height, sizes.ctypes.data, findings.ctypes.data, are_padded.ctypes.data)
    of_records = pl.DataFrame(
        {
            "size": sizes,
            "holds_nul": findings & _HOLDS_NUL != 0,
            "holds_placeholder": findings & _HOLDS_PLACEHOLDER != 0,
        }
    )
    return of_records, frozenset(np.array(cells.columns)[are_padded].tolist())
