"""Fixtures of the runbook's tests."""

from pathlib import Path

import pytest

from etl.tests.runbook_steps import Operator

_CSV = """\
Plaintiff Name,Contact Email,Index Number,Judgment Amount,Judgment Date
Ada Byron,ada@example.com,2025-001,"$1,200.50",2025-03-01
Grace Hopper,grace@example.com,2025-002,300,03/02/2025
Grace Hopper,GRACE@example.com,2025-002,300,03/02/2025
,nobody@example.com,2025-003,10,2025-03-03
Mary Shelley,mary@example.com,2025-004,N/A,2025-03-04
"""


@pytest.fixture
def operator(db_url: str, tmp_path: Path) -> Operator:
    """Return an operator whose folder has the files that the runbook's commands name."""
    (tmp_path / "data").mkdir()
    for name in ("data/plaintiffs.csv", "data/simplicity_export.csv", "plaintiffs.csv"):
        (tmp_path / name).write_text(_CSV, encoding="utf-8")
    return Operator(db_url, tmp_path)


@pytest.fixture
def imported(operator: Operator) -> str:
    """Import the runbook's file and return its run."""
    return operator.imports("data/plaintiffs.csv")
