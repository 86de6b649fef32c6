"""A file that is unlike those before it is told of, and with `strict` never published."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from import_steps import active, everything

from plaintiff_moat.attest import make_certificate
from plaintiff_moat.audit import verify
from plaintiff_moat.errors import Drifted
from plaintiff_moat.evidence.certificates import check_certificate
from plaintiff_moat.expected import Expected
from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.claims import IngestClaimClient
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.preview import preview_file

STRICT = Expected(strict=True)


@pytest.fixture
def feed(database: Database, csv_file: Callable[..., Path]) -> Callable[[str], Path]:
    """A vendor's files of 40 records; three of them are imported, strictly, without a word."""

    def names(day: str) -> list[str]:
        return [f"{day}{number}" for number in range(40)]

    for day in "ABC":
        assert import_file(csv_file(f"{day}.csv", names(day)), database, expected=STRICT).drift == ()
    return lambda day: csv_file(f"{day}.csv", names(day))


def edited(path: Path, change: Callable[[str], str]) -> Path:
    """The file with other text in it."""
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    return path


CHANGES: dict[tuple[str, str | None], Callable[[str], str]] = {
    ("COLUMN_MISSING", "Email"): lambda text: "\n".join(
        ",".join(cell for at, cell in enumerate(line.split(",", 2)) if at != 1) for line in text.splitlines()
    ),
    ("COLUMN_NEW", "Notes 2"): lambda text: text.replace("Notes\n", "Notes,Notes 2\n").replace("05-01,\n", "05-01,,\n"),
    ("FILL_RATE", "Judgment Date"): lambda text: text.replace("2024-05-01", "  "),
    ("REJECT_RATE", None): lambda text: text.replace("2024-05-01", "soon", 20),
    ("ROW_COUNT", None): lambda text: (
        text + "".join(f"X{number},{number}@example.com,CV-{number},5,2024-05-01,\n" for number in range(200))
    ),
    ("DUPLICATE_RATE", None): lambda text: re.sub(r"D(?=\d)", "A", text),
}


@pytest.mark.parametrize(("drift", "change"), CHANGES.items(), ids=[code for code, _ in CHANGES])
def test_an_unusual_file_is_refused_strictly_and_taken_in_with_a_warning(
    database: Database,
    conn: psycopg.Connection,
    feed: Callable[[str], Path],
    drift: tuple[str, str | None],
    change: Callable[[str], str],
) -> None:
    """Dry run and strict import refuse it and nothing of it is active; the run says why and can be continued."""
    path = edited(feed("D"), change)
    before, rows = active(conn), everything(conn)
    with pytest.raises(Drifted, match=drift[0]):
        preview_file(path, database, expected=STRICT)
    assert everything(conn) == rows
    with pytest.raises(Drifted, match=drift[0]):
        import_file(path, database, expected=STRICT)
    assert active(conn) == before
    run_id, details = conn.execute("select id, error_details from ingest.v_runs where status = 'failed'").fetchone()
    assert details["code"] == "DRIFT"
    assert [(found["code"], found["column"]) for found in details["findings"]] == [drift]
    assert verify(conn).holds

    summary = import_file(path, database)
    assert (summary.run_id, summary.status) == (run_id, "completed")
    assert [(found.code, found.column) for found in summary.drift] == [drift]
    events = conn.execute(
        "select details from ingest.v_run_events where import_run_id = %s and event = 'drifted'", [run_id]
    ).fetchall()
    assert [found["code"] for (held,) in events for found in held["findings"]] == [drift[0]]
    assert verify(conn).holds
    assert check_certificate(make_certificate(conn, run_id)).finding is None


def test_a_folder_tells_of_drift_under_the_line_of_its_file(
    run_moat: Callable[..., Result], feed: Callable[[str], Path], tmp_path: Path
) -> None:
    """As the import of a single file does, and as JSON too."""
    (drift, column), change = next(iter(CHANGES.items()))
    folder = tmp_path / "incoming"
    folder.mkdir()
    edited(feed("D"), change).rename(folder / "D.csv")
    shown = run_moat("import", str(folder), "--json")
    assert shown.exception is None, shown
    (told,) = json.loads(shown.stdout)["drift"]
    assert (told["code"], told["column"]) == (drift, column)
    line, warning, *_ = run_moat("import", str(folder), "--commit").output.splitlines()
    assert line.startswith("completed ")
    assert f"unlike earlier files, {drift}: {column}:" in warning


def test_files_of_one_kind_are_no_news(
    database: Database, conn: psycopg.Connection, feed: Callable[[str], Path]
) -> None:
    """The next file of the feed is silent, also where the same records come again and again in a feed that repeats."""
    assert import_file(feed("D"), database, expected=STRICT).drift == ()
    assert conn.execute("select count(*) from ingest.v_run_events where event = 'drifted'").fetchone() == (0,)


def test_what_was_undone_is_no_history(database: Database, csv_file: Callable[..., Path]) -> None:
    """Neither a rolled-back file nor the one that is being replaced says what is usual."""
    wrong = import_file(edited(csv_file("A.csv", ["Ada"]), lambda text: text.replace("Notes", "Remarks")), database)
    right = csv_file("B.csv", ["Ada", "Ben"])
    with pytest.raises(Drifted, match="COLUMN_MISSING Remarks"):
        preview_file(right, database, expected=STRICT)
    assert import_file(right, database, replaces=wrong.run_id, expected=STRICT).drift == ()


def test_a_file_without_a_valid_record_is_refused_strictly(
    database: Database, conn: psycopg.Connection, csv_file: Callable[..., Path]
) -> None:
    """Also the first one of a vendor, of whom nothing is usual yet."""
    path = csv_file("A.csv", [], ",a@example.com,CV-1,1,,")
    with pytest.raises(Drifted, match="NO_VALID_RECORD"):
        import_file(path, database, expected=STRICT)
    assert conn.execute("select status::text from ingest.v_runs").fetchall() == [("failed",)]
    IngestClaimClient(conn).rollback(conn.execute("select id from ingest.v_runs").fetchone()[0], "empty")
    assert [drift.code for drift in import_file(path, database).drift] == ["NO_VALID_RECORD"]
