"""Fixtures of the tests of whole imports."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from plaintiff_moat import delivery as deliveries
from plaintiff_moat.cli.main import moat
from plaintiff_moat.ledger.connect import Database

HEADER = "Plaintiff Name,Email,Index Number,Judgment Amount,Judgment Date,Notes"


@pytest.fixture
def database(db_url: str) -> Database:
    """The test's own migrated database."""
    return Database(db_url, embedded=True)


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a vendor file of these plaintiffs, a record each."""

    def write(name: str, plaintiffs: Iterable[str], *more_lines: str) -> Path:
        lines = [f'{who},{who}@example.com,CV-{who},"$1,000.50",2024-05-01,' for who in plaintiffs]
        path = tmp_path / name
        path.write_text("\n".join([HEADER, *lines, *more_lines, ""]), encoding="utf-8")
        return path

    return write


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cuts files into chunks of a few records, so that a small file has many."""
    scan = deliveries.scan
    monkeypatch.setattr(deliveries, "scan", partial(scan, chunk_bytes=200))


@pytest.fixture
def run_moat(db_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command of `moat` on the test's database."""
    monkeypatch.setenv("MOAT_DATABASE_URL", db_url)
    return lambda *arguments: CliRunner().invoke(moat, [str(given) for given in arguments], standalone_mode=False)
