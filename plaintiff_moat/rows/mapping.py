"""Which header spellings fill which canonical column, and the fit of such a mapping to one file's header."""

import difflib
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from plaintiff_moat.errors import BadInput
from plaintiff_moat.rows.headers import is_sensitive, labels, reduced

__all__ = ["HEADING_COLUMNS", "BoundMapping", "Mapping", "require_names"]

HEADING_COLUMNS: Final = 2  # known columns that make a row a header: one cell may be a value that looks like one
SHOWN: Final = 40  # columns of a header that an error message lists
_OWN_MAPPING: Final = "; `moat inspect FILE -o mapping.toml` writes a mapping to correct"
_LIKE_A_VALUE: Final = re.compile(r"@|[0-9]{3}")


@dataclass(frozen=True, slots=True)
class Mapping:
    """A validated mapping: no spelling stands for two columns, and none of a sensitive column stands for any."""

    name: str
    version: int
    description: str
    columns: tuple[tuple[str, tuple[str, ...]], ...]
    identity: tuple[str, ...]
    sensitive: frozenset[str]

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of all that decides what a record becomes; the description does not."""
        content = {
            "name": self.name,
            "version": self.version,
            "columns": {column: [reduced(text) for text in spellings] for column, spellings in self.columns},
            "identity": self.identity,
            "sensitive": sorted(self.sensitive),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def heads(self, cells: Sequence[str]) -> bool:
        """Tell whether a row is a header that this mapping knows: at least two of its cells name different columns."""
        places = self.places()
        return len({places[key] for key in map(reduced, cells) if key in places}) >= HEADING_COLUMNS

    def places(self) -> dict[str, str]:
        """Give the canonical column of every spelling, reduced."""
        return {reduced(text): column for column, spellings in self.columns for text in spellings}

    def bind(self, header: Sequence[str]) -> "BoundMapping":
        """Fit the mapping to a file's header, or raise `BadInput` naming what is missing.

        Where several columns of the file could fill a canonical one, the spelling that the mapping lists first
        wins and the others stay in `extra`; two columns of that same spelling are refused.
        """
        # the label too: the database judges by it, and where it is cut another word may end
        secret = frozenset(
            at
            for at, (cell, label) in enumerate(zip(header, labels(header), strict=True))
            if is_sensitive(cell, self.sensitive) or is_sensitive(label)
        )
        places: dict[str, list[int]] = {}
        for at, cell in enumerate(header):
            if at not in secret:
                places.setdefault(reduced(cell), []).append(at)
        bound: dict[str, int] = {}
        for column, spellings in self.columns:
            found = next((places[key] for key in map(reduced, spellings) if key in places), [])
            if len(found) > 1:
                raise BadInput(_ambiguous(column, found, header))
            if found:
                bound[column] = found[0]
        self._check_bound(bound, header)
        used = frozenset(bound.values())
        extra = tuple(at for at in range(len(header)) if at not in used)
        return BoundMapping(mapping=self, columns=tuple(bound.items()), extra=extra, sensitive=secret)

    def _check_bound(self, bound: dict[str, int], header: Sequence[str]) -> None:
        if "plaintiff_name" not in bound:
            raise BadInput(_nameless(self, header, known=bool(bound)))
        if not bound.keys() & set(self.identity):
            raise BadInput(
                f"mapping '{self.name}' identifies records by {', '.join(self.identity)}, and no column of the file "
                f"gives any of them; found: {_shown(header)}; expected one of {_expected(self, self.identity)}"
                f"{_nearest(self, self.identity, header)}; name another identity or another mapping{_OWN_MAPPING}"
            )

    def spellings(self, column: str) -> tuple[str, ...]:
        """Give the header spellings that fill a canonical column; none if the mapping does not fill it."""
        return dict(self.columns).get(column, ())


@dataclass(frozen=True, slots=True)
class BoundMapping:
    """A mapping fitted to one header: plain data by column position, which a chunk task can carry."""

    mapping: Mapping
    columns: tuple[tuple[str, int], ...]
    extra: tuple[int, ...]
    sensitive: frozenset[int]

    @property
    def fingerprint(self) -> str:
        """The mapping's own: the header that it is fitted to is part of the file's hash."""
        return self.mapping.fingerprint

    def unmapped(self, header: Sequence[str]) -> tuple[str, ...]:
        """Name the columns that go to `extra`: the mapping does not know them, or another one has their place."""
        names = labels(header)
        return tuple(names[at] for at in self.extra)

    def outdone(self, header: Sequence[str]) -> dict[str, str]:
        """Name the columns that the mapping knows and that go to `extra`, each with the column that has its place."""
        names = labels(header)
        places = self.mapping.places()
        filled = dict(self.columns)
        known = {at: places.get(reduced(header[at])) for at in self.extra if at not in self.sensitive}
        return {names[at]: names[filled[column]] for at, column in known.items() if column in filled}


def require_names(header: Sequence[str]) -> None:
    """Raise BadInput unless every column has a name of its own, by which `extra` and messages call it.

    The last columns may be without one: a delimiter ends each line, or a spreadsheet was wider than its table. They are
    called by their place.
    """
    seen: dict[str, int] = {}
    names = [cell.strip() for cell in header]
    named = max((position for position, column in enumerate(names, 1) if column), default=0)
    for position, column in enumerate(names[:named], 1):
        if not column:
            raise BadInput(
                f"expected a name for every column, found none for column {position} of {_shown(header)}; name it"
            )
        if column in seen:
            raise BadInput(
                f"expected a different name for every column, found one name for columns {seen[column]} and {position} "
                f"of {_shown(header)}; rename one of them"
            )
        seen[column] = position


def _ambiguous(column: str, found: Sequence[int], header: Sequence[str]) -> str:
    names = labels(header)
    both = " and ".join(f"column {at + 1} ('{names[at]}')" for at in found)
    return f"the header has more than one column for {column}: {both}; rename or drop all but one"


def _nameless(mapping: Mapping, header: Sequence[str], *, known: bool) -> str:
    hint = _nearest(mapping, ("plaintiff_name",), header)
    first = _OWN_MAPPING if known or hint else "; is the first line a header?"
    return (
        f"no column gives plaintiff_name under mapping '{mapping.name}': found {_shown(header)}; "
        f"expected one of {_expected(mapping, ('plaintiff_name',))}{hint}{first}"
    )


def _expected(mapping: Mapping, columns: Sequence[str]) -> str:
    return ", ".join(f"'{text}'" for column in columns for text in mapping.spellings(column))


def _nearest(mapping: Mapping, columns: Sequence[str], header: Sequence[str]) -> str:
    expected = [text for column in columns for text in mapping.spellings(column)]
    spellings = {reduced(text): text for text in reversed(expected)}
    near = (match for cell in header for match in difflib.get_close_matches(reduced(cell), spellings, n=1, cutoff=0.7))
    guess = next(near, None)
    return f" (did you mean '{spellings[guess]}'?)" if guess else ""


def _shown(header: Sequence[str]) -> str:
    """List a header whose cells may be values, as the first line of a file without a header is."""
    shown = [f"'{label}'" if not _LIKE_A_VALUE.search(label) else "(a value?)" for label in labels(header)]
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return ", ".join(shown[:SHOWN]) + more
