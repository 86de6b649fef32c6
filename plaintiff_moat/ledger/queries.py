"""The catalogue of statements: `queries.sql`, by name."""

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

__all__ = ["query"]

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def _catalogue() -> dict[str, LiteralString]:
    text = files("plaintiff_moat.ledger").joinpath("queries.sql").read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    # A file of this package is as literal as a string of it: nothing from outside goes into a statement's text.
    return {name: cast("LiteralString", body.strip()) for name, body in zip(parts[::2], parts[1::2], strict=True)}


def query(name: str) -> LiteralString:
    """The statement of this name; KeyError when there is none."""
    return _catalogue()[name]
