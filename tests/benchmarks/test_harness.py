"""The benchmarks run: what they measure is asked of the product as it is today."""

import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from plaintiff_moat.ledger.embedded import EmbeddedServer

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def output(script: str, *arguments: object) -> str:
    """What the script prints."""
    command = [sys.executable, str(BENCHMARKS / script), *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def test_the_phases_are_the_whole_import(db_url: str, server: EmbeddedServer, tmp_path: Path) -> None:
    """The steps that are timed one by one leave a completed run of the file behind."""
    file = tmp_path / "simplicity_export.csv"
    output("generate.py", file, "--records", 200)
    phases = json.loads(output("phases.py", db_url, file, server.status().pid))
    assert list(phases) == ["scan", "claim", "read", "normalise", "land", "publish"]
    with psycopg.connect(db_url) as conn:
        assert conn.execute("select status::text, rows_fetched from ingest.import_runs").fetchall() == [
            ("completed", 200)
        ]


def test_claimers_are_granted_each_delivery_once(db_url: str) -> None:
    """The figures come from a storm in which nothing was granted twice."""
    assert json.loads(output("claimers.py", db_url, 4))["same_per_second"] > 0


def test_many_runs_are_in_every_state(db_url: str) -> None:
    """Of ten runs seven are completed and offered again, and one each failed, rolled back and in progress."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        from many_runs import OPERATOR_VIEWS, fill, seconds_of_view  # noqa: PLC0415 - a script's folder, for this once
    finally:
        sys.path.remove(str(BENCHMARKS))
    fill(db_url, 10)
    with psycopg.connect(db_url) as conn:
        states = conn.execute("select status::text, count(*) from ingest.v_runs group by status").fetchall()
        assert dict(states) == {"completed": 7, "failed": 1, "rolled_back": 1, "processing": 1}
        assert conn.execute("select from ingest.v_duplicates_blocked").rowcount == 7
    assert all(seconds_of_view(db_url, view) > 0 for view in OPERATOR_VIEWS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "options", "headings"),
    [
        ("ingestion.py", ("--records", "300", "--only", "floor,moat,staging"), ["Contenders", "Phases of the moat"]),
        ("growth.py", ("--sizes", "300", "--runs", "10", "--claimers", "2"), ["Records", "Runs", "Claimers"]),
    ],
)
def test_a_benchmark_writes_its_tables(
    script: str, options: tuple[str, ...], headings: list[str], tmp_path: Path
) -> None:
    """From generated file to report, on a server of its own."""
    report = output(script, *options, *(["--rounds", "1"] if script == "ingestion.py" else []), "--out", tmp_path)
    assert report == (tmp_path / script.replace(".py", ".md")).read_text(encoding="utf-8")
    assert [heading for heading in headings if f"## {heading}\n" not in report] == []
