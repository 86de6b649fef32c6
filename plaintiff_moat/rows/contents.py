"""What the cells of a record are together: for the rules that any cell can break."""

import ctypes
from typing import Final

import numpy as np
import polars as pl

from plaintiff_moat.native.arrow import taker

__all__ = ["contents"]

_HOLDS_NUL: Final = 1
_HOLDS_PLACEHOLDER: Final = 2
_WEIGH: Final = taker("moat_weigh_cells", ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)


def contents(cells: pl.DataFrame) -> pl.DataFrame:
    """Give for each record `size`, the bytes of its cells, and whether one of these `holds_nul` or `holds_placeholder`.

    A placeholder stands for a number in what was redacted: a reject that came back without what was sent first.
    """
    sizes, findings = np.zeros(cells.height, np.int64), np.zeros(cells.height, np.uint8)
    _WEIGH(cells, cells.height, sizes.ctypes.data, findings.ctypes.data)
    return pl.DataFrame(
        {
            "size": sizes,
            "holds_nul": findings & _HOLDS_NUL != 0,
            "holds_placeholder": findings & _HOLDS_PLACEHOLDER != 0,
        }
    )
