"""A vendor's file with rejects of every kind, the run of it, and the command line."""

import csv
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from import_steps import counts
from reject_steps import HEADER, NOTES, SSN

from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.connect import Database


@pytest.fixture
def delivered(tmp_path: Path) -> Path:
    """A vendor's file: a good record, one without an amount for each note, one of five fields, one of a bare quote."""
    text = StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for at, note in enumerate(NOTES):
        writer.writerow([f"Ben {at}", "b@x.org", f"CV-{at}", "n/a", note, f"SSN {SSN}"])
    lines = [HEADER, "Ada,a@x.org,CV-A,1.00,,", *text.getvalue().splitlines(keepends=True)]
    broken = f'Cyd,c@x.org,CV-C,1.00,{SSN}\nDot,d@x.org,CV-D,2.00,a "b",\n'
    path = tmp_path / "vendor.csv"
    path.write_bytes(("\n".join(lines[:2]) + "\n" + "".join(lines[2:]) + broken).encode())
    return path


@pytest.fixture
def parent(delivered: Path, database: Database) -> dict[str, Any]:
    """The run of the delivered file, as view v_runs shows it."""
    summary = import_file(delivered, database, source_system="acme")
    assert counts(summary) == (len(NOTES) + 3, 1, 0, len(NOTES) + 2)
    return {"id": summary.run_id, "file_hash": summary.file_hash, "replays": None}
