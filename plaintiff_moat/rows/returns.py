"""Rejects as they leave for a spreadsheet and come back: what the export adds to a vendor's file, taken off exactly.

A spreadsheet runs a cell that begins with one of `TRIGGERS`. Such a cell leaves behind an apostrophe, and so does one
in which apostrophes lead to a trigger; where they do, the first is taken off again. So each cell comes back as it was,
and what a person types to the same effect (an apostrophe before a minus) means what it means in a spreadsheet.
Rules: OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

import polars as pl

from plaintiff_moat.errors import BadInput, WrongRun

__all__ = ["APPENDED", "Return", "appended_columns", "is_export", "neutralised", "reference", "restored"]

# The last is the reference by which a record comes back; the others are for people.
APPENDED: Final = ("error_code", "error_message", "line", "raw", "reject")
_PREFIX: Final = "moat_"
# The last four are the full-width forms, which spreadsheets in Chinese and Japanese take for the first four.
TRIGGERS: Final = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_RUN_BY_A_SPREADSHEET: Final = re.compile(f"'*[{TRIGGERS}]")
_NEUTRALISED: Final = f"^'+[{TRIGGERS}]"
_REFERENCE: Final = r"^([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}):([0-9]{1,9})$"
_LINES_NAMED: Final = 5


def neutralised(cell: str) -> str:
    """The cell as no spreadsheet runs it."""
    return f"'{cell}" if _RUN_BY_A_SPREADSHEET.match(cell) else cell


def restored(cell: pl.Expr) -> pl.Expr:
    """The cell as it was before `neutralised`."""
    return pl.when(cell.str.contains(_NEUTRALISED)).then(cell.str.slice(1)).otherwise(cell)


def reference(run_id: UUID, row_number: int) -> str:
    """A reject by its run and row; no spreadsheet takes it for a number, a date or a time."""
    return f"{run_id}:{row_number}"


def appended_columns(header: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns that the export appends: other ones where the vendor has one of these."""
    taken = {cell.strip().lower() for cell in header}
    return tuple(_PREFIX + name for name in APPENDED) if taken & set(APPENDED) else APPENDED


def is_export(header: Sequence[str]) -> bool:
    """Whether a file so headed was exported, beyond a doubt: it has all of the columns, or the one of rarer names."""
    names = {cell.strip().lower() for cell in header}
    return names >= set(APPENDED) or _PREFIX + APPENDED[-1] in names


@dataclass(frozen=True, slots=True)
class Return:
    """A file made from an export of rejects: its vendor's `header`, and where these columns and the references stand.

    Plain data, which a chunk task can carry.
    """

    header: tuple[str, ...]
    kept: tuple[int, ...]
    reference: int
    reference_name: str

    @classmethod
    def of(cls, header: Sequence[str]) -> Self | None:
        """The columns by their names, in whatever order; None for a file without the export's references."""
        names = [cell.strip().lower() for cell in header]
        prefixed = _PREFIX + APPENDED[-1] in names
        own = [_PREFIX + name if prefixed else name for name in APPENDED]
        if own[-1] not in names:
            return None
        kept = tuple(at for at, name in enumerate(names) if name not in own)
        vendors = (
            pl.Series("cell", [header[at] for at in kept], dtype=pl.String).to_frame().select(restored(pl.col("cell")))
        )
        return cls(tuple(vendors.to_series()), kept, names.index(own[-1]), own[-1])

    def vendors_cells(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A frame as `read` gives it, as if the file had the vendor's columns only, and these as they were."""
        cells = (restored(pl.col(f"c{at}")).alias(f"c{place}") for place, at in enumerate(self.kept))
        return frame.select(pl.exclude("^c[0-9]+$"), *cells)

    def rejects(self, frame: pl.DataFrame, run_id: UUID) -> pl.Series:
        """The row number of the reject that each record of such a frame stands for; null where its cell is empty.

        Raises BadInput for a reference that is none, WrongRun for one to a reject of another run than `run_id`.
        """
        cell = pl.col(f"c{self.reference}").str.strip_chars().str.to_lowercase()
        referring = frame.select(
            "line_start",
            given=cell != "",
            run=cell.str.extract(_REFERENCE, 1),
            row=cell.str.extract(_REFERENCE, 2).cast(pl.Int32),
        )
        if lines := _lines(referring, pl.col("given") & pl.col("run").is_null()):
            raise BadInput(
                f"column '{self.reference_name}' holds no reference as the export wrote it on {lines};"
                " copy it from the export, or leave it empty for a record that stands for no reject"
            )
        if lines := _lines(referring, pl.col("run") != str(run_id)):
            raise WrongRun(
                f"column '{self.reference_name}' refers to rejects of another run than {run_id} on {lines};"
                " name the run that the export is of"
            )
        return referring["row"].alias("replays_row")


def _lines(referring: pl.DataFrame, wrong: pl.Expr) -> str:
    lines = referring.filter(wrong)["line_start"].to_list()
    named = ", ".join(map(str, lines[:_LINES_NAMED]))
    more = f" and {len(lines) - _LINES_NAMED} more" if len(lines) > _LINES_NAMED else ""
    return f"line{'s' if len(lines) > 1 else ''} {named}{more}" if lines else ""
