"""`moat import` of a folder or a pattern: every file by itself, shared between processes without a conflict."""

import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

Moat = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    """A folder of five good files, a bad one between them, and what is no delivery."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    for number in range(5):
        people = "".join(f"P{number}{person},p{person}@example.com,CV-{number}{person}\n" for person in range(3))
        (folder / f"week-{number}.CSV").write_text(f"Plaintiff Name,Email,Case Number\n{people}", encoding="utf-8")
    (folder / "week-2-bad.csv").write_text("no header that any mapping knows\n", encoding="utf-8")
    (folder / ".week-9.csv").write_text("half an upload", encoding="utf-8")
    (folder / "week-1.csv.part").write_text("half an upload", encoding="utf-8")
    (folder / "old").mkdir()
    return folder


def test_a_folder_is_taken_in_file_by_file(moat: Moat, incoming: Path, conn: psycopg.Connection) -> None:
    """The bad file stops no other, the totals are told at the end, the exit code is the worst."""
    done = moat("import", str(incoming), "--commit")
    assert done.returncode == 2, done
    assert "5 completed, 1 not imported" in done.stdout
    assert "15 records read, 15 inserted, 0 skipped, 0 failed" in done.stdout
    assert "week-2-bad.csv" in done.stderr
    claimed = conn.execute("select filename from ingest.import_runs order by claimed_at").fetchall()
    assert [name for (name,) in claimed] == [f"week-{number}.CSV" for number in range(5)]

    (incoming / "week-2-bad.csv").unlink()
    again = moat("import", str(incoming / "*.CSV"), "--commit", "--json")
    assert again.returncode == 0, again
    assert {json.loads(line)["claim_status"] for line in again.stdout.splitlines()} == {"duplicate"}


def test_an_empty_folder_is_nothing_to_do(moat: Moat, tmp_path: Path) -> None:
    """An hourly import of a folder that nothing was delivered to is no failure."""
    done = moat("import", str(tmp_path), "--commit")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}: no files of a kind that can be imported\n")


@pytest.mark.parametrize(
    "arguments", [("--batch-id", "b"), ("--commit", "--db", "postgresql://127.0.0.1:9/moat")], ids=["batch", "database"]
)
def test_what_no_file_could_pass_is_refused_once(moat: Moat, incoming: Path, arguments: tuple[str, ...]) -> None:
    """One batch id for many deliveries, or a database that is not there, is told once and not file by file."""
    done = moat("import", str(incoming), *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("moat: ") == 1


@pytest.mark.parametrize(
    "option",
    [("--batch-id", "b"), ("--replaces", "0"), ("--replays", "0"), ("--expect-rows", "1"), ("--expect-total", "1.00")],
    ids=lambda option: option[0],
)
def test_what_is_said_of_one_file_is_refused_before_any_is_taken(
    moat: Moat, incoming: Path, tmp_path: Path, conn: psycopg.Connection, option: tuple[str, str]
) -> None:
    """Where it fits no path, the one before it is not imported either."""
    first = tmp_path / "first.csv"
    first.write_text("Plaintiff Name\nAda\n", encoding="utf-8")
    refused = moat("import", str(first), str(incoming), "--commit", *option)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert option[0] in refused.stderr
    assert conn.execute("select from ingest.import_runs").fetchone() is None


def test_processes_share_a_folder(moat: Moat, incoming: Path, conn: psycopg.Connection) -> None:
    """Two imports of a folder at once take every file in, each once, and both end well."""
    (incoming / "week-2-bad.csv").unlink()
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda _: moat("import", str(incoming), "--commit"), range(2)))
    assert [end.returncode for end in ends] in ([0, 0], [0, 1], [1, 0]), ends
    runs = conn.execute("select status::text, attempt from ingest.import_runs").fetchall()
    assert runs == [("completed", 1)] * 5
    assert conn.execute("select count(*) from ingest.v_plaintiffs").fetchone() == (15,)
