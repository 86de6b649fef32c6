"""docs/performance.md shows the figures of the last runs."""

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"


@pytest.mark.parametrize("result", ["ingestion.md", "growth.md"])
def test_the_published_figures_are_those_of_the_last_run(result: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table of the result stands in the page, with how it was taken: `benchmarks/page.py` sees to it."""
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    up_to_date = runpy.run_path(str(BENCHMARKS / "page.py"))["up_to_date"]
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    measured = (BENCHMARKS / "results" / result).read_text(encoding="utf-8")
    assert up_to_date(page, measured) == page
    rows = [line for line in measured.splitlines() if line.startswith("|")]
    assert rows
    assert [row for row in rows if row not in page] == []
