"""How a file differs from those that its source system sent before: rules that would rather be silent than wrong.

Of each figure the median of the earlier files and their median absolute deviation (MAD) are taken, which a single odd
file does not move. A file is told of when it is further from the median than the MAD explains, than chance would bring
in a file of its size, and than a floor below which nobody would look. Sources: 1.4826 x MAD estimates a standard
deviation (Rousseeuw and Croux 1993, doi:10.1080/01621459.1993.10476408); for a single figure thresholds of 2.5 to 3.5
are customary (Leys et al. 2013, doi:10.1016/j.jesp.2013.03.013), and ours is higher because every column of every file
is asked; the spread of a share in a small file is that of Agresti and Coull (1998, doi:10.1080/00031305.1998.10480550).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from plaintiff_moat.rows.headers import reduced

__all__ = ["HISTORY", "Drift", "Profile", "drift_of", "duplicates_drift", "header_drift"]

HISTORY: Final = 10  # files that are looked back at
_EARLIER_FILES: Final = 3  # fewer say nothing of what is usual
_DEVIATIONS: Final = 5
_MAD_TO_DEVIATION: Final = 1.4826
_FILL_FLOOR: Final = 0.10
_REJECT_FLOOR: Final = 0.05
_DUPLICATE_FLOOR: Final = 0.20
_COUNT_FACTOR: Final = 3.0
_COUNT_FLOOR: Final = 50


@dataclass(frozen=True, slots=True)
class Drift:
    """One way in which a file differs: a stable code, the column if it is of one, and a text without a cell's value."""

    code: str
    column: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A file as a whole: its header, for each column of it the number of filled cells, records and rejects.

    `skipped` counts the valid records that another record represents; None before the file is published.
    """

    header: tuple[str, ...]
    filled: tuple[int, ...]
    records: int
    rejected: int
    skipped: int | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Each column by the letters and digits of its name, so that case and spaces are no change."""
        return _columns(self.header)

    def share_filled(self, column: str) -> float:
        """How much of the records have something in the column."""
        return self.filled[self.columns.index(column)] / self.records


def drift_of(file: Profile, earlier: Sequence[Profile]) -> tuple[Drift, ...]:
    """Whatever is unusual of a file that is not published yet. `earlier` are the files before it, the latest first."""
    earlier = [before for before in earlier if before.records]
    found = [*_without_valid_records(file), *header_drift(file.header, earlier)]
    if len(earlier) >= _EARLIER_FILES:
        found += [*_row_count(file, earlier), *_rejects(file, earlier)]
    return (*found, *_fill(file, earlier))


def duplicates_drift(file: Profile, earlier: Sequence[Profile]) -> tuple[Drift, ...]:
    """The same of the share of duplicates, which is known once the file is published."""
    shares = [share for before in earlier if (share := _share_skipped(before)) is not None]
    share = _share_skipped(file)
    if share is None or len(shares) < _EARLIER_FILES:
        return ()
    usual = _unusual_share(share, file.records - file.rejected, shares, _DUPLICATE_FLOOR)
    if usual is None:
        return ()
    told = f"{share:.0%} of the valid records are duplicates, usual are {usual:.0%}"
    return (Drift("DUPLICATE_RATE", None, told),)


def _without_valid_records(file: Profile) -> Iterator[Drift]:
    if file.rejected == file.records:
        yield Drift("NO_VALID_RECORD", None, "no record of the file is valid")


def header_drift(header: Sequence[str], earlier: Sequence[Profile]) -> tuple[Drift, ...]:
    """The same of the header alone. Nothing where one of the earlier files had this very header: vendors alternate."""
    layouts = [before.columns for before in earlier]
    named = dict(zip(_columns(header), header, strict=True))
    if not layouts or tuple(named) in layouts:
        return ()
    latest = dict(zip(layouts[0], earlier[0].header, strict=True))
    found = [
        Drift("COLUMN_MISSING", name, "the column is missing; every earlier file has it")
        for column, name in latest.items()
        if column not in named and all(column in layout for layout in layouts)
    ]
    # where the header is another one now and then, what is new in it, or elsewhere, says nothing
    if len({frozenset(layout) for layout in layouts}) == 1:
        found += [
            Drift("COLUMN_NEW", name, "the column is new; no earlier file has it")
            for column, name in named.items()
            if column not in latest
        ]
    if len(set(layouts)) == 1 and named.keys() == latest.keys():
        found.append(Drift("COLUMNS_REORDERED", None, "the columns are those of the earlier files in another order"))
    return tuple(found)


def _columns(header: Sequence[str]) -> tuple[str, ...]:
    seen: dict[str, None] = {}
    for name in header:
        key = reduced(name) or name
        seen[key if key not in seen else f"{key} {len(seen)}"] = None
    return tuple(seen)


def _row_count(file: Profile, earlier: Sequence[Profile]) -> Iterator[Drift]:
    """Counts are compared as factors: a file of a tenth is as odd as one of ten times."""
    counts = [math.log(before.records) for before in earlier]
    usual, deviation = _centre(counts)
    distance = abs(math.log(file.records) - usual)
    typical = round(math.exp(usual))
    if distance > max(math.log(_COUNT_FACTOR), _DEVIATIONS * deviation) and abs(file.records - typical) > _COUNT_FLOOR:
        yield Drift("ROW_COUNT", None, f"the file has {file.records:,} records, usual are {typical:,}")


def _rejects(file: Profile, earlier: Sequence[Profile]) -> Iterator[Drift]:
    """Only more rejects than usual are told of: fewer are no harm."""
    share = file.rejected / file.records
    shares = [before.rejected / before.records for before in earlier]
    usual = _unusual_share(share, file.records, shares, _REJECT_FLOOR)
    if usual is not None and share > usual:
        yield Drift("REJECT_RATE", None, f"{share:.0%} of the records are rejected, usual are {usual:.0%}")


def _fill(file: Profile, earlier: Sequence[Profile]) -> Iterator[Drift]:
    for column, name in zip(file.columns, file.header, strict=True):
        shares = [before.share_filled(column) for before in earlier if column in before.columns]
        if len(shares) < _EARLIER_FILES:
            continue
        share = file.share_filled(column)
        usual = _unusual_share(share, file.records, shares, _FILL_FLOOR)
        if usual is not None:
            told = f"{share:.0%} of the records have something in the column, usual are {usual:.0%}"
            yield Drift("FILL_RATE", name, told)


def _unusual_share(share: float, records: int, earlier: Sequence[float], floor: float) -> float | None:
    """The usual share where this one is far from it, else None."""
    usual, deviation = _centre(earlier)
    adjusted = (usual * records + 2) / (records + 4)
    chance = math.sqrt(adjusted * (1 - adjusted) / records)
    return usual if abs(share - usual) > max(floor, _DEVIATIONS * deviation, _DEVIATIONS * chance) else None


def _centre(figures: Sequence[float]) -> tuple[float, float]:
    """Median, and the standard deviation that the MAD stands for."""
    middle = median(figures)
    return middle, _MAD_TO_DEVIATION * median(abs(figure - middle) for figure in figures)


def _share_skipped(profile: Profile) -> float | None:
    valid = profile.records - profile.rejected
    return None if profile.skipped is None or not valid else profile.skipped / valid
