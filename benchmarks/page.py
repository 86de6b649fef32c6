"""Bring docs/performance.md up to date: its figures become those of benchmarks/results.

    python benchmarks/page.py

`make bench` and `make bench-growth` end with this. Below a heading that a result has too, the page's first table is
replaced, and the paragraph that says how and on which machine the figures were taken.
"""

import re
from pathlib import Path

from report import RESULTS

__all__ = ["up_to_date"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
MEASURED = ("ingestion.md", "growth.md")

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_TABLE = re.compile(r"^\|.*\n(?:\|.*\n)+", re.MULTILINE)
_TAKEN = re.compile(r"^Written by `make (\S+) .*\n(?:.+\n)*", re.MULTILINE)


def main() -> None:
    """Rewrite the page."""
    text = PAGE.read_text(encoding="utf-8")
    for name in MEASURED:
        if (RESULTS / name).exists():
            text = up_to_date(text, (RESULTS / name).read_text(encoding="utf-8"))
    PAGE.write_text(text, encoding="utf-8")


def up_to_date(page: str, result: str) -> str:
    """The page with the figures of a result in place of its own."""
    tables = _tables(result)
    parts = _SECTION.split(page)
    for at in range(1, len(parts), 2):
        if parts[at] in tables:
            parts[at + 1] = _TABLE.sub(lambda _, table=tables[parts[at]]: table, parts[at + 1], count=1)
    joined = parts[0] + "".join(f"## {heading}{body}" for heading, body in zip(parts[1::2], parts[2::2], strict=True))
    taken = _TAKEN.search(result)
    if taken is None:
        return joined
    return _TAKEN.sub(lambda found: taken[0] if found[1] == taken[1] else found[0], joined)


def _tables(text: str) -> dict[str, str]:
    parts = _SECTION.split(text)
    found = {heading: _TABLE.search(body) for heading, body in zip(parts[1::2], parts[2::2], strict=True)}
    return {heading: table[0] for heading, table in found.items() if table}


if __name__ == "__main__":
    main()
