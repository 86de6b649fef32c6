"""A mapping proposed for a header: which column of it is which canonical one, and how sure that is."""

import difflib
import json
from collections.abc import Mapping as Map
from collections.abc import Sequence
from typing import Final

from plaintiff_moat.redaction import redact
from plaintiff_moat.rows.columns import DEFAULT_IDENTITY
from plaintiff_moat.rows.headers import is_sensitive, reduced
from plaintiff_moat.rows.mapping import Mapping

__all__ = ["mapping_toml", "propose"]

_ALIKE: Final = 0.7  # of difflib's ratio, from which a name is worth proposing


def propose(mapping: Mapping, header: Sequence[str]) -> dict[int, tuple[str, float]]:
    """Give the canonical column and the confidence, from 0.7 to 1, of the positions that have one.

    1 is a spelling that the mapping knows; less is the likeness to the nearest one, by difflib's ratio. No canonical
    column is proposed twice, no spelling for two, and a sensitive column never.
    """
    rated = sorted(
        (
            (-_likeness(cell, spelling), order, at, column)
            for at, cell in enumerate(header)
            if reduced(cell) and not is_sensitive(cell, mapping.sensitive) and redact(cell) == cell
            for column, spellings in mapping.columns
            for order, spelling in enumerate(spellings)
        )
    )
    found: dict[int, tuple[str, float]] = {}
    taken: set[str] = set()
    spelled: set[str] = set()
    for negative, _, at, column in rated:
        if -negative < _ALIKE:
            break
        if reduced(header[at]) not in spelled and column not in taken:
            found[at] = (column, round(-negative, 2))
            taken.add(column)
            spelled.add(reduced(header[at]))
    return dict(sorted(found.items()))


def _likeness(cell: str, spelling: str) -> float:
    ours, theirs = reduced(cell), reduced(spelling)
    if ours == theirs:
        return 1.0
    matcher = difflib.SequenceMatcher(a=ours, b=theirs, autojunk=False)
    # never 1: what is only alike is to be looked at
    return min(matcher.ratio(), 0.99) if matcher.quick_ratio() >= _ALIKE else 0.0


def mapping_toml(name: str, base: Mapping, header: Sequence[str], proposed: Map[int, tuple[str, float]]) -> str:
    """Write the proposal as a mapping file with identity and sensitive columns of `base`; doubts are comments."""
    columns = {column for column, _ in proposed.values()}
    lines = [f"name = {_text(name)}", "version = 1"]
    if base.identity != DEFAULT_IDENTITY and columns & set(base.identity):
        lines.append(f"identity = [{', '.join(map(_text, base.identity))}]")
    if base.sensitive:
        lines.append(f"sensitive = [{', '.join(map(_text, sorted(base.sensitive)))}]")
    lines += ["", "[columns]"]
    for at, (column, confidence) in proposed.items():
        doubt = "" if confidence == 1 else f"  # alike by {confidence:.0%}: check"
        lines.append(f"{column} = [{_text(header[at])}]{doubt}")
    if "plaintiff_name" not in columns:
        lines.append("# plaintiff_name = [...]  # required: no column of the file looks like it")
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    # TOML's basic strings are JSON's but for one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
