"""The corrected copy of an export: how it is read, and what is told of it."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from import_steps import counts
from reject_steps import corrected, exported, outstanding, saved

from plaintiff_moat.errors import BadInput
from plaintiff_moat.importer import import_file
from plaintiff_moat.ledger.connect import Database
from plaintiff_moat.ledger.runs import find_run
from plaintiff_moat.preview import preview_file
from plaintiff_moat.rejects import export_rejects
from plaintiff_moat.source import Reading


def test_a_last_column_without_a_name_is_called_by_its_place_and_comes_back(
    database: Database, conn: psycopg.Connection, tmp_path: Path
) -> None:
    """As a file has whose every line ends with a delimiter; what stands in it is kept in extra."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"Plaintiff Name,Amount,\nAda,1.00,\nBen,n/a,late\n")
    summary = import_file(path, database)
    assert (counts(summary), summary.unmapped) == ((2, 1, 0, 1), ("column 3",))
    run = find_run(conn, str(summary.run_id))
    for file in (path, None):
        (record,) = exported(conn, run, file)
        assert list(record)[:4] == ["Plaintiff Name", "Amount", "column 3", "error_code"]
    fixed = import_file(saved(tmp_path / "b.csv", [record | {"Amount": "2.00"}]), database, replays=run["id"])
    assert (counts(fixed), outstanding(conn, run)) == ((1, 1, 0, 0), (1, 0))
    extras = "select plaintiff_name, extra ->> 'column 3' from ingest.v_plaintiffs"
    assert set(conn.execute(extras)) == {("Ada", None), ("Ben", "late")}


@pytest.mark.parametrize(
    ("encoding", "delimiter", "names"),
    [
        ("cp1250", ",", ["Dvo\u0159\u00e1k", "Ji\u0159\u00ed Nov\u00e1k"]),
        ("cp1257", "^", ["Ka\u017eys", "Ei\u0161is"]),
        ("utf-8", "^", ["Ka\u017eys", "Ei\u0161is"]),
        ("utf-16-le", "^", ["Ka\u017eys", "Ei\u0161is"]),
    ],
)
@pytest.mark.parametrize("saved_as", [None, "utf-8"])
def test_an_export_is_read_as_it_was_written(
    database: Database,
    conn: psycopg.Connection,
    tmp_path: Path,
    encoding: str,
    delimiter: str,
    names: list[str],
    saved_as: str | None,
) -> None:
    """What was said of the vendor's file holds for its copy too, unless that was saved otherwise."""
    path, copy = tmp_path / "vendor.csv", tmp_path / "copy.csv"
    header = f'"Plaintiff\nName"{delimiter}Amount'  # as a heading of two lines is saved
    lines = [header, *(f"{name}{delimiter}pending" for name in names), f"Zed{delimiter}1"]
    path.write_bytes("\n".join([*lines, ""]).encode(encoding))
    reading = Reading(delimiter=delimiter, encoding=encoding)
    run_id = import_file(path, database, source_system="acme", reading=reading).run_id
    target = BytesIO()
    run = find_run(conn, str(run_id))
    export_rejects(conn, run, target, file=path)
    text = target.getvalue().decode(encoding).replace("pending", "12.50")
    copy.write_bytes(text.encode(saved_as or encoding))
    assert preview_file(copy, database, replays=run_id).rows_inserted == len(names)
    import_file(copy, database, replays=run_id)
    assert outstanding(conn, run) == (len(names), 0)
    assert {name for (name,) in conn.execute("select plaintiff_name from ingest.v_plaintiffs")} == {*names, "Zed"}


@pytest.mark.parametrize(
    ("vendors", "saved_as"), [("cp1252", "mac_roman"), ("mac_roman", "cp1252"), ("cp1252", "cp850")]
)
def test_a_copy_in_another_encoding_is_never_read_in_the_vendors(
    database: Database, conn: psycopg.Connection, tmp_path: Path, vendors: str, saved_as: str
) -> None:
    """Every byte is a character in all of them: what is evident is read so, and anything else refused."""
    path, copy = tmp_path / "vendor.csv", tmp_path / "copy.csv"
    names = ["Zo\u00eb Gro\u00df", "J\u00fcrgen M\u00fcller", "B\u00e4rbel"]
    path.write_bytes("\n".join(["Plaintiff Name,Amount", *(f"{name},pending" for name in names), ""]).encode(vendors))
    run_id = import_file(path, database, reading=Reading(encoding=vendors)).run_id
    target = BytesIO()
    export_rejects(conn, find_run(conn, str(run_id)), target, file=path)
    copy.write_bytes(target.getvalue().decode(vendors).replace("pending", "5").encode(saved_as))
    if saved_as != "cp1252":
        with pytest.raises(BadInput, match="whose encoding is evident"):
            import_file(copy, database, replays=run_id)
        return
    import_file(copy, database, replays=run_id)
    assert {name for (name,) in conn.execute("select plaintiff_name from ingest.v_plaintiffs")} == set(names)


def test_a_correction_whose_columns_were_renamed_is_told_of(
    database: Database, conn: psycopg.Connection, delivered: Path, parent: dict[str, Any], tmp_path: Path
) -> None:
    """Its amounts would be kept in extra, and its records count as fixed without them."""
    renamed = [
        {"Amt Judgm" if name == "Judgment Amount" else name: cell for name, cell in record.items()}
        for record in corrected(exported(conn, parent, delivered))
    ]
    copy = saved(tmp_path / "fixed.csv", renamed)
    found = [("COLUMN_MISSING", "Judgment Amount"), ("COLUMN_NEW", "Amt Judgm")]
    for summary in (
        preview_file(copy, database, source_system="acme", replays=parent["id"]),
        import_file(copy, database, source_system="acme", replays=parent["id"]),
    ):
        assert [(drift.code, drift.column) for drift in summary.drift] == found


def test_a_correction_of_the_same_name_is_not_said_to_replace_another(
    parent: dict[str, Any],
    run_moat: Callable[..., Result],
    conn: psycopg.Connection,
    tmp_path: Path,
) -> None:
    """To replace it would undo what it has fixed."""
    records = corrected(exported(conn, parent))
    for week, record in zip(("1", "2"), records, strict=False):
        (tmp_path / week).mkdir()
        fixed = saved(tmp_path / week / "fixed.csv", [record])
        said = run_moat("import", fixed, "--source-system", "acme", "--replays", str(parent["id"]), "--commit").output
    assert "is of the same batch with other bytes, and stays active\n" in said
    assert "--replaces" not in said


def test_what_was_redacted_comes_back_with_a_warning(
    database: Database, conn: psycopg.Connection, parent: dict[str, Any], tmp_path: Path
) -> None:
    """Without the delivered file the placeholders are what is left; the source system is the parent's by itself."""
    records = corrected(exported(conn, parent)[:2])
    summary = import_file(saved(tmp_path / "fixed.csv", records), database, replays=parent["id"])
    assert (summary.source_system, counts(summary)) == ("acme", (2, 2, 0, 0))
    assert summary.warnings == {"REDACTED_CELL": 2}
    assert outstanding(conn, parent)[0] == 2
