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
# Their names where a vendor has some: `moat_line`, `moat_line_2` and so on. The number tells which are whose.
_NAME: Final = re.compile(rf"({'|'.join(APPENDED)})|moat_({'|'.join(APPENDED)})(?:_([1-9][0-9]{{0,8}}))?")
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
    """The names of the columns that the export appends: behind those of the same kind that the vendor has."""
    return _names(max((level for _, level in _ours(header)), default=-1) + 1)


def is_export(header: Sequence[str]) -> bool:
    """Whether a file so headed was exported, beyond a doubt: it has all of the columns, or the one of rarer names."""
    ours = _ours(header)
    return set(ours) >= {(name, 0) for name in APPENDED} or _level_of_references(ours) > 0


def _ours(header: Sequence[str]) -> list[tuple[str, int]]:
    """The columns whose name is one of the export's: by its plain name, and how far it is from that."""
    found = (_NAME.fullmatch(cell.strip().lower()) for cell in header)
    return [(name[1] or name[2], int(name[3] or 1) if name[2] else 0) for name in found if name]


def _level_of_references(ours: Sequence[tuple[str, int]]) -> int:
    """Of several columns of references the last is the export's, since it goes beyond the vendor's; -1 without one."""
    return max((level for name, level in ours if name == APPENDED[-1]), default=-1)


def _names(level: int) -> tuple[str, ...]:
    beginning, ending = "moat_" if level else "", f"_{level}" if level > 1 else ""
    return tuple(f"{beginning}{name}{ending}" for name in APPENDED)


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
        level = _level_of_references(_ours(header))
        if level < 0:
            return None
        own = _names(level)
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
            row=cell.str.extract(_REFERENCE, 2).cast(pl.Int64),
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
