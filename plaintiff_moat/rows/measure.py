"""What a chunk looks like as a whole: how full its columns are and what its amounts sum up to. No cell is kept."""

import ctypes
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
import polars as pl

from plaintiff_moat.native.arrow import Fault, maker, taker
from plaintiff_moat.rows.blank import nothing
from plaintiff_moat.rows.codes import ErrorCode
from plaintiff_moat.rows.mapping import BoundMapping

__all__ = ["Measure", "measure"]

FIRST_UNREAD: Final = 20
_NOTHING: Final = Decimal("0.00")
_COUNT_FILLED: Final = taker("moat_count_filled", ctypes.c_int64, ctypes.c_void_p)
# Reads trimmed texts that `amounts.SIGNED` matches and that have at most `amounts.DIGITS` before the point.
_READ_SIGNED_AMOUNTS: Final = maker("moat_read_signed_amounts")
_SUM_AMOUNTS: Final = taker("moat_sum_amounts", ctypes.c_int64, ctypes.c_void_p)


@dataclass(frozen=True, slots=True)
class Measure:
    """Counts and sums over records. `filled` counts, for each column of the file, the cells with more than white space.

    `valid_total` is the sum of the amounts of valid records, `rejected_total` of those of rejects, negative ones
    included. `unread_amounts` counts the rejects whose amount is in neither: an unreadable record, or a cell that is no
    amount; `unread_lines` are the physical lines of the first of them. An empty cell is no amount and not unread. A
    repeated header and a totals line are rejects without an amount, whatever their cells hold.
    """

    records: int
    rejected: int
    filled: tuple[int, ...]
    valid_total: Decimal
    rejected_total: Decimal
    unread_amounts: int
    unread_lines: tuple[tuple[int, int], ...]

    @property
    def total(self) -> Decimal:
        """The sum of all amounts that can be read."""
        return self.valid_total + self.rejected_total

    def __add__(self, other: "Measure") -> "Measure":
        """Both together, in whatever order the chunks come."""
        return Measure(
            records=self.records + other.records,
            rejected=self.rejected + other.rejected,
            filled=tuple(one + more for one, more in zip(self.filled, other.filled, strict=True)),
            valid_total=self.valid_total + other.valid_total,
            rejected_total=self.rejected_total + other.rejected_total,
            unread_amounts=self.unread_amounts + other.unread_amounts,
            unread_lines=tuple(sorted(self.unread_lines + other.unread_lines)[:FIRST_UNREAD]),
        )


def measure(cells: pl.DataFrame, rows: pl.DataFrame, mapping: BoundMapping) -> Measure:
    """Measure a chunk by its cells as `source.read` gives them and its rows as `prepare` makes them of these."""
    codes = rows.get_column("error_code")
    rejected_total, unread = _of_rejects(cells, codes, dict(mapping.columns).get("judgment_amount"))
    return Measure(
        records=rows.height,
        rejected=codes.len() - codes.null_count(),
        filled=_filled(cells.select("^c[0-9]+$")),
        valid_total=_total(rows.get_column("judgment_amount")),
        rejected_total=rejected_total,
        unread_amounts=unread.height,
        unread_lines=tuple((first, last) for first, last in unread.head(FIRST_UNREAD).iter_rows()),
    )


def _filled(cells: pl.DataFrame) -> tuple[int, ...]:
    counts = np.zeros(cells.width, np.int64)
    _COUNT_FILLED(cells, cells.height, counts.ctypes.data)
    return tuple(counts.tolist())


def _of_rejects(cells: pl.DataFrame, codes: pl.Series, place: int | None) -> tuple[Decimal, pl.DataFrame]:
    """The sum of the amounts of the rejects, and the lines of those that have none that can be read."""
    if codes.null_count() == codes.len():
        return _NOTHING, cells[["line_start", "line_end"]].clear()
    rejects = codes.is_not_null().arg_true()
    # a vendor's total is of the records alone: the line that states it would double it
    of_rejects = codes[rejects]
    records = rejects.filter((of_rejects != ErrorCode.REPEATED_HEADER) & (of_rejects != ErrorCode.TOTALS_LINE))
    sent = nothing(len(records)) if place is None else cells[f"c{place}"][records].str.strip_chars()
    amounts = _READ_SIGNED_AMOUNTS(sent)
    judged = cells[["line_start", "line_end", "raw"]][records]
    unread = judged.filter(judged["raw"].is_not_null() | ((sent != "") & amounts.is_null()))
    total = amounts.cast(pl.Decimal(38, 2)).sum()
    return Decimal(total or 0).quantize(_NOTHING), unread[["line_start", "line_end"]]


def _total(amounts: pl.Series) -> Decimal:
    """The sum of amounts as `normalise.amounts` reads them."""
    sums = np.zeros(2, np.int64)
    if _SUM_AMOUNTS(amounts, len(amounts), sums.ctypes.data) == Fault.MALFORMED:
        raise ValueError("expected amounts of digits with two decimals, found another text")
    dollars, cents = sums.tolist()
    return Decimal(100 * dollars + cents).scaleb(-2)
