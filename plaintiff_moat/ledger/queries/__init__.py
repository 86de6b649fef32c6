"""The catalogue of statements, by name: every one that this package sends stands in an .sql file of this folder.

What a statement does is said where the function that it calls is defined: supabase/migrations.
"""

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

__all__ = ["query"]

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def _catalogue() -> dict[str, LiteralString]:
    folder = files("plaintiff_moat.ledger.queries")
    texts = (file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".sql"))
    parts = [part for text in texts for part in _NAME.split(text)[1:]]
    # A file of this package is as literal as a string of it: nothing from outside goes into a statement's text.
    return {name: cast("LiteralString", body.strip()) for name, body in zip(parts[::2], parts[1::2], strict=True)}


def query(name: str) -> LiteralString:
    """The statement of this name; KeyError when there is none."""
    return _catalogue()[name]
